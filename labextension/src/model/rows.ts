/**
 * The rows of a transcript: its entries as one display mode shows them.
 *
 * `append` shows each step (a tool call, a thought) as it comes; `batch` gathers the steps
 * between two messages; `timer` shows of a running turn how long it works, and when it has ended
 * its steps as one row and then its words.
 */
import { Entry, IRequestEntry, IToolEntry } from './entries';

export type Display = 'append' | 'batch' | 'timer';

export const DISPLAYS: readonly Display[] = ['append', 'batch', 'timer'];

/**
 * An entry. Of a tool call `children` is what a sub-agent of it said and did, and `requests`
 * what a person was asked about it.
 */
export interface IEntryRow {
  kind: 'entry';
  key: string;
  entry: Entry;
  children: readonly Entry[];
  requests: readonly IRequestEntry[];
}

/** Steps in one row. `since` and `until` are times; a turn that runs has no `until`. */
export interface IStepsRow {
  kind: 'steps';
  key: string;
  rows: readonly IEntryRow[];
  since: number;
  until: number | null;
}

export type Row = IEntryRow | IStepsRow;

/** Makes rows; one that looks as before is the same object. */
export class Rows {
  /** @param running - whether a turn runs: then the last one is it */
  update(entries: readonly Entry[], display: Display, running: boolean): readonly Row[] {
    const plain = this._plain(entries);
    const rows =
      display === 'batch' ? batches(plain) : display === 'timer' ? turns(plain, running) : plain;
    const shown = rows.filter(row => row.kind === 'steps' || row.entry.kind !== 'turn');
    const known = new Map<string, Row>();
    this._rows = shown.map(row => {
      const same = this._known.get(row.key);
      const kept = same && alike(same, row) ? same : row;
      known.set(row.key, kept);
      return kept;
    });
    this._known = known;
    return this._rows;
  }

  /** Every entry that is to be seen, with what happened inside it. */
  private _plain(entries: readonly Entry[]): IEntryRow[] {
    const rows: IEntryRow[] = [];
    const calls = new Map<string, IEntryRow>();
    for (const entry of entries) {
      const about = entry.kind === 'request' ? calls.get(entry.request.call ?? '') : undefined;
      if (about && entry.kind === 'request') {
        (about.requests as IRequestEntry[]).push(entry);
        continue;
      }
      if (!isShown(entry)) {
        continue;
      }
      const parent = 'parent' in entry && entry.parent ? calls.get(entry.parent) : undefined;
      if (parent) {
        (parent.children as Entry[]).push(entry);
        // what a sub-agent of a sub-agent does is told inside the first one
        if (entry.kind === 'tool') {
          calls.set(entry.call, parent);
        }
        continue;
      }
      const last = rows[rows.length - 1]?.entry;
      if (entry.kind === 'unknown' && last?.kind === 'unknown' && last.type === entry.type) {
        continue;
      }
      const row: IEntryRow = { kind: 'entry', key: entry.key, entry, children: [], requests: [] };
      rows.push(row);
      if (entry.kind === 'tool') {
        calls.set(entry.call, row);
      }
    }
    return rows;
  }

  private _rows: readonly Row[] = [];
  private _known = new Map<string, Row>();
}

function isShown(entry: Entry): boolean {
  switch (entry.kind) {
    case 'message':
    case 'thought':
    case 'user':
      return entry.text.trim() !== '' || entry.images.length > 0;
    case 'prompt':
      return entry.content !== undefined || entry.state === 'running';
    case 'request':
      return entry.outcome !== 'open';
    case 'end':
      return entry.reason === 'end_turn' && (entry.duration ?? 0) >= 1;
    default:
      return true;
  }
}

/** Whether it is something done on the way, not said at its end. */
export function isStep(entry: Entry): boolean {
  return entry.kind === 'tool' || entry.kind === 'thought';
}

/** Whether a tool call is still at work. */
export function isBusy({ status }: IToolEntry): boolean {
  return status === 'pending' || status === 'in_progress' || status === undefined;
}

function steps(rows: IEntryRow[], since: number, until: number | null): IStepsRow {
  return { kind: 'steps', key: `steps:${rows[0].key}`, rows, since, until };
}

function endOf({ entry }: IEntryRow): number {
  return entry.kind === 'tool' ? entry.until : entry.time;
}

function batches(rows: IEntryRow[]): Row[] {
  const out: Row[] = [];
  let batch: IEntryRow[] = [];
  const flush = () => {
    if (batch.length > 1) {
      const busy = batch.some(({ entry }) => entry.kind === 'tool' && isBusy(entry));
      out.push(steps(batch, batch[0].entry.time, busy ? null : Math.max(...batch.map(endOf))));
    } else {
      out.push(...batch);
    }
    batch = [];
  };
  for (const row of rows) {
    if (isStep(row.entry)) {
      batch.push(row);
    } else {
      flush();
      out.push(row);
    }
  }
  flush();
  return out;
}

function turns(rows: IEntryRow[], running: boolean): Row[] {
  const out: Row[] = [];
  const lastTurn = rows.map(({ entry }) => entry.kind).lastIndexOf('turn');
  let done: IEntryRow[] = []; // what is hidden of this turn
  let said: IEntryRow[] = [];
  let since: number | null = null;
  const flush = (until: number | null) => {
    if (done.length) {
      out.push(steps(done, since ?? done[0].entry.time, until));
    }
    out.push(...said);
    [done, said, since] = [[], [], null];
  };
  rows.forEach((row, at) => {
    const { entry } = row;
    const isRunning = running && at >= lastTurn;
    if (entry.kind === 'turn') {
      flush(entry.time);
      since = entry.time;
    } else if (isStep(entry) || (isRunning && entry.kind === 'message')) {
      done.push(row);
    } else if (entry.kind === 'end') {
      flush(entry.time);
      out.push(row);
    } else if (entry.kind === 'prompt') {
      out.push(row);
    } else {
      said.push(row);
    }
  });
  flush(running ? null : (rows[rows.length - 1]?.entry.time ?? 0));
  return out;
}

function alike(a: Row, b: Row): boolean {
  if (a.kind === 'entry' && b.kind === 'entry') {
    return (
      a.entry === b.entry && sameItems(a.children, b.children) && sameItems(a.requests, b.requests)
    );
  }
  return (
    a.kind === 'steps' &&
    b.kind === 'steps' &&
    a.since === b.since &&
    a.until === b.until &&
    a.rows.length === b.rows.length &&
    a.rows.every((row, at) => alike(row, b.rows[at]))
  );
}

function sameItems(a: readonly Entry[], b: readonly Entry[]): boolean {
  return a.length === b.length && a.every((entry, at) => entry === b[at]);
}
