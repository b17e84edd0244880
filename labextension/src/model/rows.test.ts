import { expect, it } from 'vitest';

import { SessionEvent } from './events.gen';
import { Display, Row, Rows } from './rows';
import { Transcript } from './transcript';

const text = (value: string) => ({ type: 'text', text: value });
const says = (message: string, value: string) => ({
  type: 'agent_message_chunk',
  message,
  content: text(value)
});
const call = (name: string, parent?: string) => ({
  type: 'tool_call',
  call: name,
  title: name,
  kind: 'read',
  status: 'completed',
  parent
});

function transcript(...events: object[]): Transcript {
  const made = new Transcript();
  events.forEach((event, at) =>
    made.apply({ seq: at + 1, time: at, ...event } as unknown as SessionEvent)
  );
  return made;
}

function shown(rows: readonly Row[]): string[] {
  return rows.map(row =>
    row.kind === 'steps' ? `[${row.rows.map(({ key }) => key).join(' ')}]` : row.key
  );
}

const TURN = [
  { type: 'turn_started', turn: 1, prompts: ['p'] },
  says('a', 'Let me look.'),
  call('one'),
  call('two'),
  says('b', 'Found.')
];
const END = { type: 'turn_ended', turn: 1, reason: 'end_turn', duration: 4 };

it.each<[Display, string[]]>([
  ['append', ['message:a', 'tool:one', 'tool:two', 'message:b', 'end:6']],
  ['batch', ['message:a', '[tool:one tool:two]', 'message:b', 'end:6']],
  ['timer', ['[tool:one tool:two]', 'message:a', 'message:b', 'end:6']]
])('shows a turn that has ended in the display %s', (display, expected) => {
  expect(shown(new Rows().update(transcript(...TURN, END).entries, display, false))).toEqual(
    expected
  );
});

it('shows of a running turn its time alone in the display timer', () => {
  const rows = new Rows().update(transcript(...TURN).entries, 'timer', true);
  expect(shown(rows)).toEqual(['[message:a tool:one tool:two message:b]']);
  expect(rows[0]).toMatchObject({ since: 0, until: null });
});

it('leaves a single step as it is, and rows that look as before the same objects', () => {
  const made = transcript(...TURN.slice(0, 3), says('b', 'Found'));
  const rows = new Rows();
  const before = rows.update(made.entries, 'batch', true);
  expect(shown(before)).toEqual(['message:a', 'tool:one', 'message:b']);
  made.apply({ seq: 9, time: 9, ...says('b', ' it') } as unknown as SessionEvent);
  const after = rows.update(made.entries, 'batch', true);
  expect(after[0]).toBe(before[0]);
  expect(after[1]).toBe(before[1]);
  expect(after[2]).not.toBe(before[2]);
});

it('puts what a sub-agent does into its tool call, however deep', () => {
  const made = transcript(call('task'), call('inner', 'task'), call('deep', 'inner'), call('next'));
  const [task, next] = new Rows().update(made.entries, 'append', false);
  expect(task).toMatchObject({
    key: 'tool:task',
    children: [{ call: 'inner' }, { call: 'deep' }]
  });
  expect(next.key).toBe('tool:next');
});

it('tells what a person was asked about a tool call with it', () => {
  const asked = { type: 'request_opened', request: 'r', kind: 'permission', title: 'Read?' };
  const made = transcript(call('one'), { ...asked, call: 'one' }, { ...asked, request: 'other' });
  const rows = new Rows();
  const [row, ...others] = rows.update(made.entries, 'append', true);
  expect(row).toMatchObject({ key: 'tool:one', requests: [{ outcome: 'open' }] });
  expect(others).toEqual([]);
  const resolved = { seq: 9, time: 9, type: 'request_resolved', request: 'r', option: 'yes' };
  made.apply(resolved as unknown as SessionEvent);
  const [now] = rows.update(made.entries, 'append', true);
  expect(now).toMatchObject({ requests: [{ outcome: 'resolved' }] });
  expect(now).not.toBe(row);
});

it('tells many events of one unknown type once', () => {
  const made = transcript({ type: 'new' }, { type: 'new' }, says('a', 'x'), { type: 'new' });
  expect(shown(new Rows().update(made.entries, 'append', false))).toEqual([
    'unknown:1',
    'message:a',
    'unknown:4'
  ]);
});
