import { beforeEach, expect, it, vi } from 'vitest';

import { CodecastError } from '../connection/api';
import { initial } from '../model/state';
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

it('shows who needs somebody first, filters, and groups as one likes', async () => {
  const asks: any = { ...initial(), status: 'waiting', requests: { r: { title: 'Write a.py' } } };
  server.machine({ name: 'gpu', state: 'online', sessions: 2 });
  server.session('calm-otter', 'gpu', { state: { ...initial(), status: 'idle' } });
  server.session('bold-lynx', 'gpu', { state: asks, cwd: '/data' });
  await shows('Write a.py');
  const needs = await find(panel, '.jp-Codecast-needs');
  expect(needs.textContent).toContain('bold-lynx');
  expect(needs.textContent).not.toContain('calm-otter');
  const names = () =>
    [...panel.node.querySelectorAll('.jp-Codecast-machines .jp-Codecast-rowName')].map(
      ({ textContent }) => textContent
    );
  expect(names()).toEqual(['gpu', 'bold-lynx', 'calm-otter']);
  const filter = await find<HTMLInputElement>(panel, 'input[type="search"]');
  type(filter, 'otter');
  await vi.waitFor(() => expect(names()).toEqual(['gpu', 'calm-otter']));
  type(filter, 'nobody');
  await shows('No session fits.');
  type(filter, '');
  const grouping = await find<HTMLSelectElement>(panel, '.jp-Codecast-filter select');
  grouping.value = 'directory';
  grouping.dispatchEvent(new Event('change', { bubbles: true }));
  await vi.waitFor(() => {
    const heads = [...panel.node.querySelectorAll('.jp-Codecast-group')];
    expect(heads.map(head => head.getAttribute('data-group'))).toEqual(['gpu:/data', 'gpu:/work']);
  });
  window.localStorage.clear();
});

it('shows GPUs, hardware and CLIs of a machine that is connected', async () => {
  const gpu = { name: 'NVIDIA H100 PCIe', memory_used: 40e9, memory_total: 80e9, utilization: 97 };
  server.api.machineInfo.mockResolvedValue({
    gpus: [gpu, { ...gpu, memory_used: 0, utilization: 0 }],
    cpus: 64,
    load: [3.2, 1, 1]
  });
  server.machine({ name: 'gpu', state: 'online', latency_ms: 12.4, host: 'gpu.example.org' });
  await shows('2 × H100 · 1 busy · 40 GB of 160 GB');
  await shows('12 ms');
  const meters = [...panel.node.querySelectorAll('[role="meter"]')];
  expect(meters.map(meter => meter.getAttribute('aria-valuenow'))).toEqual(['50', '0']);
  expect(meters[0].getAttribute('aria-label')).toContain('97 %');
  (await find(panel, '.jp-Codecast-machineName')).click();
  await shows('load 3.2 of 64');
  await shows('claude 2.1');
  expect(panel.node.textContent).not.toContain('codex');
});
