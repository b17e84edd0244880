import { ReactWidget } from '@jupyterlab/apputils';
import { addIcon, searchIcon } from '@jupyterlab/ui-components';
import { Message } from '@lumino/messaging';
import React, { useState } from 'react';

import { CommandIDs } from '../commands';
import { IMachine, ISession } from '../connection/types';
import { Context, IContext, useCodecast } from '../ui/context';
import { useSignal } from '../ui/hooks';
import { codecastIcon } from '../ui/icon';
import { IconButton } from '../ui/iconbutton';
import { lossWords, shortPath, statusWord } from '../ui/words';
import { Figures } from './figures';
import { byUrgency, grouped, Grouping, GROUPINGS, matches, needy, words } from './listing';
import { Machine } from './machine';
import { SessionRows } from './sessions';

const KEPT = 'codecast:grouping'; // in the browser's storage

/** The side panel: who needs you, and every machine with its sessions. */
export class CodecastPanel extends ReactWidget {
  constructor(private _context: IContext) {
    super();
    const { codecast, trans } = _context;
    this._figures = new Figures(codecast.hub, codecast.api);
    this.id = 'codecast-panel';
    this.addClass('jp-Codecast-panel');
    this.title.icon = codecastIcon;
    this.title.caption = trans.__('Codecast: coding agents');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Codecast'));
  }

  override dispose(): void {
    this._figures.dispose();
    super.dispose();
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._figures.isWatched = true;
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this._figures.isWatched = this.isVisible;
  }

  protected override onBeforeHide(message: Message): void {
    this._figures.isWatched = false;
    super.onBeforeHide(message);
  }

  protected override render(): JSX.Element {
    return (
      <Context.Provider value={this._context}>
        <Panel figures={this._figures} />
      </Context.Provider>
    );
  }

  private _figures: Figures;
}

function Panel(props: { figures: Figures }): JSX.Element {
  const { figures } = props;
  const { codecast, trans } = useCodecast();
  const { hub, losses } = codecast;
  useSignal(hub.changed);
  useSignal(losses.changed);
  const [filter, setFilter] = useState('');
  const [grouping, setGrouping] = useGrouping();
  const sessions = [...hub.sessions.values()].filter(session => matches(session, filter));
  const waiting = needy(sessions);
  return (
    <>
      <Head />
      <Filter filter={filter} setFilter={setFilter} grouping={grouping} setGrouping={setGrouping} />
      {losses.loss !== 'nothing' && hub.isLoaded && (
        <div className="jp-Codecast-banner" role="status" data-loss={losses.loss}>
          {lossWords(losses.loss, trans)}
        </div>
      )}
      {waiting.length > 0 && (
        <section className="jp-Codecast-needs" aria-label={trans.__('Needs you')}>
          <h3>{trans.__('Needs you')}</h3>
          <SessionRows sessions={waiting} label={trans.__('Needs you')} showRequest />
        </section>
      )}
      <div className="jp-Codecast-machines" data-loaded={hub.isLoaded}>
        {grouping === 'machine' ? (
          <Machines figures={figures} sessions={sessions} filter={filter} />
        ) : (
          <Groups sessions={sessions} grouping={grouping} />
        )}
        {filter && sessions.length === 0 && (
          <div className="jp-Codecast-empty">{trans.__('No session fits.')}</div>
        )}
        {!hub.isLoaded && <div className="jp-Codecast-empty">{trans.__('Connecting…')}</div>}
      </div>
    </>
  );
}

function Head(): JSX.Element {
  const { commands, trans } = useCodecast();
  return (
    <header className="jp-Codecast-panelHead">
      <h2>{trans.__('Codecast')}</h2>
      <IconButton
        icon={searchIcon}
        label={trans.__('Search everything that was said')}
        className="jp-Codecast-find"
        onClick={() => void commands.execute(CommandIDs.search)}
      />
      <IconButton
        icon={addIcon}
        label={trans.__('New session')}
        className="jp-Codecast-new"
        onClick={() => void commands.execute(CommandIDs.newSession)}
      />
    </header>
  );
}

