import { expect, it } from 'vitest';

import { SessionEvent } from './events.gen';
import { IMessageEntry, INoticeEntry, IPromptEntry, IRequestEntry } from './transcript';
import { IToolEntry, Transcript } from './transcript';

function fold(...events: object[]): Transcript {
  const transcript = new Transcript();
  events.forEach((event, index) =>
    transcript.apply({ seq: index + 1, time: index, ...event } as unknown as SessionEvent)
  );
  return transcript;
}

const text = (value: string) => ({ type: 'text', text: value });
const chunk = (message: string, value: string) => ({
  type: 'agent_message_chunk',
  message,
  content: text(value)
});

it('appends the chunks of a message, and keeps two messages apart', () => {
  const { entries } = fold(chunk('a', 'one '), chunk('a', 'two'), chunk('b', 'three'));
  expect(entries.map(entry => (entry as IMessageEntry).text)).toEqual(['one two', 'three']);
});

it('gives a changed entry a new identity, and leaves the others alone', () => {
  const transcript = fold(chunk('a', 'one'), chunk('b', 'two'));
  const [first, second] = transcript.entries;
  transcript.apply({ seq: 3, time: 3, ...chunk('b', '!') } as unknown as SessionEvent);
  expect(transcript.entries[0]).toBe(first);
  expect(transcript.entries[1]).not.toBe(second);
});

it('says which limit of the budget is reached', () => {
  const { entries } = fold({ type: 'budget_reached', limit: 'max_cost', value: 0.75, max: 0.5 });
  expect(entries).toMatchObject([{ kind: 'notice', level: 'warning' }]);
  expect((entries[0] as INoticeEntry).text).toContain('$0.75 of $0.50 spent');
});

it('passes over an event that comes twice', () => {
  const transcript = fold(chunk('a', 'one'));
  transcript.apply({ seq: 1, time: 1, ...chunk('a', 'one') } as unknown as SessionEvent);
  expect((transcript.entries[0] as IMessageEntry).text).toBe('one');
});

it('puts a prompt that waited where it began to run', () => {
  const { entries } = fold(
    chunk('a', 'busy'),
    { type: 'prompt_state', prompt: 'p', state: 'queued', content: [text('old')] },
    { type: 'prompt_state', prompt: 'p', state: 'queued', content: [text('edited')] },
    chunk('a', ' still'),
    { type: 'prompt_state', prompt: 'p', state: 'running' },
    chunk('b', 'answer'),
    { type: 'prompt_state', prompt: 'p', state: 'done' }
  );
  expect(entries.map(entry => entry.kind)).toEqual(['message', 'prompt', 'message']);
  expect(entries[1]).toMatchObject({ content: [text('edited')], state: 'done' } as IPromptEntry);
});

it('creates a tool call by its update, and grows its output', () => {
  const { entries } = fold(
    { type: 'tool_call_update', call: 'c', title: 'Run', kind: 'execute' },
    { type: 'tool_output_delta', call: 'c', text: 'a' },
    { type: 'tool_output_delta', call: 'c', text: 'b' },
    { type: 'tool_call_update', call: 'c', status: 'completed' }
  );
  expect(entries).toHaveLength(1);
  const expected = { title: 'Run', toolKind: 'execute', output: 'ab', status: 'completed' };
  expect(entries[0] as IToolEntry).toMatchObject(expected);
});

it('keeps who answered a request and where', () => {
  const { entries } = fold(
    { type: 'request_opened', request: 'r', kind: 'permission', title: 'Write?' },
    { type: 'request_resolved', request: 'r', option: 'allow', by: 'ada', where: 'shell' }
  );
  const entry = entries[0] as IRequestEntry;
  expect(entry.outcome).toBe('resolved');
  expect(entry.resolution).toMatchObject({ by: 'ada', where: 'shell' });
});

it('empties a message that a retry discarded', () => {
  const { entries } = fold(
    chunk('a', 'wrong'),
    { type: 'message_discarded', message: 'a' },
    chunk('a', 'right')
  );
  expect((entries[0] as IMessageEntry).text).toBe('right');
});

it('tells an event of a type that it does not know', () => {
  const { entries } = fold({ type: 'from_the_future', what: 1 });
  expect(entries).toMatchObject([{ kind: 'unknown', type: 'from_the_future' }]);
});

/** Events that come in every order: what a long session can have. */
function random(seed: number, count: number): SessionEvent[] {
  let state = seed;
  const any = (below: number) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * below);
  };
  const makers: (() => object)[] = [
    () => chunk(`m${any(4)}`, `w${any(99)} `),
    () => ({ ...chunk(`m${any(4)}`, 'hm '), type: 'agent_thought_chunk' }),
    () => ({ type: 'message_discarded', message: `m${any(4)}` }),
    () => ({ type: 'tool_call', call: `c${any(4)}`, title: `T${any(9)}`, kind: 'read' }),
    () => ({ type: 'tool_call_update', call: `c${any(4)}`, status: 'completed' }),
    () => ({ type: 'tool_output_delta', call: `c${any(4)}`, text: `o${any(9)}` }),
    () => ({
      type: 'prompt_state',
      prompt: `p${any(5)}`,
      state: 'queued',
      content: [text(`say ${any(99)}`)]
    }),
    () => ({ type: 'prompt_state', prompt: `p${any(5)}`, state: ['running', 'done'][any(2)] }),
    () => ({ type: 'request_opened', request: `r${any(4)}`, kind: 'permission', title: 'May I?' }),
    () => ({ type: 'request_resolved', request: `r${any(4)}`, option: `o${any(3)}` }),
    () => ({ type: 'request_withdrawn', request: `r${any(4)}`, why: 'late' }),
    () => ({ type: 'turn_started', turn: any(9), prompts: [] }),
    () => ({ type: 'turn_ended', turn: any(9), reason: ['end_turn', 'cancelled'][any(2)] }),
    () => (any(6) ? { type: 'usage_update' } : { type: 'gap', first: 1, last: 2, why: 'lost' }),
    () => ({ type: 'from_the_future' })
  ];
  return Array.from({ length: count }, (_, at) => ({
    seq: at + 1,
    time: at,
    ...makers[any(makers.length)]()
  })) as unknown as SessionEvent[];
}

it('is the same whether folded at once or joined of pages, wherever they part', () => {
  const stretch = (events: SessionEvent[]) => {
    const transcript = new Transcript();
    events.forEach(event => transcript.apply(event));
    return transcript;
  };
  for (let seed = 1; seed <= 60; seed++) {
    const events = random(seed, 60);
    const whole = stretch(events).entries;
    for (const size of [1, 7, 20, 59]) {
      let at = Math.max(0, events.length - size);
      const joined = stretch(events.slice(at));
      while (at > 0) {
        const begin = Math.max(0, at - size);
        joined.prepend(stretch(events.slice(begin, at)));
        at = begin;
      }
      const told = (entries: readonly object[]) =>
        entries.map(entry => {
          const { fresh, ...rest } = entry as { fresh?: boolean };
          return JSON.parse(JSON.stringify(rest));
        });
      expect(told(joined.entries), `seed ${seed}, pages of ${size}`).toEqual(told(whole));
    }
  }
});
