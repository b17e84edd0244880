import { Widget } from '@lumino/widgets';
import { createElement } from 'react';
import { beforeEach, expect, it, vi } from 'vitest';

import { CommandIDs } from '../commands';
import { CodecastError } from '../connection/api';
import { initial } from '../model/state';
import { NO_ARGS } from '../ui/front';
import { Overlay } from '../ui/overlay';
import { button, FakeServer, find, type } from '../ui/testing';
import { AddMachine } from './add';
import { Adopt } from './adopt';
import { Doctor } from './doctor';
import { StartForm } from './start';

let server: FakeServer;
const opened: any[] = [];

beforeEach(() => {
  document.body.replaceChildren();
  sessionStorage.clear();
  opened.length = 0;
  server = new FakeServer();
  for (const id of [CommandIDs.openSession, CommandIDs.connectMachine]) {
    server.context.commands.addCommand(id, {
      describedBy: NO_ARGS,
      execute: args => opened.push(args)
    });
  }
  server.machine({ name: 'local', kind: 'local', state: 'online' });
  server.machine({ name: 'gpu', state: 'online', defaults: { directories: ['/scratch'] } });
  server.say({ type: 'watching' });
});

/** Open a dialog; what stands for it in the helpers. */
function dialog(component: any, props: object = {}): Widget {
  Overlay.open(server.context, 'A dialog', 'test', close =>
    createElement(component, { ...props, close })
  );
  return { node: document.querySelector('dialog')! } as any;
}

const shows = (widget: Widget, text: string) =>
  vi.waitFor(() => expect(widget.node.textContent).toContain(text), 5000);

it('starts what was written, once, and opens it', async () => {
  const form = dialog(StartForm, { machine: 'gpu' });
  const prompt = await find<HTMLInputElement>(form, 'textarea[name="prompt"]');
  const setter = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value')!.set!;
  setter.call(prompt, 'Fix the mean');
  prompt.dispatchEvent(new Event('input', { bubbles: true }));
  await shows(form, '/scratch');
  type(await find<HTMLInputElement>(form, 'input[name="cwd"]'), '/data');
  type(await find<HTMLInputElement>(form, 'input[name="max_turns"]'), '3');
  const start = await button(form, 'Start');
  await vi.waitFor(() => expect(start.disabled).toBe(false));
  start.click();
  await vi.waitFor(() => expect(opened).toHaveLength(1));
  expect(server.api.start).toHaveBeenCalledTimes(1);
  expect(server.api.start.mock.calls[0][0]).toMatchObject({
    machine: 'gpu',
    cwd: '/data',
    cli: 'claude',
    mode: 'ask',
    prompt: 'Fix the mean',
    budget: { max_turns: 3 }
  });
  expect(document.querySelector('dialog')).toBeNull();
});

it('keeps what was written, and its id, when the start fails or the dialog is closed', async () => {
  const problem = { code: 'no_such_directory', message: '/data is not there.' };
  server.api.start.mockRejectedValue(new CodecastError(problem));
  const form = dialog(StartForm, { machine: 'gpu' });
  type(await find<HTMLInputElement>(form, 'input[name="cwd"]'), '/data');
  const start = await button(form, 'Start');
  await vi.waitFor(() => expect(start.disabled).toBe(false));
  start.click();
  await shows(form, '/data is not there.');
  (await find<HTMLInputElement>(form, 'input[name="create"]')).click();
  start.click();
  await vi.waitFor(() => expect(server.api.start).toHaveBeenCalledTimes(2));
  const [first, second] = server.api.start.mock.calls.map(([asked]) => asked);
  expect(second.id).toBe(first.id);
  expect(second.create_directory).toBe(true);
  (await button(form, 'Cancel')).click();
  const again = dialog(StartForm);
  expect((await find<HTMLInputElement>(again, 'input[name="cwd"]')).value).toBe('/data');
});

it('refuses a limit that is no number before anything is asked', async () => {
  const form = dialog(StartForm, { machine: 'gpu' });
  const start = await button(form, 'Start');
  await vi.waitFor(() => expect(start.disabled).toBe(false));
  type(await find<HTMLInputElement>(form, 'input[name="max_cost"]'), 'much');
  await shows(form, 'A limit is a number above zero.');
  expect(start.disabled).toBe(true);
});

