import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { CodecastError } from '../connection/api';
import { Finding, marked } from './finding';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const hit = (snippet: string): any => ({ session: 's', seq: 1, snippet });

it('asks once for what was typed in one go', async () => {
  const search = vi.fn(async (q: string) => [hit(q)]);
  const finding = new Finding({ search });
  for (const words of ['l', 'lo', 'loss']) {
    finding.words = words;
  }
  expect(finding.isLooking).toBe(true);
  await vi.advanceTimersByTimeAsync(300);
  expect(search.mock.calls.map(([q]) => q)).toEqual(['loss']);
  expect(finding.hits[0].snippet).toBe('loss');
  expect(finding.isLooking).toBe(false);
});

it('keeps the answer to the last words when an earlier one comes late', async () => {
  const answers: { [q: string]: (hits: any[]) => void } = {};
  const finding = new Finding({
    search: q => new Promise(resolve => (answers[q] = resolve))
  });
  finding.words = 'old';
  await vi.advanceTimersByTimeAsync(300);
  finding.words = 'new';
  await vi.advanceTimersByTimeAsync(300);
  answers.new([hit('new')]);
  await vi.advanceTimersByTimeAsync(0);
  answers.old([hit('old')]);
  await vi.advanceTimersByTimeAsync(0);
  expect(finding.hits.map(({ snippet }) => snippet)).toEqual(['new']);
  finding.words = '';
  expect(finding.hits).toEqual([]);
});

it('shows why nothing could be searched', async () => {
  const problem = { code: 'link_lost', message: 'The Jupyter server does not answer.' };
  const finding = new Finding({ search: () => Promise.reject(new CodecastError(problem)) });
  finding.words = 'loss';
  await vi.advanceTimersByTimeAsync(300);
  expect(finding.problem).toEqual(problem);
});

it('cuts a snippet at its marks, and lives with marks that do not fit', () => {
  expect(marked('the loss is nan', [[4, 8]])).toEqual([
    ['the ', false],
    ['loss', true],
    [' is nan', false]
  ]);
  expect(marked('short', [[2, 99]])).toEqual([['short', false]]);
  expect(marked('', [])).toEqual([]);
});
