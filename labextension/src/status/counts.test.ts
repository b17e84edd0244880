import { expect, it } from 'vitest';

import { initial } from '../model/state';
import { counts } from './counts';

it('counts who works and who waits, a session that never began as neither', () => {
  const made = ['starting', 'running', 'waiting', 'paused', 'idle', 'exited', 'stopped', 'failed'];
  const sessions: any[] = made.map(status => ({
    delivery: 'started',
    state: { ...initial(), status }
  }));
  sessions.push({ delivery: 'failed', state: initial() });
  expect(counts(sessions)).toEqual({ running: 2, waiting: 2 });
});