it('goes down into directories of the machine', async () => {
  server.api.directories.mockImplementation(async (_machine, path) => ({
    path,
    parent: '/',
    entries: path === '/data' ? [{ name: 'runs', is_dir: true, size: 0, mtime: 0 }] : []
  }));
  const form = dialog(StartForm, { machine: 'gpu' });
  const field = await find<HTMLInputElement>(form, 'input[name="cwd"]');
  type(field, '/data');
  (await find(form, '.jp-Codecast-browse')).click();
  const below = await vi.waitFor(() => {
    const all = [
      ...form.node.querySelectorAll<HTMLButtonElement>('.jp-Codecast-browser li button')
    ];
    const found = all.find(({ textContent }) => textContent?.includes('runs'));
    expect(found).toBeTruthy();
    return found!;
  }, 5000);
  below.click();
  await vi.waitFor(() => expect(field.value).toBe('/data/runs'));
});

it('adds a machine from one line, and connects to it', async () => {
  const form = dialog(AddMachine);
  type(await find<HTMLInputElement>(form, 'input[name="host"]'), 'me@lab.example.org');
  type(await find<HTMLInputElement>(form, 'input[name="name"]'), 'lab');
  type(await find<HTMLInputElement>(form, 'input[name="port"]'), 'x');
  const add = await button(form, 'Add and Connect');
  await vi.waitFor(() => expect(add.disabled).toBe(true));
  type(await find<HTMLInputElement>(form, 'input[name="port"]'), '2222');
  await vi.waitFor(() => expect(add.disabled).toBe(false));
  add.click();
  await vi.waitFor(() => expect(opened).toEqual([{ machine: 'lab' }]));
  const wanted = { host: 'lab.example.org', user: 'me', port: 2222 };
  expect(server.api.putMachine).toHaveBeenCalledWith('lab', wanted);
});

it('tells what the doctor found, in words and with what to do', async () => {
  server.api.doctor.mockResolvedValue({
    machine: 'gpu',
    checks: [
      { name: 'Name', status: 'ok', message: 'gpu is known.' },
      { name: 'Login', status: 'error', message: 'No key fits.', hint: 'Add a key.' }
    ]
  });
  const report = dialog(Doctor, { machine: 'gpu' });
  await shows(report, 'No key fits.');
  await shows(report, 'Add a key.');
  await shows(report, '1 problem.');
  const marks = [...report.node.querySelectorAll('.jp-Codecast-mark')];
  expect(marks.map(mark => mark.getAttribute('aria-label'))).toEqual(['fine', 'problem']);
});

it('adopts a conversation with its history, and forks one that lives', async () => {
  const about = { cli: 'claude', cwd: '/work', started: 1, updated: 2, size: 3 };
  const live = { pid: 1, program: 'claude', since: 1, reason: 'claude (pid 1) writes it.' };
  server.api.conversations.mockResolvedValue([
    { ...about, native: 'n1', title: 'Tune the loss' },
    { ...about, native: 'n2', title: 'Running', live },
    { ...about, native: 'n3', title: 'Ours', session: 's9' }
  ]);
  server.session('s9', 'gpu', { state: initial() });
  const list = dialog(Adopt, { machine: 'gpu' });
  await shows(list, 'claude (pid 1) writes it.');
  const buttons = (native: string) => [
    ...list.node.querySelectorAll<HTMLButtonElement>(`[data-native="${native}"] button`)
  ];
  expect(buttons('n2')[0].disabled).toBe(true);
  buttons('n2')[1].click();
  await vi.waitFor(() => expect(server.api.start).toHaveBeenCalledTimes(1));
  const wanted = { machine: 'gpu', cli: 'claude', cwd: '/work', history: true };
  expect(server.api.start.mock.calls[0][0]).toMatchObject({ ...wanted, native: 'n2', fork: true });
  await vi.waitFor(() => expect(opened).toHaveLength(1));
});
