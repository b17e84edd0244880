import { UUID } from '@lumino/coreutils';
import React, { useEffect, useRef, useState } from 'react';

import { CommandIDs } from '../commands';
import { CodecastError } from '../connection/api';
import { ICli, IMachine } from '../connection/types';
import { IProblem } from '../model/events.gen';
import { useCodecast } from '../ui/context';
import { useAction } from '../ui/hooks';
import { Problem } from '../ui/problem';
import { DirectoryField } from './directory';

const MODES = ['ask', 'plan', 'code', 'auto'];

/** The form for a new session. What was written stays until the session has started. */
export function StartForm(props: {
  machine: string;
  machines: IMachine[];
  close: () => void;
}): JSX.Element {
  const { machines, close } = props;
  const { codecast, commands, trans } = useCodecast();
  const { busy, problem, run } = useAction();
  const [machine, setMachine] = useState(props.machine);
  const defaults = machines.find(({ name }) => name === machine)?.defaults ?? {};
  const [cwd, setCwd] = useState<string | null>(null);
  const [cli, setCli] = useState<string | null>(null);
  const [mode, setMode] = useState<string | null>(null);
  const [prompt, setPrompt] = useState('');
  const { clis, problem: clisProblem } = useClis(machine);
  const id = useRef(UUID.uuid4()); // a second try starts nothing twice

  const found = clis?.filter(({ found }) => found) ?? [];
  const missing = clis?.filter(({ found }) => !found) ?? [];
  const fallback = found.find(({ cli }) => cli === defaults.cli) ?? found[0];
  const chosen = found.find(other => other.cli === cli) ?? fallback;
  const directory = cwd ?? defaults.cwd ?? '~';

  const start = async () => {
    const session = await codecast.api.start({
      id: id.current,
      machine,
      cwd: directory,
      mode: mode ?? defaults.mode ?? 'ask',
      ...(chosen && { cli: chosen.cli }),
      ...(prompt.trim() && { prompt })
    });
    codecast.hub.learn(session);
    await commands.execute(CommandIDs.openSession, { id: session.id });
    close();
  };

  return (
    <form
      className="jp-Codecast-start"
      aria-label={trans.__('New session')}
      onSubmit={event => {
        event.preventDefault();
        void run(start);
      }}
    >
      <label>
        <span>{trans.__('Machine')}</span>
        <select
          className="jp-mod-styled"
          name="machine"
          value={machine}
          onChange={event => setMachine(event.target.value)}
        >
          {machines.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <DirectoryField machine={machine} value={directory} change={setCwd} />
      <div className="jp-Codecast-pair">
        <label>
          <span>{trans.__('CLI')}</span>
          <select
            className="jp-mod-styled"
            name="cli"
            value={chosen?.cli ?? ''}
            disabled={!clis}
            onChange={event => setCli(event.target.value)}
          >
            {!clis && <option value="">{clisProblem ? '—' : trans.__('looking…')}</option>}
            {found.map(({ cli, name }) => (
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
        <label>
          <span>{trans.__('Mode')}</span>
          <select
            className="jp-mod-styled"
            name="mode"
            value={mode ?? defaults.mode ?? 'ask'}
            onChange={event => setMode(event.target.value)}
          >
            {MODES.map(name => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      </div>
      <Note cli={chosen} problem={clisProblem} />
      <label>
        <span>{trans.__('First prompt')}</span>
        <textarea
          className="jp-mod-styled"
          name="prompt"
          rows={3}
          placeholder={trans.__('What should it do? (may stay empty)')}
          value={prompt}
          onChange={event => setPrompt(event.target.value)}
        />
      </label>
      <Problem problem={problem} />
      <div className="jp-Codecast-buttons">
        <button type="submit" className="jp-mod-styled jp-mod-accept" disabled={busy || !chosen}>
          {busy ? trans.__('Starting…') : trans.__('Start')}
        </button>
        {busy && <small role="status">{codecast.hub.doing(machine, id.current)}</small>}
        <button type="button" className="jp-mod-styled jp-mod-reject" onClick={close}>
          {trans.__('Cancel')}
        </button>
      </div>
    </form>
  );
}

/** What is to be known of the chosen CLI before it is started. */
function Note(props: { cli: ICli | undefined; problem: IProblem | null }): JSX.Element | null {
  const { cli, problem } = props;
  if (problem) {
    return <Problem problem={problem} />;
  }
  const words = cli?.logged_in === false ? cli.login_hint : cli?.note;
  return words ? <div className="jp-Codecast-hint">{words}</div> : null;
}

/** The CLIs of a machine: null while they are looked for. */
function useClis(machine: string): { clis: ICli[] | null; problem: IProblem | null } {
  const { codecast } = useCodecast();
  const [answer, setAnswer] = useState<{ clis: ICli[] | null; problem: IProblem | null }>({
    clis: null,
    problem: null
  });
  useEffect(() => {
    let current = true;
    setAnswer({ clis: null, problem: null });
    codecast.api.clis(machine).then(
      clis => current && setAnswer({ clis, problem: null }),
      error => current && setAnswer({ clis: null, problem: CodecastError.problem(error) })
    );
    return () => {
      current = false;
    };
  }, [codecast, machine]);
  return answer;
}
