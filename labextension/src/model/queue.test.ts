import { expect, it } from 'vitest';

import { droppedPlace, inFrontOf } from './queue';

const order = ['a', 'b', 'c'];

it('tells in front of which one a prompt goes', () => {
  expect(inFrontOf(order, 'c', 1)).toBe('b');
  expect(inFrontOf(order, 'a', 1)).toBe('c');
  expect(inFrontOf(order, 'a', 2)).toBe(null);
});

it('moves nothing beyond the ends, or to where it is', () => {
  for (const [prompt, place] of [
    ['a', -1],
    ['c', 3],
    ['b', 1]
  ] as const) {
    expect(inFrontOf(order, prompt, place)).toBe(undefined);
  }
});

it('tells the place of a prompt that is let go upon another', () => {
  const dropped = (prompt: string, on: string, behind: boolean) =>
    inFrontOf(order, prompt, droppedPlace(order, prompt, on, behind));
  expect(dropped('a', 'c', false)).toBe('c');
  expect(dropped('a', 'c', true)).toBe(null);
  expect(dropped('c', 'a', true)).toBe('b');
  for (const on of ['a', 'b', 'gone']) {
    expect(dropped('a', on, false)).toBe(undefined);
  }
});
