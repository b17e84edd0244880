import { Signal } from '@lumino/signaling';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { Losses } from './losses';

class FakeStream {
  isConnected = true;
  reconnect = vi.fn();
  check = vi.fn();
  connectionChanged = new Signal<this, boolean>(this);
  set(connected: boolean) {
    this.isConnected = connected;
    this.connectionChanged.emit(connected);
  }
}

let stream: FakeStream;
let answers: boolean | 'never';
let losses: Losses;

beforeEach(() => {
  vi.useFakeTimers();
  answers = true;
  stream = new FakeStream();
  const health = () =>
    answers === 'never'
      ? new Promise(() => {})
      : answers
        ? Promise.resolve()
        : Promise.reject(new Error('no answer'));
  losses = new Losses(stream as any, { health });
});

afterEach(() => {
  losses.dispose();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it('tells a lost socket from a lost server', async () => {
  stream.set(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(losses.loss).toBe('socket');
  answers = false;
  await vi.advanceTimersByTimeAsync(3000);
  expect(losses.loss).toBe('server');
  stream.set(true);
  expect(losses.loss).toBe('nothing');
  await vi.advanceTimersByTimeAsync(10000);
  expect(losses.loss).toBe('nothing');
});

it('has the socket come back as soon as the server answers again', async () => {
  answers = false;
  stream.set(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(stream.reconnect).not.toHaveBeenCalled();
  answers = true;
  await vi.advanceTimersByTimeAsync(3000);
  expect(stream.reconnect).toHaveBeenCalledOnce();
});

it('tells a computer without a network, and tries when that is back', async () => {
  const online = vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false);
  answers = false;
  stream.set(false);
  expect(losses.loss).toBe('network');
  await vi.advanceTimersByTimeAsync(10000);
  expect(losses.loss).toBe('network');
  online.mockReturnValue(true);
  window.dispatchEvent(new Event('online'));
  expect(stream.reconnect).toHaveBeenCalledOnce();
});

it('calls a server lost that takes the question and never answers', async () => {
  answers = 'never';
  stream.set(false);
  await vi.advanceTimersByTimeAsync(5000);
  expect(losses.loss).toBe('server');
  answers = true;
  await vi.advanceTimersByTimeAsync(3000);
  expect(losses.loss).toBe('socket');
  expect(stream.reconnect).toHaveBeenCalledOnce();
});

it('does not blame the network where a server on this very computer answers', async () => {
  vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false);
  stream.set(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(losses.loss).toBe('socket');
});

it('doubts an open socket when the network goes or comes', () => {
  window.dispatchEvent(new Event('offline'));
  expect(losses.loss).toBe('nothing');
  window.dispatchEvent(new Event('online'));
  expect(stream.check).toHaveBeenCalledTimes(2);
  expect(stream.reconnect).not.toHaveBeenCalled();
});
