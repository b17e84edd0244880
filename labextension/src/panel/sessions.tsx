import { closeIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { CommandIDs } from '../commands';
import { ISession } from '../connection/types';
import { useCodecast } from '../ui/context';
import { cost, shortPath, statusWord } from '../ui/words';

/** A session in the panel; a click opens it. */
export function SessionRow(props: { session: ISession; showRequest?: boolean }): JSX.Element {
  const { session, showRequest } = props;
  const { codecast, commands, trans } = useCodecast();
  const { state } = session;
  const status = session.delivery === 'failed' ? 'failed' : state.status;
  const open = () => void commands.execute(CommandIDs.openSession, { id: session.id });
  const request = Object.values(state.requests)[0];
  const place = shortPath(session.cwd, codecast.hub.machines.get(session.machine));
  const words = [
    statusWord(status, trans),
    status === 'starting' ? codecast.hub.doing(session.machine, session.id) : '',
    session.link === 'offline' ? trans.__('offline') : '',
    cost(state.cost_usd)
  ].filter(Boolean);
  return (
    <div
      className="jp-Codecast-row"
      data-session={session.id}
      data-status={status}
      role="button"
      tabIndex={0}
      title={`${session.cli} · ${session.machine}:${session.cwd}`}
      onClick={open}
      onKeyDown={event => {
        if (event.key === 'Enter' || event.key === ' ') {
          event.preventDefault();
          open();
        }
      }}
    >
      <span className="jp-Codecast-dot" data-status={status} />
      <span className="jp-Codecast-rowText">
        <span className="jp-Codecast-rowName">
          {session.name}
          <span className="jp-Codecast-tag">{session.cli}</span>
        </span>
        <small>
          {showRequest && request
            ? request.title
            : `${words.join(' · ')} — ${state.title ?? place}`}
        </small>
        {session.error && <small className="jp-mod-error">{session.error.message}</small>}
      </span>
      {!showRequest && (
        <button
          className="jp-Codecast-icon jp-Codecast-remove"
          title={trans.__('Remove session…')}
          aria-label={trans.__('Remove %1…', session.name)}
          onClick={event => {
            event.stopPropagation();
            void commands.execute(CommandIDs.removeSession, { id: session.id });
          }}
        >
          <closeIcon.react tag="span" />
        </button>
      )}
    </div>
  );
}
