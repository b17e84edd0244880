import { addIcon } from '@jupyterlab/ui-components';
import React, { useState } from 'react';

import { IMachine } from '../connection/types';
import { IProblem } from '../model/events.gen';
import { useCodecast } from '../ui/context';
import { useAction } from '../ui/hooks';
import { Problem } from '../ui/problem';
import { machineWord } from '../ui/words';
import { SessionRow } from './sessions';

/** A machine: how it is, what ails it, and its sessions. */
export function Machine(props: {
  machine: IMachine;
  start: (machine: string) => void;
}): JSX.Element {
  const { machine, start } = props;
  const { codecast, trans } = useCodecast();
  const { busy, problem, run } = useAction();
  const sessions = codecast.hub.sessionsOf(machine.name);
  const isOn = machine.state === 'online';
  const canConnect = machine.state === 'offline' || machine.state === 'failed';
  const latency =
    isOn && machine.kind !== 'local' && typeof machine.latency_ms === 'number'
      ? ` · ${Math.round(machine.latency_ms)} ms`
      : '';
  const doing = codecast.hub.doing(machine.name);
  const ailment = machine.error ?? problem;
  return (
    <section className="jp-Codecast-machine" data-machine={machine.name} data-state={machine.state}>
      <div className="jp-Codecast-machineHead">
        <span className="jp-Codecast-dot" data-status={machine.state} />
        <span className="jp-Codecast-rowName">{machine.name}</span>
        <small>
          {machineWord(machine.state, trans)}
          {latency}
          {doing && <span className="jp-Codecast-doing"> · {doing}</span>}
        </small>
        {canConnect && (
          <button
            className="jp-Codecast-link"
            disabled={busy}
            onClick={() => void run(() => codecast.api.connect(machine.name))}
          >
            {machine.state === 'failed' ? trans.__('Try again') : trans.__('Connect')}
          </button>
        )}
        <button
          className="jp-Codecast-icon"
          title={trans.__('New session on %1', machine.name)}
          aria-label={trans.__('New session on %1', machine.name)}
          onClick={() => start(machine.name)}
        >
          <addIcon.react tag="span" />
        </button>
      </div>
      {ailment && !isOn && (
        <>
          <Problem problem={ailment} />
          <Remedy machine={machine.name} problem={ailment} />
        </>
      )}
      {sessions.map(session => (
        <SessionRow key={session.id} session={session} />
      ))}
      {isOn && sessions.length === 0 && (
        <button className="jp-Codecast-link jp-Codecast-first" onClick={() => start(machine.name)}>
          {trans.__('Start a session')}
        </button>
      )}
    </section>
  );
}

/** What the person can do here and now: accept a host key, give a secret. */
function Remedy(props: { machine: string; problem: IProblem }): JSX.Element | null {
  const { machine, problem } = props;
  const { codecast, trans } = useCodecast();
  const action = useAction();
  const [value, setValue] = useState('');
  const data = (problem.data ?? {}) as { fingerprint?: string; prompt?: string };
  if (problem.code === 'unknown_host_key' && data.fingerprint) {
    const { fingerprint } = data;
    const accept = async () => {
      await codecast.api.acceptHostKey(machine, fingerprint);
      await codecast.api.connect(machine);
    };
    return (
      <div className="jp-Codecast-remedy">
        <code>{fingerprint}</code>
        <button
          className="jp-mod-styled jp-mod-accept"
          disabled={action.busy}
          onClick={() => void action.run(accept)}
        >
          {trans.__('Accept This Key')}
        </button>
        <Problem problem={action.problem} />
      </div>
    );
  }
  if (problem.code === 'secret_needed') {
    const give = async () => {
      await codecast.api.giveSecret(machine, data.prompt ?? '', value);
      setValue('');
      await codecast.api.connect(machine);
    };
    return (
      <form
        className="jp-Codecast-remedy"
        onSubmit={event => {
          event.preventDefault();
          void action.run(give);
        }}
      >
        <input
          type="password"
          className="jp-mod-styled"
          autoComplete="off"
          aria-label={data.prompt ?? trans.__('Secret')}
          placeholder={data.prompt ?? trans.__('Secret')}
          value={value}
          onChange={event => setValue(event.target.value)}
        />
        <button className="jp-mod-styled jp-mod-accept" disabled={action.busy || !value}>
          {trans.__('Unlock')}
        </button>
        <Problem problem={action.problem} />
      </form>
    );
  }
  return null;
}
