import { ServerConnection } from '@jupyterlab/services';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { SessionEvent } from '../model/events.gen';
import { EventStream } from './stream';
import { ISubscribed } from './types';

class FakeSocket {
  static made: FakeSocket[] = [];
  static get last(): FakeSocket {
    return FakeSocket.made[FakeSocket.made.length - 1];
  }
  readyState = 0;
  sent: any[] = [];
  onopen = () => {};
  onclose = () => {};
  onmessage = (_: { data: string }) => {};

  constructor(public url: string) {
    FakeSocket.made.push(this);
  }
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {}
  open() {
    this.readyState = 1;
    this.onopen();
  }
  lose() {
    this.readyState = 3;
    this.onclose();
  }
  say(frame: object) {
    this.onmessage({ data: JSON.stringify(frame) });
  }
  follow(after: number, lastSeq = after) {
    this.say({ type: 'subscribed', session: 's1', requested: 's1', after, last_seq: lastSeq });
  }
  events(...seqs: number[]) {
    const events = seqs.map(seq => ({ seq, time: 0, type: 'notice', level: 'info', text: '' }));
    this.say({ type: 'events', session: 's1', events });
  }
}

let stream: EventStream;
let seen: number[];
let known: number;
const subscriber = {
  events: (events: SessionEvent[]) => seen.push(...events.map(event => event.seq)),
  subscribed: (begin: ISubscribed) => (known = begin.last_seq)
};

beforeEach(() => {
  vi.useFakeTimers();
  seen = [];
  known = -1;
  stream = new EventStream(
    ServerConnection.makeSettings({
      wsUrl: 'ws://host/a%40b/',
      token: 'a b',
      appendToken: true,
      WebSocket: FakeSocket as any
    })
  );
});

afterEach(() => {
  stream.dispose();
  vi.useRealTimers();
});

it('opens below the base URL, with the token', () => {
  expect(FakeSocket.last.url).toBe('ws://host/a%40b/api/codecast/v1/stream?token=a%20b');
});

it('watches the summaries as soon as it is open', () => {
  FakeSocket.last.open();
  expect(FakeSocket.last.sent).toEqual([{ type: 'watch' }]);
});

it('goes on after the last event it saw when the socket was lost', () => {
  const first = FakeSocket.last;
  first.open();
  stream.subscribe('s1', subscriber);
  expect(first.sent[1]).toEqual({ type: 'subscribe', session: 's1', after: 0 });
  first.follow(0, 9);
  expect(known).toBe(9);
  first.events(1, 2, 3);
  first.lose();
  vi.advanceTimersByTime(600);
  const second = FakeSocket.last;
  expect(second).not.toBe(first);
  second.open();
  expect(second.sent).toContainEqual({ type: 'subscribe', session: 's1', after: 3 });
  second.follow(3);
  second.events(3, 4, 5);
  expect(seen).toEqual([1, 2, 3, 4, 5]);
});

it('waits longer after each failure, and says that it is not connected', () => {
  const changes: boolean[] = [];
  const listener = {};
  stream.connectionChanged.connect((_, connected) => changes.push(connected), listener);
  const before = FakeSocket.made.length;
  FakeSocket.last.lose();
  vi.advanceTimersByTime(600);
  FakeSocket.last.lose();
  vi.advanceTimersByTime(600);
  expect(FakeSocket.made.length).toBe(before + 1);
  vi.advanceTimersByTime(600);
  expect(FakeSocket.made.length).toBe(before + 2);
  expect(changes).toEqual([false, false]);
});

it('asks again for events that a frame left out', () => {
  FakeSocket.last.open();
  stream.subscribe('s1', subscriber);
  FakeSocket.last.follow(0);
  FakeSocket.last.events(1);
  FakeSocket.last.events(4);
  expect(FakeSocket.last.sent.pop()).toEqual({ type: 'subscribe', session: 's1', after: 1 });
  FakeSocket.last.events(5);
  FakeSocket.last.follow(1);
  FakeSocket.last.events(2, 3, 4, 5);
  expect(seen).toEqual([1, 2, 3, 4, 5]);
});

it('takes a session that was closed and opened again from its beginning', () => {
  FakeSocket.last.open();
  const first = stream.subscribe('s1', subscriber);
  FakeSocket.last.follow(0);
  FakeSocket.last.events(1, 2);
  first.dispose();
  seen = [];
  stream.subscribe('s1', subscriber);
  FakeSocket.last.events(3); // still of the old subscription
  FakeSocket.last.follow(0);
  FakeSocket.last.events(1, 2, 3);
  expect(seen).toEqual([1, 2, 3]);
});

it('begins at the end of a long session, and goes on from there when the socket was lost', () => {
  FakeSocket.last.open();
  stream.subscribe('s1', subscriber, 500);
  expect(FakeSocket.last.sent.pop()).toEqual({ type: 'subscribe', session: 's1', last: 500 });
  FakeSocket.last.lose();
  vi.advanceTimersByTime(600);
  FakeSocket.last.open();
  expect(FakeSocket.last.sent.pop()).toEqual({ type: 'subscribe', session: 's1', last: 500 });
  FakeSocket.last.say({
    type: 'subscribed',
    session: 's1',
    requested: 's1',
    after: 99500,
    last_seq: 100000,
    state: { seq: 100000 }
  });
  FakeSocket.last.events(99501, 99502);
  expect(seen).toEqual([99501, 99502]);
  FakeSocket.last.lose();
  vi.advanceTimersByTime(600);
  FakeSocket.last.open();
  expect(FakeSocket.last.sent.pop()).toEqual({ type: 'subscribe', session: 's1', after: 99502 });
});

it('tries at once when it is told to', () => {
  FakeSocket.last.open();
  FakeSocket.last.lose();
  expect(stream.nextTry).toBeGreaterThan(Date.now());
  const before = FakeSocket.made.length;
  stream.reconnect();
  expect(FakeSocket.made.length).toBe(before + 1);
  FakeSocket.last.open();
  vi.advanceTimersByTime(20000);
  expect(FakeSocket.made.length).toBe(before + 1);
});

it('gives up a socket behind which nobody answers any more, and hears nothing of it later', () => {
  const dead = FakeSocket.last;
  dead.open();
  stream.subscribe('s1', subscriber);
  dead.follow(0);
  vi.advanceTimersByTime(24000);
  dead.events(1); // a word: it is there
  vi.advanceTimersByTime(24000);
  expect(dead.sent).not.toContainEqual({ type: 'ping' });
  vi.advanceTimersByTime(1000);
  expect(dead.sent.pop()).toEqual({ type: 'ping' });
  dead.say({ type: 'pong' });
  vi.advanceTimersByTime(25000);
  expect(dead.sent.pop()).toEqual({ type: 'ping' });
  vi.advanceTimersByTime(15000);
  expect(stream.isConnected).toBe(false);
  vi.advanceTimersByTime(600);
  expect(FakeSocket.last).not.toBe(dead);
  FakeSocket.last.open();
  dead.events(2);
  dead.lose(); // the browser has found out as well
  expect(stream.isConnected).toBe(true);
  FakeSocket.last.follow(1);
  FakeSocket.last.events(2);
  expect(seen).toEqual([1, 2]);
});

it('does not wait for ever for a socket to open', () => {
  const before = FakeSocket.made.length;
  vi.advanceTimersByTime(15600);
  expect(FakeSocket.made.length).toBe(before + 1);
});
