import { expect, it } from 'vitest';

import { Heights } from './heights';

const keys = (count: number) => Array.from({ length: count }, (_, at) => `k${at}`);

it('finds the row at a place by measured and guessed heights', () => {
  const heights = new Heights();
  heights.setKeys(keys(4));
  expect(heights.total).toBe(240);
  heights.measure('k0', 100);
  heights.measure('k1', 20);
  expect(heights.top(2)).toBe(120);
  expect(heights.total).toBe(240); // the others are guessed by the average, 60
  expect([0, 99, 100, 119, 120, 9999, -5].map(place => heights.at(place))).toEqual([
    0, 0, 1, 1, 2, 3, 0
  ]);
});

it('knows a row again when older ones came before it', () => {
  const heights = new Heights();
  heights.setKeys(['b']);
  heights.measure('b', 50);
  heights.setKeys(['a', 'b']);
  expect([heights.top(1), heights.total]).toEqual([50, 100]);
  expect(heights.measure('b', 50.2)).toBe(false);
  expect(heights.measure('b', 70)).toBe(true);
});

it('has a place for no rows', () => {
  const heights = new Heights();
  heights.setKeys([]);
  expect([heights.total, heights.at(10), heights.count]).toEqual([0, 0, 0]);
});
