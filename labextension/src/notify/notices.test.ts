import { beforeEach, expect, it } from 'vitest';

import { initial } from '../model/state';
import { FakeServer } from '../ui/testing';
import { INotice, Notices } from './notices';

let server: FakeServer;
let told: INotice[];
let settled: string[];

const state = (fields: object): any => ({ ...initial(), status: 'running', ...fields });
const asking = (request: string, title = 'Write a.py') =>
  state({ status: 'waiting', turn: { turn: 1 }, requests: { [request]: { request, title } } });

beforeEach(() => {
  server = new FakeServer();
  told = [];
  settled = [];
});

function listen(): void {
  const notices = new Notices(server.context.codecast.hub);
  notices.happened.connect((_, notice) => told.push(notice));
  notices.settled.connect((_, id) => settled.push(id));
}

const kinds = () => told.map(({ kind, text }) => `${kind} ${text}`);

it('tells nothing of what was so before the page was loaded', () => {
  listen();
  server.session('s1', 'local', { state: asking('r1') });
  server.say({ type: 'watching' });
  expect(told).toEqual([]);
});

it('tells each request once, and that it is settled wherever it was answered', () => {
  server.say({ type: 'watching' });
  listen();
  server.session('s1', 'local', { state: asking('r1') });
  server.session('s1', 'local', { state: asking('r1') });
  expect(told).toEqual([{ id: 's1/r1', session: 's1', kind: 'needs', text: 'Write a.py' }]);
  server.session('s1', 'local', { state: asking('r2', 'Run ls') });
  expect(kinds()).toEqual(['needs Write a.py', 'needs Run ls']);
  expect(settled).toEqual(['s1/r1']);
  server.say({ type: 'session_removed', id: 's1' });
  expect(settled).toEqual(['s1/r1', 's1/r2']);
});

it('tells ends, failures and pauses', () => {
  server.session('s1', 'local', { state: state({ turn: { turn: 1 } }) });
  server.say({ type: 'watching' });
  listen();
  server.session('s1', 'local', { state: state({ status: 'idle', turns: 1, title: 'Fix' }) });
  server.session('s1', 'local', { state: state({ turn: { turn: 2 } }) });
  server.session('s1', 'local', { state: state({ status: 'paused', turns: 2 }) });
  const error = { code: 'cli_failed', message: 'It broke.' };
  server.session('s1', 'local', { state: state({ status: 'failed', turns: 2, error }) });
  server.session('s1', 'local', { state: state({ status: 'failed', turns: 2, error }) });
  expect(kinds()).toEqual(['ended Fix', 'paused ', 'failed It broke.']);
});

it('tells what happened while the socket was lost', () => {
  server.session('s1', 'local', { state: state({ turn: { turn: 1 } }) });
  server.say({ type: 'watching' });
  listen();
  server.reconnect();
  server.session('s1', 'local', { state: asking('r1') });
  server.say({ type: 'watching' });
  expect(kinds()).toEqual(['needs Write a.py']);
});
