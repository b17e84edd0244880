import { beforeEach, expect, it } from 'vitest';

import { IPrompt } from '../connection/types';
import { FakeServer } from '../ui/testing';
import { HubModel, statusOf } from './hub';
import { initial } from './state';

let server: FakeServer;
let hub: HubModel;
let changes: number;

const prompt = (state: string): IPrompt => ({ id: 'p1', session: 's1', state, content: [] }) as any;

beforeEach(() => {
  server = new FakeServer();
  ({ hub } = server.context.codecast);
  changes = 0;
  hub.changed.connect(() => (changes += 1));
});

it('keeps the newest word on every machine, session and prompt, and tells each change', () => {
  server.machine({ name: 'gpu' });
  server.machine({ name: 'gpu', state: 'online' });
  server.session('s1', 'gpu');
  server.session('s1', 'gpu', { name: 'calm-otter' });
  server.say({ type: 'prompt', prompt: prompt('queued') });
  expect(hub.machines.get('gpu')?.state).toBe('online');
  expect(hub.sessions.get('s1')?.name).toBe('calm-otter');
  expect(hub.prompts.get('p1')?.state).toBe('queued');
  expect(changes).toBe(5);
  server.say({ type: 'session_removed', id: 's1' });
  server.say({ type: 'machine_removed', name: 'gpu' });
  expect([hub.sessions.size, hub.machines.size]).toEqual([0, 0]);
});

it('is loaded once the first account is complete, not before', () => {
  server.machine({ name: 'gpu' });
  expect(hub.isLoaded).toBe(false);
  server.say({ type: 'watching' });
  expect(hub.isLoaded).toBe(true);
});

it('forgets what was removed while the socket was lost, and only once all is told again', () => {
  server.machine({ name: 'gpu' });
  server.session('s1', 'gpu');
  server.session('s2', 'gpu');
  server.say({ type: 'watching' });
  server.reconnect();
  expect(hub.sessions.size).toBe(2); // shown until it is known better
  server.machine({ name: 'gpu' });
  server.session('s2', 'gpu');
  server.say({ type: 'watching' });
  expect([...hub.sessions.keys()]).toEqual(['s2']);
  expect([...hub.machines.keys()]).toEqual(['gpu']);
});

it('says what a machine is busy with until it says that it is done', () => {
  server.machine({ name: 'gpu', state: 'connecting', progress: 'Finding a Python' });
  expect(hub.doing('gpu')).toBe('Finding a Python');
  server.say({ type: 'progress', machine: 'gpu', text: 'Looking for CLIs' });
  server.say({ type: 'progress', machine: 'gpu', session: 's1', text: 'Starting' });
  expect([hub.doing('gpu'), hub.doing('gpu', 's1')]).toEqual(['Looking for CLIs', 'Starting']);
  server.say({ type: 'progress', machine: 'gpu', text: '' });
  server.machine({ name: 'gpu', state: 'online', progress: 'Finding a Python' });
  expect(hub.doing('gpu')).toBe('');
  server.reconnect(); // whose end would never be told
  expect(hub.doing('gpu', 's1')).toBe('');
});

it('does not take a prompt back to where an answer that came late has seen it', () => {
  server.say({ type: 'prompt', prompt: prompt('running') });
  hub.learnPrompts([prompt('queued')]);
  expect(hub.prompts.get('p1')?.state).toBe('running');
  hub.learnPrompts([prompt('done')]);
  expect(hub.prompts.get('p1')?.state).toBe('done');
  hub.learnPrompts([prompt('running')]);
  expect(hub.prompts.get('p1')?.state).toBe('done');
});

it('knows a session that a call brought ahead of the stream', () => {
  server.session('s1', 'gpu');
  const made = { ...hub.sessions.get('s1')!, id: 's2' };
  hub.learn(made);
  expect(hub.sessions.get('s2')).toBe(made);
  expect(statusOf(made)).toBe('starting');
  expect(statusOf({ ...made, delivery: 'failed' })).toBe('failed');
  expect(statusOf({ ...made, state: { ...initial(), status: 'idle' } })).toBe('idle');
});

it('hears nothing of frames that are not its own', () => {
  server.say({ type: 'pong' });
  server.say({ type: 'from_the_future' });
  expect(changes).toBe(0);
});
