import { expect, it, vi } from 'vitest';

import { CodecastError } from '../connection/api';
import { SessionModel } from './session';

/** A session of 5,000 events of which the last 500 have come. */
function opened(page: (before: number) => Promise<any>): { model: SessionModel; asked: number[] } {
  const asked: number[] = [];
  const stream = { subscribe: () => ({ dispose: () => undefined }) } as any;
  const model = new SessionModel('s1', stream, {
    eventsBefore: (_, before) => {
      asked.push(before);
      return page(before);
    }
  });
  model.subscribed({ after: 4500, last_seq: 4501 } as any);
  model.events([{ seq: 4501, time: 1, type: 'notice', level: 'info', text: 'x' } as any]);
  return { model, asked };
}

const pages = async (before: number): Promise<any> => ({
  events: [{ seq: before - 2000, time: 1, type: 'notice', level: 'info', text: 'x' }],
  more: before > 2001
});

it('brings the pages up to an event that somebody wants to see', async () => {
  const { model, asked } = opened(pages);
  await model.reveal(3000);
  expect(asked).toEqual([4501]);
  expect(model.goal).toBe(3000);
  model.reached();
  expect(model.goal).toBeNull();
  await model.reveal(4501);
  expect(asked.length).toBe(1);
  await model.reveal(1);
  expect(model.from).toBeLessThanOrEqual(501);
});

it('gives up where older events cannot be had, and when somebody wants another one', async () => {
  const problem = { code: 'link_lost', message: 'gone' };
  const { model } = opened(() => Promise.reject(new CodecastError(problem)));
  await model.reveal(5);
  expect(model.problem).toEqual(problem);
  const waiting = opened(() => new Promise(() => undefined));
  void waiting.model.reveal(5);
  waiting.model.dispose();
  await vi.waitFor(() => expect(waiting.asked.length).toBe(1));
});
