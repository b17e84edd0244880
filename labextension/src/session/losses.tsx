import { refreshIcon } from '@jupyterlab/ui-components';
import React, { useEffect, useReducer } from 'react';

import { IMachine, ISession } from '../connection/types';
import { Banner } from '../ui/banner';
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
      <Banner loss={loss} words={lossWords(loss, trans)}>
        {loss !== 'network' && <Retry />}
      </Banner>
    );
  }
  if (session?.link === 'offline' && hub.isConnected) {
    return <MachineLost machine={session.machine} known={hub.machines.get(session.machine)} />;
  }
  return null;
}

function Retry(): JSX.Element {
  const { trans, codecast } = useCodecast();
  return (
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
  const words = (
    <>
      {trans.__('No connection to %1. The session goes on there; prompts wait here.', machine)}{' '}
      {tries && <small>{codecast.hub.doing(machine) || trans.__('reconnecting…')}</small>}
    </>
  );
  return (
    <Banner loss="machine" words={words} icon={refreshIcon}>
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
    </Banner>
  );
}
