import React, { useEffect, useRef } from 'react';

import { Display, Rows } from '../model/rows';
import { SessionModel } from '../model/session';
import { overBudget } from '../model/state';
import { Directory, Session, useCodecast } from '../ui/context';
import { useSignal } from '../ui/hooks';
import { Problem } from '../ui/problem';
import { statusWord } from '../ui/words';
import { Announcer } from './announce';
import { Composer } from './composer';
import { useDisplay } from './display';
import { Head } from './head';
import { Losses } from './losses';
import { OpenedProvider } from './opened';
import { Plan } from './plan';
import { Queue } from './queue';
import { choose, openRequests, RequestCard } from './requests';
import { Scroller } from './scroller';
import { Timer } from './time';

const PAUSE = 30; // milliseconds between two drawings of what streams

/** One session: its transcript, what it asks, and where to write. */
export function SessionView(props: { model: SessionModel }): JSX.Element {
  const { model } = props;
  const { codecast, trans } = useCodecast();
  // words alone, which come by the hundred, draw the transcript alone
  useSignal(model.stateChanged);
  useSignal(codecast.hub.changed);
  const [display, setDisplay] = useDisplay(model.id);
  const cards = useRef<HTMLDivElement>(null);
  const { state } = model;
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
  const open = openRequests(model);
  return (
    <Session.Provider value={model.id}>
      <Directory.Provider value={session?.cwd ?? ''}>
        <OpenedProvider>
          <div
            className="jp-Codecast-view"
            data-loaded={model.isLoaded}
            data-from={model.from}
            onKeyDown={event => {
              if (event.altKey && !event.ctrlKey && !event.metaKey) {
                const card = cards.current?.querySelector<HTMLElement>('.jp-Codecast-card') ?? null;
                const submit = card?.querySelector<HTMLButtonElement>('button[type="submit"]');
                if (event.key === 'Enter' && submit && !submit.disabled) {
                  submit.click();
                } else if (!choose(card, event.nativeEvent)) {
                  return;
                }
                event.preventDefault();
                event.stopPropagation();
              }
            }}
          >
            <Head model={model} display={display} setDisplay={setDisplay} />
            <Losses session={session} />
            <Transcript model={model} display={display} name={session?.name ?? model.id} />
            <div className="jp-Codecast-foot">
              {open.length > 0 && (
                <div className="jp-Codecast-requests" ref={cards}>
                  {open.map((request, at) => (
                    <RequestCard
                      key={request.request}
                      session={model.id}
                      request={request}
                      isFirst={at === 0}
                    />
                  ))}
                </div>
              )}
              {state.over_budget && (
                <div className="jp-Codecast-notice" data-level="warning" role="status">
                  <span>{overBudget(state.over_budget)}</span>
                </div>
              )}
              <Plan model={model} />
              <Queue model={model} />
              <Composer model={model} />
            </div>
            <Announcer model={model} open={open} />
          </div>
        </OpenedProvider>
      </Directory.Provider>
    </Session.Provider>
  );
}

/** What was said and done, drawn as it comes. */
function Transcript(props: { model: SessionModel; display: Display; name: string }): JSX.Element {
  const { model, display, name } = props;
  const { trans } = useCodecast();
  useSignal(model.changed, PAUSE);
  const folded = useRef(new Rows()).current;
  const { state, transcript } = model;
  const rows = folded.update(transcript.entries, display, state.turn !== null);
  const { goal } = model; // an event that was searched for
  return (
    <Scroller
      goal={model.isLoaded && goal !== null && model.from <= goal ? goal : null}
      onGoal={() => model.reached()}
      rows={rows}
      label={trans.__('Transcript of %1', name)}
      before={<Before model={model} />}
      after={<After model={model} isEmpty={rows.length === 0} />}
      onBegin={() => {
        if (model.isLoaded && !model.problem) {
          void model.loadOlder();
        }
      }}
    />
  );
}

/** What stands above the transcript while there is more of it. */
function Before(props: { model: SessionModel }): JSX.Element | null {
  const { model } = props;
  const { trans } = useCodecast();
  if (model.problem) {
    return (
      <div className="jp-Codecast-before">
        <Problem problem={model.problem} />
        <button type="button" className="jp-Codecast-link" onClick={() => void model.loadOlder()}>
          {trans.__('Try again')}
        </button>
      </div>
    );
  }
  return model.hasOlder ? (
    <div className="jp-Codecast-before">{trans.__('Earlier events are coming…')}</div>
  ) : null;
}

/** What stands below it: that it works, or that it is ready. */
function After(props: { model: SessionModel; isEmpty: boolean }): JSX.Element | null {
  const { model, isEmpty } = props;
  const { codecast, trans } = useCodecast();
  const { state } = model;
  const session = codecast.hub.sessions.get(model.id);
  const busy = state.status === 'running' || state.status === 'starting';
  return (
    <>
      {model.isLoaded && isEmpty && state.status === 'idle' && (
        <div className="jp-Codecast-empty">{trans.__('Ready. Write a prompt below.')}</div>
      )}
      {session?.delivery === 'failed' && <Problem problem={session.error} />}
      {busy && (
        <div
          className="jp-Codecast-working"
          role="img"
          aria-label={statusWord(state.status, trans)}
        >
          <i />
          <i />
          <i />
          {state.turn && <Timer since={state.turn.since} />}
          {state.status === 'starting' && session && (
            <small role="status">{codecast.hub.doing(session.machine, session.id)}</small>
          )}
        </div>
      )}
    </>
  );
}
