import { ReactWidget } from '@jupyterlab/apputils';
import { addIcon, closeIcon } from '@jupyterlab/ui-components';
import { ISignal, Signal } from '@lumino/signaling';
import React, { useEffect, useState } from 'react';

import { IMachine } from '../connection/types';
import { Context, IContext, useCodecast } from '../ui/context';
import { useSignal } from '../ui/hooks';
import { codecastIcon } from '../ui/icon';
import { Machine } from './machine';
import { SessionRow } from './sessions';
import { StartForm } from './start';

/** The side panel: who needs you, and every machine with its sessions. */
export class CodecastPanel extends ReactWidget {
  constructor(private _context: IContext) {
    super();
    const { trans } = _context;
    this.id = 'codecast-panel';
    this.addClass('jp-Codecast-panel');
    this.title.icon = codecastIcon;
    this.title.caption = trans.__('Codecast: coding agents');
    this.node.setAttribute('aria-label', trans.__('Codecast'));
  }

  /** Open the form for a new session, on a machine if one is named. */
  startSession(machine?: string): void {
    this._startRequested.emit(machine ?? 'local');
  }

  protected override render(): JSX.Element {
    return (
      <Context.Provider value={this._context}>
        <Panel startRequested={this._startRequested} />
      </Context.Provider>
    );
  }

  private _startRequested = new Signal<this, string>(this);
}

function Panel(props: { startRequested: ISignal<unknown, string> }): JSX.Element {
  const { startRequested } = props;
  const { codecast, trans } = useCodecast();
  const { hub } = codecast;
  useSignal(hub.changed);
  const [form, setForm] = useState<string | null>(null);
  useEffect(() => {
    const show = (_: unknown, machine: string) => setForm(machine);
    startRequested.connect(show);
    return () => {
      startRequested.disconnect(show);
    };
  }, [startRequested]);

  const waiting = hub.waiting();
  const machines = [...hub.machines.values()].sort(byUse);
  const used = machines.filter(isUsed);
  const others = machines.filter(machine => !isUsed(machine));
  return (
    <>
      <header className="jp-Codecast-panelHead">
        <h2>{trans.__('Codecast')}</h2>
        <button
          className="jp-Codecast-icon jp-Codecast-new"
          title={form === null ? trans.__('New session') : trans.__('Close the form')}
          aria-label={form === null ? trans.__('New session') : trans.__('Close the form')}
          onClick={() => setForm(form === null ? 'local' : null)}
        >
          {form === null ? <addIcon.react tag="span" /> : <closeIcon.react tag="span" />}
        </button>
      </header>
      {!hub.isConnected && hub.isLoaded && (
        <div className="jp-Codecast-banner">
          {trans.__('Not connected to the Jupyter server. Sessions go on; reconnecting…')}
        </div>
      )}
      {form !== null && (
        <StartForm key={form} machine={form} machines={machines} close={() => setForm(null)} />
      )}
      {waiting.length > 0 && (
        <section className="jp-Codecast-needs" aria-label={trans.__('Needs you')}>
          <h3>{trans.__('Needs you')}</h3>
          {waiting.map(session => (
            <SessionRow key={session.id} session={session} showRequest />
          ))}
        </section>
      )}
      <div className="jp-Codecast-machines" data-loaded={hub.isLoaded}>
        {used.map(machine => (
          <Machine key={machine.name} machine={machine} start={setForm} />
        ))}
        {others.length > 0 && (
          <details className="jp-Codecast-others">
            <summary>
              {trans.__('More machines')} <small>{others.length}</small>
            </summary>
            {others.map(machine => (
              <Machine key={machine.name} machine={machine} start={setForm} />
            ))}
          </details>
        )}
        {!hub.isLoaded && <div className="jp-Codecast-empty">{trans.__('Connecting…')}</div>}
      </div>
    </>
  );
}

/** Machines that are merely written in the person's ssh config stay folded. */
function isUsed(machine: IMachine): boolean {
  return machine.kind === 'local' || machine.sessions > 0 || machine.state !== 'offline';
}

function byUse(a: IMachine, b: IMachine): number {
  const local = Number(b.kind === 'local') - Number(a.kind === 'local');
  return local || a.name.localeCompare(b.name);
}
