import { expect, it } from 'vitest';

import { Entry, joined, wordsOf } from './entries';

const at = (seq: number, fields: object): Entry =>
  ({ key: 'k', seq, time: seq, ...fields }) as unknown as Entry;

it('joins a tool call from two stretches: the newest word on each field, all of its output', () => {
  const older = at(1, { kind: 'tool', call: 'c', title: 'ls', status: 'pending', output: 'a' });
  const newer = at(9, { kind: 'tool', call: 'c', title: undefined, status: 'failed', output: 'b' });
  expect(joined(older, newer)).toMatchObject({
    ...{ seq: 1, time: 1 },
    ...{ title: 'ls', status: 'failed', output: 'ab' }
  });
});

it('joins words in their order, unless a retry began them anew', () => {
  const older = at(1, { kind: 'message', text: 'Hel', images: [] });
  const newer = at(9, { kind: 'message', text: 'lo', images: [{ type: 'image' }] });
  expect(joined(older, newer)).toMatchObject({
    seq: 1,
    text: 'Hello',
    images: [{ type: 'image' }]
  });
  expect(joined(older, at(9, { ...newer, fresh: true }))).toMatchObject({ seq: 1, text: 'lo' });
});

it('keeps what a prompt was when only its end was heard of later', () => {
  const older = at(1, { kind: 'prompt', content: [{ type: 'text', text: 'Go' }], state: 'queued' });
  const ended = at(9, { kind: 'prompt', state: 'failed', error: { code: 'x', message: 'y' } });
  expect(joined(older, ended)).toMatchObject({
    state: 'failed',
    content: [{ text: 'Go' }],
    error: { code: 'x' }
  });
  expect(joined(at(1, { kind: 'request', outcome: 'open' }), at(9, { kind: 'request' }))).toEqual(
    at(1, { kind: 'request' })
  );
});

it('tells blocks that are no text by their name, address or kind', () => {
  const blocks = [{ text: 'See' }, { name: 'a.png' }, { uri: 'file:///b' }, { type: 'audio' }];
  expect(wordsOf(blocks as any)).toBe('See\n[a.png]\n[file:///b]\n[audio]');
  expect(wordsOf(undefined)).toBe('');
});
