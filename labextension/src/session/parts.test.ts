import { beforeEach, expect, it, vi } from 'vitest';

import { initial } from '../model/state';
import { button, FakeServer, find, show, type } from '../ui/testing';
import { SessionWidget } from './widget';

const text = (value: string) => ({ type: 'text', text: value });

let server: FakeServer;
let view: SessionWidget;

beforeEach(() => {
  localStorage.clear();
  server = new FakeServer();
  server.say({ type: 'watching' });
  server.machine({ name: 'gpu', state: 'online', sessions: 1 });
  server.session('s1', 'gpu', { cwd: '/work' });
  view = show(new SessionWidget('s1', server.context));
});

const has = (selector: string) => find<HTMLElement>(view, selector);
const says = (words: string) =>
  vi.waitFor(() => expect(view.node.textContent).toContain(words), 5000);

it('shows an event of a type that it does not know, and what comes after it', async () => {
  server.events(
    's1',
    { type: 'teleported', to: 'elsewhere', parts: [1, { deep: true }] },
    { type: 'agent_message_chunk', message: 'm', content: text('still here') }
  );
  expect((await has('[data-type="teleported"]')).textContent).toContain('teleported');
  await says('still here');
});

it('shows known events whose fields are not what they were', async () => {
  server.events(
    's1',
    { type: 'tool_call', call: 'c', content: [{ type: 'hologram' }], kind: 'levitate' },
    { type: 'tool_call_update', call: 'c', status: 'shimmering' },
    { type: 'agent_message_chunk', message: 'm', content: { type: 'smell', name: 'roses' } },
    { type: 'request_opened', request: 'r', kind: 'riddle', title: 'What has four legs?' }
  );
  await says('[roses]');
  await has('.jp-Codecast-tool[data-status="shimmering"]');
  await says('What has four legs?');
});

it('answers many questions at once: several labels, one label, own words', async () => {
  const options = [{ label: 'a' }, { label: 'b' }];
  server.events('s1', {
    type: 'request_opened',
    request: 'r',
    kind: 'question',
    title: 'Three things',
    questions: [
      { id: 'q1', text: 'Which?', options, multiple: true, free_text: false },
      { id: 'q2', text: 'One?', options, multiple: false, free_text: true },
      { id: 'q3', text: 'Say it.', options: [], multiple: false, free_text: true }
    ]
  });
  const answer = await button(view, 'Answer');
  const digit = (code: string) =>
    view.node
      .querySelector('textarea')!
      .dispatchEvent(new KeyboardEvent('keydown', { code, altKey: true, bubbles: true }));
  digit('Digit1');
  await vi.waitFor(() =>
    expect(view.node.querySelector('[data-question="q2"] [data-digit]')).not.toBeNull()
  );
  digit('Digit2');
  const [first] = view.node.querySelectorAll<HTMLInputElement>('[data-question="q1"] input');
  await vi.waitFor(() => expect(first.checked).toBe(true));
  view.node.querySelectorAll<HTMLInputElement>('[data-question="q1"] input')[1].click();
  expect(answer.disabled).toBe(true);
  type(await find(view, '[data-question="q3"] input'), ' like so ');
  await vi.waitFor(() => expect(answer.disabled).toBe(false));
  answer.click();
  await vi.waitFor(() =>
    expect(server.api.answer).toHaveBeenCalledWith('s1', 'r', {
      answers: { q1: ['a', 'b'], q2: ['b'], q3: ['like so'] }
    })
  );
});

it('fetches the input of a request that was asked before what is loaded', async () => {
  const request = { request: 'r', kind: 'permission', title: 'Run it?', options: [] };
  server.api.requests.mockResolvedValue([{ ...request, raw_input: { command: 'make all' } }]);
  server.begin('s1', 9000, { ...initial(), seq: 9000, requests: { r: { ...request, since: 1 } } });
  await says('make all');
});

it('brings older events when the first row is seen, joined to what was there', async () => {
  server.api.eventsBefore.mockResolvedValue({
    events: [
      { seq: 1, time: 1, type: 'agent_message_chunk', message: 'm', content: text('begun ') }
    ] as never,
    last_seq: 2,
    more: false
  });
  server.begin('s1', 1, { ...initial(), seq: 2 }, [
    { seq: 2, time: 2, type: 'agent_message_chunk', message: 'm', content: text('and ended') }
  ]);
  await says('begun and ended');
  expect(server.api.eventsBefore).toHaveBeenCalledTimes(1);
  expect(view.node.querySelector('.jp-Codecast-before')).toBeNull();
});

it('says what kept older events from coming, and tries again when told', async () => {
  server.api.eventsBefore.mockRejectedValueOnce(new Error('the disk is gone'));
  server.begin('s1', 1, { ...initial(), seq: 1 });
  await says('the disk is gone');
  (await button(view, 'Try again')).click();
  await vi.waitFor(() => expect(view.node.textContent).not.toContain('the disk is gone'));
});

it('changes a prompt that waits, and leaves its files alone', async () => {
  const file = { type: 'image', uri: 'attachment:1/a.png', name: 'a.png' };
  server.events('s1', {
    type: 'prompt_state',
    prompt: 'p1',
    state: 'queued',
    content: [text('old'), file]
  });
  (await find<HTMLElement>(view, '[data-prompt="p1"] [aria-label="Edit"]')).click();
  const field = await find<HTMLTextAreaElement>(view, '.jp-Codecast-editing textarea');
  const set = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value')!.set!;
  set.call(field, 'new');
  field.dispatchEvent(new Event('input', { bubbles: true }));
  (await button(view, 'Save')).click();
  await vi.waitFor(() =>
    expect(server.api.editPrompt).toHaveBeenCalledWith('s1', 'p1', [text('new'), file])
  );
});

it('names the limit that is reached, and sends what changes of the budget alone', async () => {
  server.events(
    's1',
    { type: 'budget_update', max_cost: 0.5, max_turns: 9 },
    { type: 'budget_reached', limit: 'max_cost', value: 0.75, max: 0.5 }
  );
  await says('$0.75 of $0.50 spent');
  (await find<HTMLElement>(view, '.jp-Codecast-usageButton')).click();
  type(await find(view, 'input[name="max_cost"]'), '');
  (await button(view, 'Save')).click();
  await vi.waitFor(() =>
    expect(server.api.change).toHaveBeenCalledWith('s1', { budget: { max_cost: null } })
  );
});

it('shows an event of a newer vocabulary as it came, and goes on with what it knows', async () => {
  server.events(
    's1',
    { type: 'agent_message_chunk', message: 'a', content: text('before') },
    { type: 'from_the_future', weather: { sky: 'clear' } },
    { type: 'agent_message_chunk', message: 'b', content: text('after') }
  );
  await says('after');
  await says('from_the_future');
  (await find<HTMLElement>(view, '.jp-Codecast-other summary')).click();
  await says('"sky": "clear"');
});
