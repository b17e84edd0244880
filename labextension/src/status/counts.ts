import { ISession } from '../connection/types';
import { statusOf } from '../model/hub';

/** How many sessions work, and how many wait for their person. */
export function counts(sessions: Iterable<ISession>): { running: number; waiting: number } {
  const found = { running: 0, waiting: 0 };
  for (const session of sessions) {
    const status = statusOf(session);
    if (status === 'waiting' || status === 'paused') {
      found.waiting += 1;
    } else if (status === 'running' || status === 'starting') {
      found.running += 1;
    }
  }
  return found;
}