function Filter(props: {
  filter: string;
  setFilter: (filter: string) => void;
  grouping: Grouping;
  setGrouping: (grouping: Grouping) => void;
}): JSX.Element {
  const { filter, setFilter, grouping, setGrouping } = props;
  const { trans } = useCodecast();
  const names = {
    machine: trans.__('by machine'),
    status: trans.__('by state'),
    directory: trans.__('by directory')
  };
  return (
    <div className="jp-Codecast-filter" role="search">
      <input
        type="search"
        placeholder={trans.__('Filter sessions')}
        aria-label={trans.__('Filter sessions')}
        value={filter}
        onChange={event => setFilter(event.target.value)}
      />
      <select
        aria-label={trans.__('Group sessions')}
        value={grouping}
        onChange={event => setGrouping(event.target.value as Grouping)}
      >
        {GROUPINGS.map(one => (
          <option key={one} value={one}>
            {names[one]}
          </option>
        ))}
      </select>
    </div>
  );
}

function Machines(props: { figures: Figures; sessions: ISession[]; filter: string }): JSX.Element {
  const { figures, sessions, filter } = props;
  const { codecast, commands, trans } = useCodecast();
  const of = (machine: IMachine) =>
    sessions.filter(session => session.machine === machine.name).sort(byUrgency);
  const all = [...codecast.hub.machines.values()].filter(({ hidden }) => !hidden).sort(byUse);
  // a machine stays when the words are its own, or a session of it fits
  const shown = all.filter(machine => of(machine).length || fits(machine, filter));
  const [used, others] = [shown.filter(isUsed), shown.filter(machine => !isUsed(machine))];
  const draw = (machine: IMachine) => (
    <Machine key={machine.name} machine={machine} sessions={of(machine)} figures={figures} />
  );
  return (
    <>
      {used.map(draw)}
      {others.length > 0 && (
        <details className="jp-Codecast-others" open={filter ? true : undefined}>
          <summary>
            {trans.__('More machines')} <small>{others.length}</small>
          </summary>
          {others.map(draw)}
        </details>
      )}
      {codecast.hub.isLoaded && (
        <button
          className="jp-Codecast-link jp-Codecast-addMachine"
          onClick={() => void commands.execute(CommandIDs.addMachine)}
        >
          {trans.__('Add a machine…')}
        </button>
      )}
    </>
  );
}

function Groups(props: { sessions: ISession[]; grouping: Grouping }): JSX.Element {
  const { sessions, grouping } = props;
  const { codecast, trans } = useCodecast();
  const label = (key: string, { machine, cwd }: ISession) =>
    grouping === 'status'
      ? statusWord(key, trans)
      : `${machine} · ${shortPath(cwd, codecast.hub.machines.get(machine))}`;
  return (
    <>
      {grouped(sessions, grouping).map(({ key, sessions }) => (
        <section key={key} className="jp-Codecast-group" data-group={key}>
          <h3>
            {label(key, sessions[0])} <small>{sessions.length}</small>
          </h3>
          <SessionRows
            sessions={sessions}
            label={label(key, sessions[0])}
            showMachine={grouping === 'status'}
          />
        </section>
      ))}
      {!sessions.length && codecast.hub.isLoaded && (
        <div className="jp-Codecast-empty">{trans.__('No sessions yet.')}</div>
      )}
    </>
  );
}

/** Machines that are merely written in the person's ssh config stay folded. */
function isUsed(machine: IMachine): boolean {
  const written = machine.source === 'codecast.yaml';
  return machine.kind === 'local' || written || machine.sessions > 0 || machine.state !== 'offline';
}

function fits(machine: IMachine, filter: string): boolean {
  const text = `${machine.name}\n${machine.host ?? ''}`.toLowerCase();
  return words(filter).every(word => text.includes(word));
}

function byUse(a: IMachine, b: IMachine): number {
  const local = Number(b.kind === 'local') - Number(a.kind === 'local');
  return local || a.name.localeCompare(b.name);
}

/** How sessions are grouped, kept in this browser. */
function useGrouping(): [Grouping, (grouping: Grouping) => void] {
  const [grouping, setGrouping] = useState<Grouping>(() => {
    const kept = window.localStorage.getItem(KEPT) as Grouping;
    return GROUPINGS.includes(kept) ? kept : 'machine';
  });
  const keep = (grouping: Grouping) => {
    window.localStorage.setItem(KEPT, grouping);
    setGrouping(grouping);
  };
  return [grouping, keep];
}
