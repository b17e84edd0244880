import { expect, it } from 'vitest';

import { initial, Status } from '../model/state';
import { grouped, matches, needy, nextNeedy, recentDirectories } from './listing';

function session(id: string, status: Status, fields: object = {}): any {
  const state = { ...initial(), status, updated: Number(id.slice(1)) };
  const about = { id, name: id, machine: 'gpu', cli: 'claude', cwd: '/work' };
  return { ...about, created: Number(id.slice(1)), delivery: 'started', state, ...fields };
}

it('finds a session by any words of what names it', () => {
  const one = session('s1', 'running', { name: 'calm-otter', cwd: '/data/Weather' });
  one.state.title = 'Fix the mean';
  expect(matches(one, '')).toBe(true);
  expect(matches(one, 'OTTER weather')).toBe(true);
  expect(matches(one, 'mean gpu running')).toBe(true);
  expect(matches(one, 'otter ocean')).toBe(false);
});

it('puts who needs somebody first, in lists and among heads', () => {
  const all = [
    session('s1', 'idle', { machine: 'a' }),
    session('s2', 'running', { machine: 'b' }),
    session('s3', 'idle', { machine: 'b' }),
    session('s4', 'waiting', { machine: 'c' }),
    session('s5', 'running', { machine: 'c', delivery: 'failed' })
  ];
  const ids = (groups: ReturnType<typeof grouped>) =>
    groups.map(({ key, sessions }) => [key, ...sessions.map(({ id }) => id)]);
  expect(ids(grouped(all, 'machine'))).toEqual([
    ['c', 's4', 's5'],
    ['b', 's2', 's3'],
    ['a', 's1']
  ]);
  expect(ids(grouped(all, 'status')).map(([key]) => key)).toEqual([
    'waiting',
    'failed',
    'running',
    'idle'
  ]);
  expect(grouped(all, 'directory')[0].key).toBe('c:/work');
});

it('goes through those that wait, the longest waiting first, and begins again', () => {
  const all = [
    session('s9', 'waiting'),
    session('s2', 'paused'),
    session('s3', 'idle'),
    session('s5', 'waiting')
  ];
  expect(needy(all).map(({ id }) => id)).toEqual(['s2', 's5', 's9']);
  expect(nextNeedy(all)?.id).toBe('s2');
  expect(nextNeedy(all, 's2')?.id).toBe('s5');
  expect(nextNeedy(all, 's9')?.id).toBe('s2');
  expect(nextNeedy(all, 's3')?.id).toBe('s2');
  expect(nextNeedy([])).toBeUndefined();
});

it('offers the directories that were used last, each once, of that machine alone', () => {
  const all = [
    session('s1', 'idle', { cwd: '/old' }),
    session('s3', 'idle', { cwd: '/new' }),
    session('s2', 'idle', { cwd: '/old' }),
    session('s4', 'idle', { cwd: '/else', machine: 'other' })
  ];
  expect(recentDirectories(all, 'gpu', ['/scratch', '/new'])).toEqual(['/new', '/old', '/scratch']);
});
