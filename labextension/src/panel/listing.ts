/** Which sessions the panel shows, and under which heads. */
import { ISession } from '../connection/types';
import { statusOf } from '../model/hub';

/** What sessions stand under. */
export type Grouping = 'machine' | 'status' | 'directory';

export const GROUPINGS: Grouping[] = ['machine', 'status', 'directory'];

export interface IGroup {
  /** A machine's name, a status, or `machine:directory`. */
  key: string;
  sessions: ISession[];
}

/** How soon a session needs its person: the order of lists. */
const URGENCY = ['waiting', 'paused', 'failed', 'running', 'starting', 'idle', 'exited', 'stopped'];

/** Those that need their person first, then the newest. */
export function byUrgency(a: ISession, b: ISession): number {
  return URGENCY.indexOf(statusOf(a)) - URGENCY.indexOf(statusOf(b)) || b.created - a.created;
}

/** Whether every word of `filter` is in something that names the session. */
export function matches(session: ISession, filter: string): boolean {
  const { name, machine, cli, cwd, state } = session;
  const about = [name, machine, cli, cwd, state.title ?? '', statusOf(session)];
  const text = about.join('\n').toLowerCase();
  return words(filter).every(word => text.includes(word));
}

export function words(filter: string): string[] {
  return filter.toLowerCase().split(/\s+/).filter(Boolean);
}

/** Sessions under heads; the heads in the order of their most urgent session. */
export function grouped(sessions: ISession[], grouping: Grouping): IGroup[] {
  const groups = new Map<string, ISession[]>();
  for (const session of [...sessions].sort(byUrgency)) {
    const key = keyOf(session, grouping);
    groups.set(key, [...(groups.get(key) ?? []), session]);
  }
  return [...groups].map(([key, sessions]) => ({ key, sessions }));
}

function keyOf(session: ISession, grouping: Grouping): string {
  switch (grouping) {
    case 'machine':
      return session.machine;
    case 'status':
      return statusOf(session);
    case 'directory':
      return `${session.machine}:${session.cwd}`;
  }
}

/** Sessions that wait for an answer or for a larger budget, the longest waiting first. */
export function needy(sessions: Iterable<ISession>): ISession[] {
  return [...sessions]
    .filter(session => ['waiting', 'paused'].includes(statusOf(session)))
    .sort((a, b) => a.state.updated - b.state.updated);
}

/** The one to look at after `current`: each that waits in turn. */
export function nextNeedy(sessions: Iterable<ISession>, current?: string): ISession | undefined {
  const waiting = needy(sessions);
  return waiting[(waiting.findIndex(({ id }) => id === current) + 1) % (waiting.length || 1)];
}

/** Directories to offer: where sessions were last started, then those of codecast.yaml. */
export function recentDirectories(
  sessions: Iterable<ISession>,
  machine: string,
  configured: string[] = []
): string[] {
  const used = [...sessions]
    .filter(session => session.machine === machine)
    .sort((a, b) => b.created - a.created)
    .map(({ cwd }) => cwd);
  return [...new Set([...used, ...configured])].slice(0, 12);
}
