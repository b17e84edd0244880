import { addIcon, caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import React, { useState } from 'react';

import { CommandIDs } from '../commands';
import { IMachine, ISession } from '../connection/types';
import { useCodecast } from '../ui/context';
import { useAction, useSignal } from '../ui/hooks';
import { IconButton } from '../ui/iconbutton';
import { Problem } from '../ui/problem';
import { machineWord } from '../ui/words';
import { Details } from './details';
import { Figures } from './figures';
import { Gpus } from './gpus';
import { Remedy } from './remedy';
import { SessionRows } from './sessions';

/** A machine: how it is, what ails it, and its sessions. */
export function Machine(props: {
  machine: IMachine;
  sessions: ISession[];
  figures: Figures;
}): JSX.Element {
  const { machine, sessions, figures } = props;
  const { codecast, commands, trans } = useCodecast();
  useSignal(figures.changed);
  const [isOpen, setOpen] = useState(false);
  const { busy, problem, run } = useAction();
  const isOn = machine.state === 'online';
  const canConnect = machine.state === 'offline' || machine.state === 'failed';
  const latency =
    isOn && machine.kind !== 'local' && typeof machine.latency_ms === 'number'
      ? `${Math.round(machine.latency_ms)} ms`
      : '';
  const doing = codecast.hub.doing(machine.name);
  const ailment = machine.error ?? problem;
  const info = figures.of(machine.name);
  const Caret = isOpen ? caretDownIcon : caretRightIcon;
  const start = () => void commands.execute(CommandIDs.newSession, { machine: machine.name });
  const id = `codecast-machine-${machine.name}`;
  return (
    <section
      className="jp-Codecast-machine"
      data-machine={machine.name}
      data-state={machine.state}
      aria-labelledby={id}
    >
      <div className="jp-Codecast-machineHead">
        <button
          className="jp-Codecast-machineName"
          aria-expanded={isOpen}
          title={isOpen ? trans.__('Hide the details') : trans.__('Show the details')}
          onClick={() => setOpen(!isOpen)}
        >
          <Caret.react tag="span" className="jp-Codecast-caret" />
          <span className="jp-Codecast-dot" data-status={machine.state} />
          <span className="jp-Codecast-rowName" id={id}>
            {machine.name}
          </span>
          <small>
            {[machineWord(machine.state, trans), latency].filter(Boolean).join(' · ')}
            {doing && <span className="jp-Codecast-doing"> · {doing}</span>}
          </small>
        </button>
        {canConnect && (
          <button
            className="jp-Codecast-link"
            disabled={busy}
            onClick={() => void run(() => codecast.api.connect(machine.name))}
          >
            {machine.state === 'failed' ? trans.__('Try again') : trans.__('Connect')}
          </button>
        )}
        <IconButton
          icon={addIcon}
          label={trans.__('New session on %1', machine.name)}
          onClick={start}
        />
      </div>
      {!isOpen && !!info?.gpus?.length && <Gpus gpus={info.gpus} />}
      {ailment && !isOn && (
        <>
          <Problem problem={ailment} />
          <Remedy machine={machine.name} problem={ailment} />
        </>
      )}
      {isOpen && <Details machine={machine} info={info} />}
      <SessionRows sessions={sessions} label={trans.__('Sessions on %1', machine.name)} />
      {isOn && machine.sessions === 0 && sessions.length === 0 && (
        <button className="jp-Codecast-link jp-Codecast-first" onClick={start}>
          {trans.__('Start a session')}
        </button>
      )}
    </section>
  );
}
