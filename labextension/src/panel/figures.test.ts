import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { FakeServer } from '../ui/testing';
import { bytes, Figures, share } from './figures';

let server: FakeServer;
let asked: string[];
let figures: Figures;
let answer: (machine: string) => Promise<any>;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  asked = [];
  answer = async machine => ({ cpus: machine.length });
  figures = new Figures(server.context.codecast.hub, {
    machineInfo: machine => {
      asked.push(machine);
      return answer(machine);
    }
  });
});

afterEach(() => {
  figures.dispose();
  vi.useRealTimers();
});

it('asks connected machines alone, and only while somebody looks', async () => {
  server.machine({ name: 'local', state: 'online' });
  server.machine({ name: 'far', state: 'offline' });
  await vi.advanceTimersByTimeAsync(20000);
  expect(asked).toEqual([]);
  figures.isWatched = true;
  await vi.advanceTimersByTimeAsync(0);
  expect(asked).toEqual(['local']);
  expect(figures.of('local')).toEqual({ cpus: 5 });
  server.machine({ name: 'far', state: 'online' });
  await vi.advanceTimersByTimeAsync(100);
  expect(asked).toEqual(['local', 'far']);
  await vi.advanceTimersByTimeAsync(5100);
  expect(asked.length).toBeGreaterThan(2);
  figures.isWatched = false;
  const before = asked.length;
  await vi.advanceTimersByTimeAsync(20000);
  expect(asked.length).toBe(before);
});

it('asks a slow machine once at a time, and forgets nothing of the others', async () => {
  answer = machine => (machine === 'slow' ? new Promise(() => undefined) : Promise.resolve({}));
  server.machine({ name: 'slow', state: 'online' });
  figures.isWatched = true;
  await vi.advanceTimersByTimeAsync(30000);
  expect(asked).toEqual(['slow']);
});

it('shows nothing of a machine that failed to answer or is gone', async () => {
  server.machine({ name: 'local', state: 'online' });
  figures.isWatched = true;
  await vi.advanceTimersByTimeAsync(0);
  expect(figures.of('local')).toBeTruthy();
  server.machine({ name: 'local', state: 'reconnecting' });
  expect(figures.of('local')).toBeUndefined();
  answer = () => Promise.reject(new Error('gone'));
  server.machine({ name: 'local', state: 'online' });
  await vi.advanceTimersByTimeAsync(6000);
  expect(figures.of('local')).toBeUndefined();
});

it('writes bytes as a person reads them', () => {
  expect([bytes(999), bytes(1.5e9), bytes(42.9e9), bytes(999.7e6)]).toEqual([
    '999 B',
    '1.5 GB',
    '43 GB',
    '1.0 GB'
  ]);
  expect([share(1, 2), share(null, 2), share(3, 2), share(1, 0)]).toEqual([
    0.5,
    undefined,
    1,
    undefined
  ]);
});
