/** What was written into the form for a new session: kept until the session has started. */
import { UUID } from '@lumino/coreutils';

import { IBudgetChange, INewSession } from '../connection/types';

const KEY = 'codecast:start';

export interface IStartDraft {
  /** The session's id to be: a second try starts nothing twice. */
  id: string;
  machine: string;
  cwd: string | null;
  cli: string | null;
  mode: string | null;
  model: string;
  prompt: string;
  cost: string;
  turns: string;
  minutes: string;
  create: boolean;
}

export function empty(machine = 'local'): IStartDraft {
  const chosen = { cwd: null, cli: null, mode: null, create: false };
  const written = { model: '', prompt: '', cost: '', turns: '', minutes: '' };
  return { id: UUID.uuid4(), machine, ...chosen, ...written };
}

/** What was kept, on that machine if one is named: another machine has other directories. */
export function load(machine?: string): IStartDraft {
  let kept: Partial<IStartDraft> = {};
  try {
    kept = JSON.parse(sessionStorage.getItem(KEY) ?? '{}');
  } catch {
    // no storage, or somebody else's
  }
  const draft = { ...empty(), ...kept };
  return machine && machine !== draft.machine
    ? { ...draft, machine, cwd: null, cli: null, id: UUID.uuid4() }
    : draft;
}

export function save(draft: IStartDraft | null): void {
  try {
    if (draft) {
      sessionStorage.setItem(KEY, JSON.stringify(draft));
    } else {
      sessionStorage.removeItem(KEY);
    }
  } catch {
    // a full storage: the words are still in the page
  }
}

/** The limits as numbers, or the name of the one that is no number. */
export function budgetOf(draft: IStartDraft): IBudgetChange | { wrong: string } {
  const budget: IBudgetChange = {};
  for (const [name, text] of [
    ['max_cost', draft.cost],
    ['max_turns', draft.turns],
    ['max_minutes', draft.minutes]
  ] as const) {
    const value = Number(text.trim().replace(',', '.').replace(/^\$/, ''));
    if (!text.trim()) {
      continue;
    }
    if (!(value > 0) || (name === 'max_turns' && !Number.isInteger(value))) {
      return { wrong: name };
    }
    budget[name] = value;
  }
  return budget;
}

/** What the API is asked for. */
export function asked(draft: IStartDraft, cli: string | undefined, cwd: string): INewSession {
  const budget = budgetOf(draft);
  return {
    id: draft.id,
    machine: draft.machine,
    cwd,
    ...(cli && { cli }),
    ...(draft.mode && { mode: draft.mode }),
    ...(draft.model.trim() && { model: draft.model.trim() }),
    ...(draft.prompt.trim() && { prompt: draft.prompt }),
    ...(draft.create && { create_directory: true }),
    ...(!('wrong' in budget) && Object.keys(budget).length && { budget })
  } as INewSession;
}
