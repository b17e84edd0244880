import { refreshIcon, stopIcon } from '@jupyterlab/ui-components';
import React, { useEffect, useLayoutEffect, useRef, useState } from 'react';

import { CommandIDs } from '../commands';
import { IRequestEntry } from '../model/transcript';
import { SessionModel } from '../model/session';
import { Directory, Session, useCodecast } from '../ui/context';
import { useSignal } from '../ui/hooks';
import { Problem } from '../ui/problem';
import { cost, shortPath, statusWord } from '../ui/words';
import { Composer } from './composer';
import { EntryView } from './entries';
import { RequestCard } from './requests';

const PAGE = 200; // entries in the page; older ones on demand

/** One session: its transcript, what it asks, and where to write. */
export function SessionView(props: { model: SessionModel }): JSX.Element {
  const { model } = props;
  const { codecast, trans } = useCodecast();
  useSignal(model.changed);
  useSignal(codecast.hub.changed);
  const { state, transcript } = model;
  const session = codecast.hub.sessions.get(model.id);
  const { isConnected } = codecast.hub;
  useEffect(() => {
    // what was sent before the page was loaded, or while its socket was lost
    if (isConnected) {
      codecast.api.prompts(model.id).then(
        prompts => codecast.hub.learnPrompts(prompts),
        () => undefined // a removed session; without the server the banner says so
      );
    }
  }, [codecast, model, isConnected]);
  if (!session && codecast.hub.isLoaded) {
    return <div className="jp-Codecast-empty">{trans.__('This session has been removed.')}</div>;
  }
  const open = transcript.entries.filter(
    (entry): entry is IRequestEntry => entry.kind === 'request' && entry.outcome === 'open'
  );
  return (
    <Session.Provider value={model.id}>
      <Directory.Provider value={session?.cwd ?? ''}>
        <Head model={model} />
        {!codecast.hub.isConnected && (
          <div className="jp-Codecast-banner">
            {trans.__('Not connected to the Jupyter server. The session goes on; reconnecting…')}
          </div>
        )}
        {session?.link === 'offline' && codecast.hub.isConnected && (
          <div className="jp-Codecast-banner">
            {trans.__(
              'No connection to %1. The session goes on there; prompts wait here.',
              session.machine
            )}
          </div>
        )}
        <Scroller count={transcript.entries.length} seq={state.seq + open.length}>
          {first => (
            <>
              {transcript.entries.slice(first).map(entry => (
                <EntryView key={entry.key} entry={entry} />
              ))}
              {model.isLoaded && transcript.entries.length === 0 && state.status === 'idle' && (
                <div className="jp-Codecast-empty">{trans.__('Ready. Write a prompt below.')}</div>
              )}
              {session?.delivery === 'failed' && <Problem problem={session.error} />}
              {(state.status === 'running' || state.status === 'starting') && (
                <div className="jp-Codecast-working" aria-label={statusWord(state.status, trans)}>
                  <i />
                  <i />
                  <i />
                  {state.status === 'starting' && session && (
                    <small role="status">{codecast.hub.doing(session.machine, session.id)}</small>
                  )}
                </div>
              )}
            </>
          )}
        </Scroller>
        {open.length > 0 && (
          <div className="jp-Codecast-requests">
            {open.map(({ request }) => (
              <RequestCard key={request.request} session={model.id} request={request} />
            ))}
          </div>
        )}
        <Composer model={model} />
      </Directory.Provider>
    </Session.Provider>
  );
}

/** What it is, how it is, and its end. */
function Head(props: { model: SessionModel }): JSX.Element {
  const { codecast, commands, trans } = useCodecast();
  const { id, state } = props.model;
  const session = codecast.hub.sessions.get(id);
  const status = session?.delivery === 'failed' ? 'failed' : state.status;
  const act = (command: string) => () => void commands.execute(command, { id });
  const ended = ['exited', 'stopped', 'failed'].includes(status);
  return (
    <header className="jp-Codecast-head">
      <span className="jp-Codecast-dot" data-status={status} />
      <b className="jp-Codecast-status" data-status={status}>
        {statusWord(status, trans)}
      </b>
      {session && (
        <span className="jp-Codecast-where" title={session.cwd}>
          {session.cli} · {session.machine}:
          {shortPath(session.cwd, codecast.hub.machines.get(session.machine))}
        </span>
      )}
      {state.mode && <span className="jp-Codecast-tag">{state.mode}</span>}
      <span className="jp-Codecast-cost">{cost(state.cost_usd)}</span>
      {state.turn && (
        <button
          className="jp-mod-styled jp-mod-reject jp-Codecast-small"
          onClick={act(CommandIDs.interrupt)}
        >
          {trans.__('Interrupt')}
        </button>
      )}
      {ended ? (
        <button
          className="jp-Codecast-icon"
          title={trans.__('Resume')}
          aria-label={trans.__('Resume')}
          onClick={act(CommandIDs.resumeSession)}
        >
          <refreshIcon.react tag="span" />
        </button>
      ) : (
        <button
          className="jp-Codecast-icon"
          title={trans.__('Stop the CLI; the next prompt resumes it')}
          aria-label={trans.__('Stop')}
          onClick={act(CommandIDs.stopSession)}
        >
          <stopIcon.react tag="span" />
        </button>
      )}
    </header>
  );
}

/** Scrolls with what comes, unless the person has scrolled away; shows the newest page. */
function Scroller(props: {
  count: number;
  seq: number;
  children: (first: number) => React.ReactNode;
}): JSX.Element {
  const { trans } = useCodecast();
  const [shown, setShown] = useState(PAGE);
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const pinned = useRef(true);
  const first = Math.max(0, props.count - shown);
  const follow = () => {
    if (pinned.current && scroller.current) {
      scroller.current.scrollTop = scroller.current.scrollHeight;
    }
  };
  useLayoutEffect(follow, [props.seq]);
  useEffect(() => {
    // Markdown arrives after its entry, and cards below take room
    const observer = new ResizeObserver(follow);
    observer.observe(content.current!);
    observer.observe(scroller.current!);
    return () => observer.disconnect();
  }, []);
  return (
    <div
      className="jp-Codecast-transcript"
      role="log"
      ref={scroller}
      onScroll={({ currentTarget: node }) => {
        pinned.current = node.scrollHeight - node.scrollTop - node.clientHeight < 40;
      }}
    >
      <div className="jp-Codecast-column" ref={content}>
        {first > 0 && (
          <button className="jp-Codecast-link" onClick={() => setShown(shown + PAGE)}>
            {trans.__('Show earlier (%1 more)', first)}
          </button>
        )}
        {props.children(first)}
      </div>
    </div>
  );
}
