import { closeIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { CommandIDs } from '../commands';
import { ISession } from '../connection/types';
import { statusOf } from '../model/hub';
import { ago } from '../ui/ago';
import { useCodecast } from '../ui/context';
import { IconButton } from '../ui/iconbutton';
import { cost, shortPath, statusWord } from '../ui/words';

/** A session in the panel; a click opens it. */
export function SessionRow(props: {
  session: ISession;
  showRequest?: boolean;
  /** Whether no head above tells the machine. */
  showMachine?: boolean;
}): JSX.Element {
  const { session, showRequest, showMachine } = props;
  const { codecast, commands, trans } = useCodecast();
  const { state } = session;
  const status = statusOf(session);
  const request = Object.values(state.requests)[0];
  const place = shortPath(session.cwd, codecast.hub.machines.get(session.machine));
  const about = state.title || place;
  const facts = [
    statusWord(status, trans),
    status === 'starting' ? codecast.hub.doing(session.machine, session.id) : '',
    session.link === 'offline' ? trans.__('offline') : '',
    cost(state.cost_usd),
    about
  ].filter(Boolean);
  const asks = showRequest && request;
  return (
    <li className="jp-Codecast-row" data-session={session.id} data-status={status}>
      <button
        className="jp-Codecast-rowMain"
        title={`${session.cli} · ${session.machine}:${session.cwd}`}
        onClick={() => void commands.execute(CommandIDs.openSession, { id: session.id })}
      >
        <span className="jp-Codecast-dot" data-status={status} />
        <span className="jp-Codecast-rowText">
          <span className="jp-Codecast-rowHead">
            <span className="jp-Codecast-rowName">{session.name}</span>
            <span className="jp-Codecast-tag">{session.cli}</span>
            {(showMachine || showRequest) && (
              <span className="jp-Codecast-tag jp-mod-machine">{session.machine}</span>
            )}
            <small className="jp-Codecast-age">
              {ago(state.updated || session.created, trans)}
            </small>
          </span>
          {asks && <small className="jp-Codecast-asks">{request.title}</small>}
          {!asks && <small>{facts.join(' · ')}</small>}
          {session.error && <small className="jp-mod-error">{session.error.message}</small>}
        </span>
      </button>
      {!showRequest && (
        <IconButton
          icon={closeIcon}
          label={trans.__('Remove %1…', session.name)}
          title={trans.__('Remove session…')}
          className="jp-Codecast-remove"
          onClick={() => void commands.execute(CommandIDs.removeSession, { id: session.id })}
        />
      )}
    </li>
  );
}

/** Rows, as a list for who hears the page. */
export function SessionRows(props: {
  sessions: ISession[];
  label: string;
  showRequest?: boolean;
  showMachine?: boolean;
}): JSX.Element {
  const { sessions, label, ...how } = props;
  return (
    <ul className="jp-Codecast-rows" aria-label={label}>
      {sessions.map(session => (
        <SessionRow key={session.id} session={session} {...how} />
      ))}
    </ul>
  );
}
