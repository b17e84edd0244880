import React, { useEffect, useState } from 'react';

import { CommandIDs } from '../commands';
import { ICli, IMachine } from '../connection/types';
import { IProblem } from '../model/events.gen';
import { useCodecast } from '../ui/context';
import { useAction, useSignal } from '../ui/hooks';
import { Problem } from '../ui/problem';
import { useClis } from './clis';
import { DirectoryField } from './directory';
import { asked, budgetOf, IStartDraft, load, save } from './draft';
import { recentDirectories } from './listing';
import { Remedy } from './remedy';

const MODES = ['ask', 'plan', 'code', 'auto'];

/** The form for a new session. What was written stays until the session has started. */
export function StartForm(props: { machine?: string; close: () => void }): JSX.Element {
  const { close } = props;
  const { codecast, commands, trans } = useCodecast();
  const { hub } = codecast;
  useSignal(hub.changed);
  const { busy, problem, run } = useAction();
  const [draft, setDraft] = useState(() => load(props.machine));
  const change = (part: Partial<IStartDraft>) => setDraft(draft => ({ ...draft, ...part }));
  useEffect(() => save(draft), [draft]);
  const machines = [...hub.machines.values()].filter(({ hidden }) => !hidden).sort(byName);
  const known = hub.machines.get(draft.machine);
  const defaults = known?.defaults ?? {};
  const { clis, problem: clisProblem } = useClis(draft.machine);
  const found = clis?.filter(({ found }) => found) ?? [];
  const fallback = found.find(({ cli }) => cli === defaults.cli) ?? found[0];
  const chosen = found.find(({ cli }) => cli === draft.cli) ?? fallback;
  const recent = recentDirectories(hub.sessions.values(), draft.machine, defaults.directories);
  const cwd = draft.cwd ?? defaults.cwd ?? recent[0] ?? '~';
  const wrong = budgetOf(draft);

  const start = async () => {
    const session = await codecast.api.start(
      asked({ ...draft, mode: draft.mode ?? defaults.mode ?? 'ask' }, chosen?.cli, cwd)
    );
    hub.learn(session);
    save(null);
    close();
    await commands.execute(CommandIDs.openSession, { id: session.id });
  };

  return (
    <form
      className="jp-Codecast-start jp-Codecast-form"
      aria-label={trans.__('New session')}
      onSubmit={event => {
        event.preventDefault();
        void run(start);
      }}
    >
      <h2>{trans.__('New session')}</h2>
      <div className="jp-Codecast-pair">
        <label>
          <span>{trans.__('Machine')}</span>
          <select
            className="jp-mod-styled"
            name="machine"
            value={draft.machine}
            onChange={event => setDraft(load(event.target.value))}
          >
            {machines.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <CliField clis={clis} chosen={chosen} failed={!!clisProblem} change={change} />
      </div>
      <Note cli={chosen} problem={clisProblem} machine={known} />
      <DirectoryField
        key={draft.machine}
        machine={draft.machine}
        value={cwd}
        change={cwd => change({ cwd, create: false })}
      />
      <label>
        <span>{trans.__('First prompt')}</span>
        <textarea
          className="jp-mod-styled"
          name="prompt"
          rows={4}
          placeholder={trans.__('What should it do? (may stay empty)')}
          value={draft.prompt}
          onChange={event => change({ prompt: event.target.value })}
          onKeyDown={event => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
              event.currentTarget.form!.requestSubmit();
            }
          }}
        />
      </label>
      <fieldset className="jp-Codecast-modes">
        <legend>{trans.__('Mode')}</legend>
        <ModeField mode={draft.mode ?? defaults.mode ?? 'ask'} change={change} />
      </fieldset>
      <More draft={draft} defaults={defaults} change={change} />
      <Problem problem={problem} />
      {problem?.code === 'no_such_directory' && (
        <label className="jp-Codecast-check">
          <input
            type="checkbox"
            name="create"
            checked={draft.create}
            onChange={event => change({ create: event.target.checked })}
          />
          <span>{trans.__('Make that directory')}</span>
        </label>
      )}
      <div className="jp-Codecast-buttons">
        <button
          type="submit"
          className="jp-mod-styled jp-mod-accept"
          disabled={busy || !chosen || 'wrong' in wrong}
        >
          {busy ? trans.__('Starting…') : trans.__('Start')}
        </button>
        <button type="button" className="jp-mod-styled jp-mod-reject" onClick={close}>
          {trans.__('Cancel')}
        </button>
        <small role="status">{busy ? hub.doing(draft.machine, draft.id) : ''}</small>
      </div>
    </form>
  );
}

