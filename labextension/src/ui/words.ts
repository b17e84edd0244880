import { TranslationBundle } from '@jupyterlab/translation';

import type { Loss } from '../connection/losses';
import { IMachine } from '../connection/types';
import { IContext } from './context';

/** The status of a session, for a person. */
export function statusWord(status: string, trans: TranslationBundle): string {
  switch (status) {
    case 'starting':
      return trans.__('starting');
    case 'idle':
      return trans.__('idle');
    case 'running':
      return trans.__('running');
    case 'waiting':
      return trans.__('needs you');
    case 'paused':
      return trans.__('paused: budget reached');
    case 'exited':
      return trans.__('exited');
    case 'stopped':
      return trans.__('stopped');
    case 'failed':
      return trans.__('failed');
    default:
      return status;
  }
}

/** The state of a machine, for a person. */
export function machineWord(state: IMachine['state'], trans: TranslationBundle): string {
  switch (state) {
    case 'offline':
      return trans.__('not connected');
    case 'connecting':
      return trans.__('connecting…');
    case 'online':
      return trans.__('online');
    case 'reconnecting':
      return trans.__('reconnecting…');
    case 'failed':
      return trans.__('failed');
  }
}

/** Where a prompt is on its way, for a person. */
export function promptWord(state: string, trans: TranslationBundle): string {
  switch (state) {
    case 'stored':
      return trans.__('waits for the machine');
    case 'delivered':
      return trans.__('delivered');
    case 'queued':
      return trans.__('queued');
    case 'running':
      return trans.__('running');
    case 'failed':
      return trans.__('failed');
    case 'cancelled':
      return trans.__('cancelled');
    case 'unknown':
      return trans.__('nobody can tell whether the CLI took it');
    default:
      return state;
  }
}

/** Why a turn or a process ended, for a person. */
export function endWord(reason: string, trans: TranslationBundle): string {
  switch (reason) {
    case 'cancelled':
      return trans.__('Interrupted');
    case 'refusal':
      return trans.__('The model refused');
    case 'max_tokens':
      return trans.__('Out of tokens');
    case 'max_turn_requests':
      return trans.__('Out of steps');
    case 'error':
      return trans.__('The turn failed');
    case 'exited':
      return trans.__('The CLI has exited; the next prompt resumes it');
    case 'stopped':
      return trans.__('Stopped; the next prompt resumes it');
    case 'failed':
      return trans.__('The CLI did not start');
    default:
      return reason;
  }
}

/** What of the way to the server is lost, for a person; '' when nothing is. */
export function lossWords(loss: Loss, trans: TranslationBundle): string {
  switch (loss) {
    case 'network':
      return trans.__('This computer has no network. Sessions go on; what you write is kept.');
    case 'server':
      return trans.__('The Jupyter server does not answer. Sessions go on without it.');
    case 'socket':
      return trans.__('Live updates are interrupted; the server is there.');
    case 'nothing':
      return '';
  }
}

/** Who did something, and where: nothing for the reader at a page like this one. */
export function personWords(
  by: string | undefined,
  where: string | undefined,
  { trans, user, codecast }: IContext
): string {
  const mine = by !== undefined && [user.identity?.username, codecast.api.me].includes(by);
  const words = [
    mine ? (where === 'lab' ? '' : trans.__('you')) : by,
    where === 'lab' && mine ? '' : where
  ];
  return words.filter(Boolean).join(' · ');
}

/** The home directory as `~`. */
export function shortPath(path: string, machine: IMachine | undefined): string {
  const home = machine?.hello?.['home'];
  return typeof home === 'string' && (path === home || path.startsWith(home + '/'))
    ? '~' + path.slice(home.length)
    : path;
}

export function cost(dollars: number | null | undefined): string {
  return dollars ? `$${dollars < 1 ? dollars.toFixed(3) : dollars.toFixed(2)}` : '';
}

/** How a tool call stands, for a person. */
export function toolStatusWord(status: string, trans: TranslationBundle): string {
  switch (status) {
    case 'pending':
      return trans.__('waits');
    case 'in_progress':
      return trans.__('running');
    case 'completed':
      return trans.__('done');
    case 'failed':
      return trans.__('failed');
    default:
      return status;
  }
}

/** What a mode does, for a person. */
export function modeWord(mode: string, trans: TranslationBundle): string {
  switch (mode) {
    case 'auto':
      return trans.__('Auto: nobody is asked');
    case 'code':
      return trans.__('Code: edits are made, commands are asked');
    case 'plan':
      return trans.__('Plan: reads only');
    case 'ask':
      return trans.__('Ask: everything is asked');
    default:
      return mode;
  }
}

/** A count of tokens: `840`, `12.3k`, `1.2M`. */
export function tokens(count: number): string {
  if (count < 1000) {
    return String(count);
  }
  return count < 1e6 ? `${+(count / 1000).toPrecision(3)}k` : `${+(count / 1e6).toPrecision(3)}M`;
}
