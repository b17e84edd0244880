import { refreshIcon, stopIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { CommandIDs } from '../commands';
import { SessionModel } from '../model/session';
import { Display, DISPLAYS } from '../model/rows';
import { useCodecast } from '../ui/context';
import { IconButton } from '../ui/iconbutton';
import { shortPath, statusWord } from '../ui/words';
import { Usage } from './usage';

/** What it is, how it is, what it took, and its end. */
export function Head(props: {
  model: SessionModel;
  display: Display;
  setDisplay: (display: Display) => void;
}): JSX.Element {
  const { codecast, commands, trans } = useCodecast();
  const { display, setDisplay } = props;
  const { id, state } = props.model;
  const session = codecast.hub.sessions.get(id);
  const status = session?.delivery === 'failed' ? 'failed' : state.status;
  const ended = ['exited', 'stopped', 'failed'].includes(status);
  const words: { [display in Display]: [string, string] } = {
    append: [trans.__('All steps'), trans.__('Each step is shown as it comes')],
    batch: [trans.__('Batches'), trans.__('Steps between two messages are gathered')],
    timer: [trans.__('Timer'), trans.__('A clock while it works, then the results')]
  };
  const background = Object.values(state.background);
  return (
    <header className="jp-Codecast-head">
      <span className="jp-Codecast-dot" data-status={status} />
      <b className="jp-Codecast-status" data-status={status}>
        {statusWord(status, trans)}
      </b>
      {session && <b className="jp-Codecast-headName">{session.name}</b>}
      {session && (
        <span className="jp-Codecast-where" title={`${session.machine}:${session.cwd}`}>
          {session.cli} · {session.machine}:
          {shortPath(session.cwd, codecast.hub.machines.get(session.machine))}
        </span>
      )}
      <span className="jp-Codecast-space" />
      {background.length > 0 && (
        <span className="jp-Codecast-tag" title={background.join('\n')}>
          {trans._n(
            '%1 in the background',
            '%1 in the background',
            background.length,
            background.length
          )}
        </span>
      )}
      <Usage model={props.model} />
      <select
        className="jp-Codecast-switch"
        aria-label={trans.__('Display')}
        title={words[display][1]}
        value={display}
        onChange={event => setDisplay(event.target.value as Display)}
      >
        {DISPLAYS.map(value => (
          <option key={value} value={value} title={words[value][1]}>
            {words[value][0]}
          </option>
        ))}
      </select>
      {ended ? (
        <IconButton
          icon={refreshIcon}
          label={trans.__('Resume')}
          onClick={() => void commands.execute(CommandIDs.resumeSession, { id })}
        />
      ) : (
        <IconButton
          icon={stopIcon}
          label={trans.__('Stop')}
          title={trans.__('Stop the CLI; the next prompt resumes it')}
          onClick={() => void commands.execute(CommandIDs.stopSession, { id })}
        />
      )}
    </header>
  );
}
