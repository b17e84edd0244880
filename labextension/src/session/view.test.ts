import { beforeEach, expect, it, vi } from 'vitest';

import { CodecastError } from '../connection/api';
import { IPrompt } from '../connection/types';
import { button, FakeServer, find, show } from '../ui/testing';
import { SessionWidget } from './widget';

const text = (value: string) => ({ type: 'text', text: value });
const stored = (id: string, state: string, created = 1): IPrompt => ({
  id,
  session: 's1',
  text: `words of ${id}`,
  content: [],
  state,
  created
});
const LOST = [
  { type: 'prompt_state', prompt: 'p1', state: 'queued', content: [text('change the file')] },
  { type: 'prompt_state', prompt: 'p1', state: 'running' },
  { type: 'prompt_state', prompt: 'p1', state: 'unknown' }
];
const WORDS = 'nobody can tell whether the CLI took it';

let server: FakeServer;
let view: SessionWidget;

beforeEach(() => {
  localStorage.clear();
  server = new FakeServer();
  server.say({ type: 'watching' });
  server.machine({ name: 'gpu', state: 'online', sessions: 1 });
  server.session('s1', 'gpu');
});

const open = () => (view = show(new SessionWidget('s1', server.context)));
const waits = () =>
  [...view.node.querySelectorAll<HTMLElement>('.jp-Codecast-waiting > [data-prompt]')].map(
    ({ dataset }) => `${dataset.prompt} ${dataset.state}`
  );

it('sends a prompt again that nobody can tell of, once, under a new id', async () => {
  open();
  server.events('s1', ...LOST);
  const again = await button(view, 'Send Again');
  expect(view.node.textContent).toContain(WORDS);
  const message = 'The server does not answer.';
  server.api.prompt.mockRejectedValueOnce(new CodecastError({ code: 'link_lost', message }));
  again.click();
  await vi.waitFor(() => expect(view.node.textContent).toContain(message));
  again.click();
  await vi.waitFor(() => expect(view.node.textContent).not.toContain('Send Again'));
  const calls = server.api.prompt.mock.calls;
  const sent = ['s1', [text('change the file')]];
  expect(calls.map(call => [call[0], call[2]])).toEqual([sent, sent]);
  expect(calls[0][1]).toBe(calls[1][1]);
  expect(calls[0][1]).not.toBe('p1');
});

it('forgets a prompt that nobody can tell of, also after a reload', async () => {
  open();
  server.events('s1', ...LOST);
  (await button(view, 'Forget')).click();
  await vi.waitFor(() => expect(view.node.textContent).not.toContain('Forget'));
  expect(server.api.prompt).not.toHaveBeenCalled();
  view.dispose();
  open();
  server.events('s1', ...LOST);
  await vi.waitFor(() => expect(view.node.textContent).toContain(WORDS));
  expect(view.node.textContent).not.toContain('Forget');
});

it('shows at once the prompts that were on their way before the page was loaded', async () => {
  server.api.prompts.mockResolvedValue([
    stored('old', 'done'),
    stored('second', 'stored', 3),
    stored('first', 'delivered', 2),
    stored('lost', 'unknown', 4)
  ]);
  open();
  await vi.waitFor(() =>
    expect(waits()).toEqual(['first delivered', 'second stored', 'lost unknown'])
  );
  expect(view.node.textContent).toContain('words of second');
  (await button(view, 'Forget')).click();
  server.say({ type: 'prompt', prompt: stored('second', 'cancelled', 3) });
  await vi.waitFor(() => expect(waits()).toEqual(['first delivered']));
});

it('shows a prompt once when the journal has it too', async () => {
  server.api.prompts.mockResolvedValue([stored('p1', 'delivered'), stored('p2', 'delivered')]);
  open();
  await vi.waitFor(() => expect(waits()).toHaveLength(2));
  server.events(
    's1',
    { type: 'prompt_state', prompt: 'p2', state: 'queued', content: [text('later')] },
    ...LOST
  );
  await vi.waitFor(() => expect(waits()).toEqual(['p2 queued']));
});

it('keeps what the stream has said of a prompt when an older answer comes late', async () => {
  let answer: (prompts: IPrompt[]) => void = () => undefined;
  server.api.prompts.mockReturnValue(new Promise(resolve => (answer = resolve)));
  open();
  await vi.waitFor(() => expect(server.api.prompts).toHaveBeenCalledWith('s1'));
  server.say({ type: 'prompt', prompt: stored('p1', 'cancelled') });
  answer([stored('p1', 'stored'), stored('p2', 'stored')]);
  await vi.waitFor(() => expect(waits()).toEqual(['p2 stored']));
});

const queue = () => {
  const queued = ['p1', 'p2', 'p3'].map(prompt => ({
    type: 'prompt_state',
    prompt,
    state: 'queued',
    content: [text(`words of ${prompt}`)]
  }));
  server.events('s1', ...queued);
};
const mover = (id: string, way: string) =>
  find<HTMLButtonElement>(view, `[data-prompt="${id}"] [data-move="${way}"]`);
const moved = (prompt: string, before: string) =>
  server.events('s1', { type: 'prompt_state', prompt, state: 'queued', before, move: 'm' });
const order = () => waits().map(words => words.split(' ')[0]);

it('moves a waiting prompt by button and by key, and keeps the focus on it', async () => {
  open();
  queue();
  const down = await mover('p1', 'down');
  down.focus();
  down.click();
  const { movePrompt } = server.api;
  await vi.waitFor(() =>
    expect(movePrompt).toHaveBeenLastCalledWith('s1', 'p1', 'p3', expect.any(String))
  );
  moved('p1', 'p3');
  await vi.waitFor(() => expect(order()).toEqual(['p2', 'p1', 'p3']));
  expect(document.activeElement).toBe(down);
  await vi.waitFor(() => expect(view.node.textContent).toContain('Place 2 of 3: words of p1'));
  const alt = (key: string) =>
    document.activeElement!.dispatchEvent(
      new KeyboardEvent('keydown', { key, altKey: true, bubbles: true })
    );
  alt('ArrowDown');
  await vi.waitFor(() =>
    expect(movePrompt).toHaveBeenLastCalledWith('s1', 'p1', null, expect.any(String))
  );
  moved('p1', '');
  await vi.waitFor(() => expect(order()).toEqual(['p2', 'p3', 'p1']));
  expect(document.activeElement!.closest('[data-prompt="p1"]')).not.toBe(null);
  alt('ArrowDown'); // it is the last
  const problem = { code: 'conflict', message: 'It has begun.' };
  movePrompt.mockRejectedValueOnce(new CodecastError(problem));
  alt('ArrowUp');
  await vi.waitFor(() => expect(view.node.textContent).toContain('It has begun.'));
  expect(movePrompt).toHaveBeenCalledTimes(3);
  expect(new Set(movePrompt.mock.calls.map(([, , , id]) => id)).size).toBe(3);
});

it('moves again although the answer to the move before has not come', async () => {
  let answer: () => void = () => undefined;
  const { movePrompt } = server.api;
  movePrompt.mockReturnValueOnce(new Promise<void>(resolve => (answer = resolve)));
  open();
  queue();
  const down = await mover('p1', 'down');
  down.click();
  moved('p1', 'p3');
  await vi.waitFor(() => expect(order()).toEqual(['p2', 'p1', 'p3']));
  down.click();
  answer();
  await vi.waitFor(() => expect(movePrompt).toHaveBeenCalledTimes(2));
  expect(movePrompt).toHaveBeenLastCalledWith('s1', 'p1', null, expect.any(String));
});
