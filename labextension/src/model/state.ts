/**
 * The fold: what a session is now, derived from its events and from nothing else.
 *
 * The twin of `codecast_agent/protocol/state.py`; both pass `tests/protocol/state_cases.json`.
 */
import { ICommand, IContent, IPlanEntry, IProblem, SessionEvent } from './events.gen';
import { ISetting, IUsage, IRequestOpenedEvent, TERMINAL_PROMPT_STATES } from './events.gen';

/** A prompt that has not ended. */
export interface IPromptState {
  prompt: string;
  state: string;
  content?: IContent[];
  by?: string;
  where?: string;
  steered?: boolean;
}

/** An open request, as it was asked. */
export type OpenRequest = Omit<
  IRequestOpenedEvent,
  'seq' | 'time' | 'raw' | 'raw_input' | 'type'
> & {
  since: number;
};

/** What a person is told. */
export type Status =
  'starting' | 'idle' | 'running' | 'waiting' | 'paused' | 'exited' | 'stopped' | 'failed';

/** What a session may spend: US dollars, turns, minutes. */
export interface IBudget {
  max_cost?: number;
  max_turns?: number;
  max_minutes?: number;
}

/** See `initial` of the Python twin for the meaning of every field. */
export interface ISessionState {
  seq: number;
  status: Status;
  process: string;
  pid: number | null;
  turn: { turn: number; prompts: string[]; since: number } | null;
  turns: number;
  prompts: { [prompt: string]: IPromptState };
  requests: { [request: string]: OpenRequest };
  settings: { [name: string]: ISetting };
  mode: string | null;
  commands: ICommand[];
  plan: IPlanEntry[];
  native: string | null;
  title: string | null;
  name: string | null;
  cli_version: string | null;
  usage: IUsage;
  cost_usd: number;
  context_used: number | null;
  context_size: number | null;
  worked: { seconds: number; since: number | null };
  budget: IBudget;
  over_budget: { limit: string; value: number; max: number } | null;
  error: IProblem | null;
  background: { [task: string]: string };
  updated: number;
}

/** The state before the first event. */
export function initial(): ISessionState {
  return {
    seq: 0,
    status: 'starting',
    process: 'starting',
    pid: null,
    turn: null,
    turns: 0,
    prompts: {},
    requests: {},
    settings: {},
    mode: null,
    commands: [],
    plan: [],
    native: null,
    title: null,
    name: null,
    cli_version: null,
    usage: {},
    cost_usd: 0,
    context_used: null,
    context_size: null,
    worked: { seconds: 0, since: null },
    budget: {},
    over_budget: null,
    error: null,
    background: {},
    updated: 0
  };
}

/**
 * Take one event into `state`, in place. An event already taken (`seq`) changes nothing.
 *
 * @returns whether more has changed than `seq` and `updated`
 */
export function apply(state: ISessionState, event: SessionEvent): boolean {
  if (event.seq <= state.seq) {
    return false;
  }
  state.seq = event.seq;
  state.updated = event.time;
  const changes = step(state, event);
  if (changes) {
    state.status = status(state);
    clock(state, event);
  }
  return changes;
}

/** The one word for a person, by what matters most to them. */
export function status(state: ISessionState): Status {
  if (state.process === 'failed' || state.process === 'stopped') {
    return state.process;
  }
  if (Object.keys(state.requests).length) {
    return 'waiting';
  }
  if (state.turn) {
    return 'running';
  }
  if (state.over_budget && (state.process === 'ready' || state.process === 'exited')) {
    return 'paused';
  }
  return state.process === 'ready' ? 'idle' : (state.process as Status);
}

/** Count the time in which a turn ran and nobody was waited for; see the Python twin. */
function clock({ worked, turn, requests }: ISessionState, event: SessionEvent): void {
  const runs = turn !== null && Object.keys(requests).length === 0;
  if (runs && worked.since === null) {
    worked.since = event.time;
  } else if (!runs && worked.since !== null) {
    const elapsed = Math.max(0, event.time - worked.since);
    const duration = 'duration' in event ? event.duration : undefined;
    worked.seconds += typeof duration === 'number' ? Math.min(elapsed, duration) : elapsed;
    worked.since = null;
  }
}

