import { offlineBoltIcon, refreshIcon } from '@jupyterlab/ui-components';
import React, { useEffect, useReducer } from 'react';

import { IMachine, ISession } from '../connection/types';
import { useCodecast } from '../ui/context';
import { useAction, useSignal } from '../ui/hooks';
import { Problem } from '../ui/problem';
import { lossWords } from '../ui/words';

/** What is lost on the way to the CLI, each in its own words; every one heals by itself. */
export function Losses(props: { session: ISession | undefined }): JSX.Element | null {
  const { session } = props;
  const { codecast, trans } = useCodecast();
  const { losses, hub } = codecast;
  useSignal(losses.changed);
  const { loss } = losses;
  if (loss !== 'nothing') {
    return (
      <Banner loss={loss} retry={loss !== 'network'}>
        {lossWords(loss, trans)}
      </Banner>
    );
  }
  if (session?.link === 'offline' && hub.isConnected) {
    return <MachineLost machine={session.machine} known={hub.machines.get(session.machine)} />;
  }
  return null;
}

function Banner(props: { loss: string; retry?: boolean; children: React.ReactNode }): JSX.Element {
  const { trans, codecast } = useCodecast();
  return (
    <div className="jp-Codecast-banner" role="status" data-loss={props.loss}>
      <offlineBoltIcon.react tag="span" className="jp-Codecast-bannerIcon" />
      <span className="jp-Codecast-bannerText">{props.children}</span>
      {props.retry && (
        <>
          <Countdown />
          <button
            type="button"
            className="jp-Codecast-link"
            onClick={() => codecast.stream.reconnect()}
          >
            {trans.__('Try now')}
          </button>
        </>
      )}
    </div>
  );
}

function Countdown(): JSX.Element {
  const { trans, codecast } = useCodecast();
  const [, tick] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const timer = window.setInterval(tick, 500);
    return () => window.clearInterval(timer);
  }, []);
  const left = Math.ceil((codecast.stream.nextTry - Date.now()) / 1000);
  return (
    <small aria-hidden="true">
      {left > 0 ? trans.__('next try in %1 s', left) : trans.__('trying…')}
    </small>
  );
}

function MachineLost(props: { machine: string; known: IMachine | undefined }): JSX.Element {
  const { machine, known } = props;
  const { codecast, trans } = useCodecast();
  const { busy, problem, run } = useAction();
  const tries = known?.state === 'connecting' || known?.state === 'reconnecting';
  return (
    <div className="jp-Codecast-banner" role="status" data-loss="machine">
      <refreshIcon.react tag="span" className="jp-Codecast-bannerIcon" />
      <span className="jp-Codecast-bannerText">
        {trans.__('No connection to %1. The session goes on there; prompts wait here.', machine)}{' '}
        {tries && <small>{codecast.hub.doing(machine) || trans.__('reconnecting…')}</small>}
      </span>
      {!tries && (
        <button
          type="button"
          className="jp-Codecast-link"
          disabled={busy}
          onClick={() => void run(() => codecast.api.connect(machine))}
        >
          {trans.__('Connect')}
        </button>
      )}
      <Problem problem={problem ?? (tries ? null : known?.error)} />
    </div>
  );
}
