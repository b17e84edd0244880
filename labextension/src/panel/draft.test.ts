import { beforeEach, expect, it } from 'vitest';

import { asked, budgetOf, empty, load, save } from './draft';

beforeEach(() => sessionStorage.clear());

it('keeps what was written until it is used, under one id', () => {
  const draft = { ...empty('gpu'), prompt: 'keep me', cwd: '/work' };
  save(draft);
  expect(load()).toEqual(draft);
  expect(load('gpu')).toEqual(draft);
  save(null);
  expect(load().prompt).toBe('');
});

it('takes the words to another machine, but neither directory nor id', () => {
  const draft = { ...empty('gpu'), prompt: 'keep me', cwd: '/work', cli: 'claude' };
  save(draft);
  const other = load('cpu');
  expect(other).toMatchObject({ machine: 'cpu', prompt: 'keep me', cwd: null, cli: null });
  expect(other.id).not.toBe(draft.id);
});

it('lives with what others left in the storage', () => {
  sessionStorage.setItem('codecast:start', '{broken');
  expect(load('gpu').machine).toBe('gpu');
});

it('reads limits as they are written, and says which is none', () => {
  expect(budgetOf(empty())).toEqual({});
  expect(budgetOf({ ...empty(), cost: '$2,5', turns: ' 3 ', minutes: '0.5' })).toEqual({
    max_cost: 2.5,
    max_turns: 3,
    max_minutes: 0.5
  });
  expect(budgetOf({ ...empty(), turns: '1.5' })).toEqual({ wrong: 'max_turns' });
  expect(budgetOf({ ...empty(), cost: 'much' })).toEqual({ wrong: 'max_cost' });
  expect(budgetOf({ ...empty(), cost: '-1' })).toEqual({ wrong: 'max_cost' });
});

it('asks for what was chosen and for nothing else', () => {
  const draft = { ...empty('gpu'), id: 'i', prompt: '  ', model: ' opus ' };
  expect(asked(draft, 'claude', '~')).toEqual({
    id: 'i',
    machine: 'gpu',
    cwd: '~',
    cli: 'claude',
    model: 'opus'
  });
  const more = { ...draft, prompt: 'go', mode: 'plan', create: true, turns: '2', model: '' };
  expect(asked(more, undefined, '/x')).toEqual({
    id: 'i',
    machine: 'gpu',
    cwd: '/x',
    mode: 'plan',
    prompt: 'go',
    create_directory: true,
    budget: { max_turns: 2 }
  });
});
