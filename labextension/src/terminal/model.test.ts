import { Signal } from '@lumino/signaling';
import { beforeEach, expect, it, vi } from 'vitest';

import { CodecastError } from '../connection/api';
import { FakeServer } from '../ui/testing';
import { TerminalModel } from './model';

class FakeSession {
  isDisposed = false;
  disposed = new Signal<this, void>(this);
  messageReceived = new Signal<this, { type: string }>(this);
  dispose() {
    if (!this.isDisposed) {
      this.isDisposed = true;
      this.disposed.emit();
    }
  }
}

let server: FakeServer;
let session: FakeSession;
let model: TerminalModel;

beforeEach(() => {
  server = new FakeServer();
  server.machine({ name: 'gpu', state: 'online' });
  session = new FakeSession();
  const about: any = { name: 'gpu-1', machine: 'gpu', session: null };
  model = new TerminalModel(about, session, server.context.codecast);
});

it('is silent while its machine is away, and alive when that is back', () => {
  expect(model.state).toBe('alive');
  server.machine({ name: 'gpu', state: 'reconnecting' });
  expect(model.state).toBe('silent');
  server.machine({ name: 'gpu', state: 'online' });
  expect(model.state).toBe('alive');
});

it('tells a shell that has ended from one that was lost with its connection', () => {
  session.messageReceived.emit({ type: 'stdout' });
  session.dispose();
  expect(model.state).toBe('lost');
  const other = new FakeSession();
  const ended = new TerminalModel(model.about, other, server.context.codecast);
  other.messageReceived.emit({ type: 'ended' });
  other.dispose();
  expect(ended.state).toBe('ended');
});

it('asks a server that came back whether it still has it', async () => {
  const terminal = vi.fn(async (_: string): Promise<any> => model.about);
  Object.assign(server.api, { terminal });
  server.reconnect();
  await vi.waitFor(() => expect(terminal).toHaveBeenCalledWith('gpu-1'));
  expect(model.state).toBe('alive');
  terminal.mockRejectedValueOnce(new CodecastError({ code: 'link_lost', message: 'gone again' }));
  server.reconnect();
  await vi.waitFor(() => expect(terminal).toHaveBeenCalledTimes(2));
  expect(model.state).toBe('alive');
  terminal.mockRejectedValueOnce(new CodecastError({ code: 'not_found', message: 'none' }));
  server.reconnect();
  await vi.waitFor(() => expect(model.state).toBe('lost'));
});