function CliField(props: {
  clis: ICli[] | null;
  chosen: ICli | undefined;
  failed: boolean;
  change: (part: Partial<IStartDraft>) => void;
}): JSX.Element {
  const { clis, chosen, failed, change } = props;
  const { trans } = useCodecast();
  const missing = clis?.filter(({ found }) => !found) ?? [];
  return (
    <label>
      <span>{trans.__('CLI')}</span>
      <select
        className="jp-mod-styled"
        name="cli"
        value={chosen?.cli ?? ''}
        disabled={!clis}
        onChange={event => change({ cli: event.target.value })}
      >
        {!clis && <option value="">{failed ? '—' : trans.__('looking…')}</option>}
        {clis
          ?.filter(({ found }) => found)
          .map(({ cli, name }) => (
            <option key={cli} value={cli}>
              {name ?? cli}
            </option>
          ))}
        {missing.map(({ cli, name }) => (
          <option key={cli} value={cli} disabled>
            {trans.__('%1 (not found)', name ?? cli)}
          </option>
        ))}
      </select>
    </label>
  );
}

function ModeField(props: {
  mode: string;
  change: (part: Partial<IStartDraft>) => void;
}): JSX.Element {
  const { mode, change } = props;
  const { trans } = useCodecast();
  const words: { [mode: string]: string } = {
    ask: trans.__('asks before it changes or runs anything'),
    plan: trans.__('reads and plans, changes nothing'),
    code: trans.__('edits files, asks before commands'),
    auto: trans.__('asks for nothing')
  };
  return (
    <>
      <select
        className="jp-mod-styled"
        name="mode"
        aria-label={trans.__('Mode')}
        value={mode}
        onChange={event => change({ mode: event.target.value })}
      >
        {MODES.map(name => (
          <option key={name}>{name}</option>
        ))}
      </select>
      <small>{words[mode]}</small>
    </>
  );
}

/** What is seldom said: model and limits. */
function More(props: {
  draft: IStartDraft;
  defaults: NonNullable<IMachine['defaults']>;
  change: (part: Partial<IStartDraft>) => void;
}): JSX.Element {
  const { draft, defaults, change } = props;
  const { trans } = useCodecast();
  const wrong = budgetOf(draft);
  const limits = [
    ['cost', 'max_cost', trans.__('US dollars')],
    ['turns', 'max_turns', trans.__('turns')],
    ['minutes', 'max_minutes', trans.__('minutes of work')]
  ] as const;
  const isUsed = !!(draft.model || draft.cost || draft.turns || draft.minutes);
  return (
    <details className="jp-Codecast-more" open={isUsed || undefined}>
      <summary>{trans.__('Model and limits')}</summary>
      <label>
        <span>{trans.__('Model')}</span>
        <input
          className="jp-mod-styled"
          name="model"
          autoComplete="off"
          spellCheck={false}
          placeholder={defaults.model ?? trans.__("the CLI's own choice")}
          value={draft.model}
          onChange={event => change({ model: event.target.value })}
        />
      </label>
      <div className="jp-Codecast-pair" role="group" aria-label={trans.__('Stop it at')}>
        {limits.map(([field, name, label]) => (
          <label key={field}>
            <span>{trans.__('At most, %1', label)}</span>
            <input
              className="jp-mod-styled"
              name={name}
              inputMode="decimal"
              autoComplete="off"
              placeholder={String(defaults.budget?.[name] ?? trans.__('no limit'))}
              aria-invalid={'wrong' in wrong && wrong.wrong === name}
              value={draft[field]}
              onChange={event => change({ [field]: event.target.value })}
            />
          </label>
        ))}
      </div>
      {'wrong' in wrong && (
        <div className="jp-Codecast-hint" role="alert">
          {trans.__('A limit is a number above zero.')}
        </div>
      )}
    </details>
  );
}

/** What is to be known of the chosen CLI before it is started. */
function Note(props: {
  cli: ICli | undefined;
  problem: IProblem | null;
  machine: IMachine | undefined;
}): JSX.Element | null {
  const { cli, problem, machine } = props;
  const ailment = machine?.error ?? problem;
  if (ailment && machine && machine.state !== 'online') {
    return (
      <>
        <Problem problem={ailment} />
        <Remedy machine={machine.name} problem={ailment} />
      </>
    );
  }
  const words = cli?.logged_in === false ? cli.login_hint : cli?.note;
  return problem ? (
    <Problem problem={problem} />
  ) : words ? (
    <div className="jp-Codecast-hint">{words}</div>
  ) : null;
}

function byName(a: IMachine, b: IMachine): number {
  const local = Number(b.kind === 'local') - Number(a.kind === 'local');
  return local || a.name.localeCompare(b.name);
}
