import React from 'react';

import { CommandIDs } from '../commands';
import { useCodecast } from '../ui/context';
import { useSignal } from '../ui/hooks';
import { codecastIcon } from '../ui/icon';
import { counts } from './counts';

/** A click goes to who waits, else to the panel. */
export function StatusItem(): JSX.Element {
  const { codecast, commands, trans } = useCodecast();
  const { hub } = codecast;
  useSignal(hub.changed);
  const { running, waiting } = counts(hub.sessions.values());
  const words = [
    running ? trans.__('%1 running', running) : '',
    waiting ? trans._n('%1 needs you', '%1 need you', waiting, waiting) : ''
  ].filter(Boolean);
  const lost = hub.isLoaded && !hub.isConnected;
  const text = lost ? trans.__('reconnecting…') : words.join(' · ');
  const command = waiting ? CommandIDs.nextWaiting : CommandIDs.openPanel;
  return (
    <button
      className="jp-Codecast-status-button"
      data-waiting={waiting}
      data-running={running}
      title={text ? trans.__('Codecast: %1', text) : trans.__('Codecast: no session works')}
      aria-label={text ? trans.__('Codecast: %1', text) : trans.__('Codecast: no session works')}
      onClick={() => void commands.execute(command)}
    >
      <codecastIcon.react tag="span" />
      {text}
    </button>
  );
}
