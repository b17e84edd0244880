import { readFileSync } from 'fs';
import { expect, it } from 'vitest';

import { SessionEvent } from './events.gen';
import { apply, initial, ISessionState } from './state';

interface ICase {
  name: string;
  events: SessionEvent[];
  state: Partial<ISessionState>;
}

const cases: ICase[] = JSON.parse(
  readFileSync('../tests/protocol/state_cases.json', { encoding: 'utf-8' })
);

it.each(cases)('folds as the Python twin does: $name', ({ events, state }) => {
  const folded = initial();
  events.forEach(event => apply(folded, event));
  for (const field of Object.keys(state) as (keyof ISessionState)[]) {
    expect(folded[field], field).toEqual(state[field]);
  }
  const order = Object.keys(state.prompts ?? folded.prompts);
  expect(Object.keys(folded.prompts)).toEqual(order);
});

it('takes no event twice', () => {
  const event = { seq: 1, time: 1, type: 'turn_started', turn: 1, prompts: [] } as SessionEvent;
  const state = initial();
  apply(state, event);
  apply(state, event);
  expect(state.turns).toBe(1);
});
