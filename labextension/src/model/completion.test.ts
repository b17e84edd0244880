import { expect, it } from 'vitest';

import { commandsFor, complete, completing, filesFor, splitPath } from './completion';

it.each([
  ['/', { kind: 'command', query: '', start: 0, end: 1 }],
  ['/rev', { kind: 'command', query: 'rev', start: 0, end: 4 }],
  ['/review now', null],
  ['look at @src/ma', { kind: 'file', query: 'src/ma', start: 8, end: 15 }],
  ['@', { kind: 'file', query: '', start: 0, end: 1 }],
  ['a@b.c', null],
  ['say /x', null],
  ['@done ', null]
])('sees what is completed in %j', (text, expected) => {
  expect(completing(text, text.length)).toEqual(expected);
});

it('puts a candidate where the caret is, and goes on inside of a directory', () => {
  const text = 'see @sr please';
  const what = completing(text, 7)!;
  expect(complete(text, what, { insert: '@src/', label: 'src/', isOpen: true })).toEqual({
    text: 'see @src/ please',
    caret: 9
  });
  expect(complete('/re', completing('/re', 3)!, { insert: '/review', label: '' })).toEqual({
    text: '/review ',
    caret: 8
  });
});

it('has what begins so first, and hidden files when asked for', () => {
  const entries = ['main.py', 'domain', '.git'].map(name => ({ name, is_dir: !/\.py/.test(name) }));
  expect(filesFor('src/ma', entries).map(({ insert }) => insert)).toEqual([
    '@src/main.py',
    '@src/domain/'
  ]);
  expect(filesFor('.', entries).map(({ label }) => label)).toContain('.git/');
  expect(splitPath('/a/b')).toEqual({ folder: '/a/', name: 'b' });
});

it('tells what commands are for', () => {
  const commands = [{ name: 'review', description: 'Look again', hint: '[file]' }, { name: 'x' }];
  expect(commandsFor('VIEW', commands)).toEqual([
    { insert: '/review', label: '/review', detail: '[file] — Look again' }
  ]);
});