/** Which limit is reached, for a person; see `protocol/budget.py`. */
export function overBudget({ limit, value, max }: ISessionState['over_budget'] & object): string {
  const words: { [limit: string]: string } = {
    max_cost: `$${Number(value).toFixed(2)} of $${Number(max).toFixed(2)} spent`,
    max_turns: `${value} of ${max} turns taken`,
    max_minutes: `${+Number(value).toPrecision(3)} of ${+Number(max).toPrecision(3)} minutes worked`
  };
  return `The budget is reached: ${words[limit] ?? limit}. It is paused until that is raised.`;
}

/** Whether the event meant anything to the state. */
function step(state: ISessionState, event: SessionEvent): boolean {
  switch (event.type) {
    case 'session_state':
      state.process = event.state;
      state.pid = ['starting', 'ready'].includes(event.state) ? (event.pid ?? null) : null;
      if (event.error || event.state === 'ready') {
        state.error = event.error ?? null;
      }
      if (['exited', 'stopped', 'failed'].includes(event.state)) {
        state.background = {};
      }
      return true;
    case 'turn_started':
      state.turn = { turn: event.turn, prompts: event.prompts ?? [], since: event.time };
      state.turns += 1;
      state.error = null;
      return true;
    case 'turn_ended':
      state.turn = null;
      state.error = event.error ?? null;
      return true;
    case 'prompt_state': {
      if (TERMINAL_PROMPT_STATES.includes(event.state)) {
        delete state.prompts[event.prompt];
        return true;
      }
      const entry = (state.prompts[event.prompt] ??= { prompt: event.prompt, state: '' });
      entry.state = event.state;
      copy(event, entry, ['content', 'by', 'where', 'steered']);
      if (event.before !== undefined) {
        putBefore(state.prompts, event.prompt, event.before);
      }
      return true;
    }
    case 'request_opened': {
      const { seq, time, type, raw, raw_input, ...request } = event;
      state.requests[event.request] = { ...request, since: time };
      return true;
    }
    case 'request_resolved':
    case 'request_withdrawn':
      delete state.requests[event.request];
      return true;
    case 'config_option_update':
      for (const [name, setting] of Object.entries(event.settings ?? {})) {
        if (setting && typeof setting === 'object') {
          state.settings[name] = { ...state.settings[name], ...setting };
        }
      }
      if (event.class !== undefined) {
        state.mode = event.class;
      }
      return true;
    case 'session_info_update':
      copy(event, state, ['native', 'title', 'cli_version', 'name']);
      return true;
    case 'usage_update':
      copy(event, state, ['usage', 'cost_usd', 'context_used', 'context_size']);
      return true;
    case 'budget_update':
      state.budget = {};
      for (const limit of ['max_cost', 'max_turns', 'max_minutes'] as const) {
        if (typeof event[limit] === 'number') {
          state.budget[limit] = event[limit];
        }
      }
      state.over_budget = null;
      return true;
    case 'budget_reached':
      state.over_budget = { limit: event.limit, value: event.value, max: event.max };
      return true;
    case 'available_commands_update':
      state.commands = event.commands ?? [];
      return true;
    case 'plan':
      state.plan = event.entries ?? [];
      return true;
    case 'background':
      if (event.state === 'running') {
        state.background[event.task] = event.title ?? event.task;
      } else {
        delete state.background[event.task];
      }
      return true;
    case 'gap':
      // what was open before the gap may have ended inside it: never show it as open
      state.turn = null;
      state.requests = {};
      return true;
    default:
      return false;
  }
}

/** In front of another one, or to the end where that is not there. */
function putBefore(prompts: ISessionState['prompts'], prompt: string, before: string): void {
  const others = Object.keys(prompts).filter(id => id !== prompt);
  const behind = others.includes(before) ? others.slice(others.indexOf(before)) : [];
  for (const id of [prompt, ...behind]) {
    const entry = prompts[id];
    delete prompts[id];
    prompts[id] = entry;
  }
}

/** Copy the named fields that `from` has. */
function copy(from: object, to: object, fields: string[]): void {
  for (const field of fields) {
    if (field in from) {
      (to as Record<string, unknown>)[field] = (from as Record<string, unknown>)[field];
    }
  }
}
