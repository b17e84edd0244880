import { beforeEach, expect, it, vi } from 'vitest';

import { CodecastError } from '../connection/api';
import { button, FakeServer, find, show, type } from '../ui/testing';
import { CodecastPanel } from './panel';

let server: FakeServer;
let panel: CodecastPanel;

beforeEach(() => {
  server = new FakeServer();
  panel = show(new CodecastPanel(server.context));
  server.say({ type: 'watching' });
});

const shows = (text: string) =>
  vi.waitFor(() => expect(panel.node.textContent).toContain(text), 5000);

it('accepts an unknown host key by its fingerprint, then connects', async () => {
  const message = 'The host key of gpu is not known yet.';
  const data = { fingerprint: 'SHA256:abc' };
  server.machine({
    name: 'gpu',
    state: 'failed',
    error: { code: 'unknown_host_key', message, data }
  });
  await shows(message);
  expect((await find(panel, '.jp-Codecast-remedy code')).textContent).toBe('SHA256:abc');
  expect(server.api.acceptHostKey).not.toHaveBeenCalled();
  (await button(panel, 'Accept This Key')).click();
  await vi.waitFor(() => expect(server.api.connect).toHaveBeenCalledWith('gpu'));
  expect(server.api.acceptHostKey).toHaveBeenCalledWith('gpu', 'SHA256:abc');
});

it('offers no button for a host key that has changed', async () => {
  const data = { fingerprint: 'SHA256:abc' };
  const message = 'The host key of gpu has changed.';
  server.machine({
    name: 'gpu',
    state: 'failed',
    error: { code: 'changed_host_key', message, data }
  });
  await shows(message);
  expect(panel.node.querySelector('.jp-Codecast-remedy')).toBeNull();
});

it('says why a host key was not accepted, and does not connect', async () => {
  const data = { fingerprint: 'SHA256:abc' };
  server.machine({
    name: 'gpu',
    state: 'failed',
    error: { code: 'unknown_host_key', message: 'unknown', data }
  });
  const message = 'gpu offered another key than the one accepted.';
  server.api.acceptHostKey.mockRejectedValue(new CodecastError({ code: 'conflict', message }));
  (await button(panel, 'Accept This Key')).click();
  await shows(message);
  expect(server.api.connect).not.toHaveBeenCalled();
});

it('gives a secret to the prompt that asked for it, hidden, and forgets it', async () => {
  const data = { prompt: 'Passphrase of id_ed25519' };
  server.machine({
    name: 'gpu',
    state: 'connecting',
    error: { code: 'secret_needed', message: 'A passphrase is needed.', data }
  });
  const field = await find<HTMLInputElement>(panel, '.jp-Codecast-remedy input');
  expect(field.type).toBe('password');
  expect(field.getAttribute('aria-label')).toBe(data.prompt);
  const unlock = await button(panel, 'Unlock');
  expect(unlock.disabled).toBe(true);
  type(field, 'open sesame');
  await vi.waitFor(() => expect(unlock.disabled).toBe(false));
  unlock.click();
  await vi.waitFor(() => expect(server.api.connect).toHaveBeenCalledWith('gpu'));
  expect(server.api.giveSecret).toHaveBeenCalledWith('gpu', data.prompt, 'open sesame');
  await vi.waitFor(() => expect(field.value).toBe(''));
});

it('shows in a line of its own what a machine and a starting session are busy with', async () => {
  server.machine({ name: 'gpu', state: 'connecting', progress: 'sending our agent (99 KB)' });
  await shows('sending our agent (99 KB)');
  server.machine({ name: 'gpu', state: 'online', sessions: 1 });
  server.session('s1', 'gpu');
  const about = { type: 'progress', machine: 'gpu' };
  server.say({ ...about, text: 'asking the CLIs' });
  server.say({ ...about, session: 's1', text: 'waiting until demo is ready' });
  await shows('asking the CLIs');
  await shows('waiting until demo is ready');
  server.say({ ...about, text: '' });
  server.say({ ...about, session: 's1', text: '' });
  await vi.waitFor(() => expect(panel.node.textContent).not.toContain('asking the CLIs'));
  expect(panel.node.textContent).not.toContain('waiting until');
});

it('does not go on showing what was told before the socket was lost', async () => {
  server.machine({ name: 'gpu', state: 'online', sessions: 1 });
  server.say({ type: 'progress', machine: 'gpu', text: 'asking the CLIs' });
  await shows('asking the CLIs');
  server.reconnect();
  await vi.waitFor(() => expect(panel.node.textContent).not.toContain('asking the CLIs'));
});
