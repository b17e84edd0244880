import { expect, it } from 'vitest';

import { blocksOf } from './blocks';

it.each([
  ['paragraphs', 'one\n\ntwo\n\nthree', ['one\n\n', 'two\n\n', 'three']],
  [
    'a fence with blank lines',
    'a\n\n```py\nx\n\ny\n```\n\nb',
    ['a\n\n', '```py\nx\n\ny\n```\n\n', 'b']
  ],
  ['a fence that is still open', 'a\n\n```\nx\n\ny', ['a\n\n', '```\nx\n\ny']],
  [
    'a fence inside of a longer one',
    '````\n```\n\nx\n```\n````\n\nb',
    ['````\n```\n\nx\n```\n````\n\n', 'b']
  ],
  ['a loose list', '- a\n\n- b\n\n  c\n\nend', ['- a\n\n- b\n\n  c\n\n', 'end']],
  ['a numbered list', '1. a\n\n2. b', ['1. a\n\n2. b']],
  ['a formula', '$$\nx\n\ny\n$$\n\nb', ['$$\nx\n\ny\n$$\n\n', 'b']],
  [
    'HTML, whose end may come later',
    'a\n\n<details>\n\nx\n\n</details>',
    ['a\n\n', '<details>\n\nx\n\n</details>']
  ],
  ['link definitions', 'see [x]\n\nb\n\n[x]: http://y', ['see [x]\n\nb\n\n[x]: http://y']],
  ['nothing', '', []]
])('parts %s', (_, text, blocks) => {
  expect(blocksOf(text)).toEqual(blocks);
});

it('keeps every block but the last when the text grows', () => {
  const text =
    '# T\n\none\n\n- a\n- b\n\n```\nx\n\ny\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nend $x$.';
  let before: string[] = [];
  for (let length = 1; length <= text.length; length++) {
    const now = blocksOf(text.slice(0, length));
    expect(now.join('')).toBe(text.slice(0, length));
    const finished = before.slice(0, -1);
    expect(now.slice(0, finished.length)).toEqual(finished);
    before = now;
  }
});
