import { folderIcon } from '@jupyterlab/ui-components';
import React, { useEffect, useState } from 'react';

import { CodecastError } from '../connection/api';
import { IDirectory } from '../connection/types';
import { IProblem } from '../model/events.gen';
import { useCodecast } from '../ui/context';
import { IconButton } from '../ui/iconbutton';
import { Problem } from '../ui/problem';
import { shortPath } from '../ui/words';
import { recentDirectories } from './listing';

/** A directory of a machine: written, chosen among the last ones, or looked for there. */
export function DirectoryField(props: {
  machine: string;
  value: string;
  change: (value: string) => void;
}): JSX.Element {
  const { machine, value, change } = props;
  const { codecast, trans } = useCodecast();
  const { hub } = codecast;
  const [isOpen, setOpen] = useState(false);
  const choices = useChoices(machine, value);
  const known = hub.machines.get(machine);
  const recent = recentDirectories(hub.sessions.values(), machine, known?.defaults?.directories);
  return (
    <div className="jp-Codecast-directory">
      <label>
        <span>{trans.__('Directory')}</span>
        <input
          className="jp-mod-styled"
          name="cwd"
          list="codecast-directories"
          autoComplete="off"
          spellCheck={false}
          value={value}
          onChange={event => change(event.target.value)}
        />
        <datalist id="codecast-directories">
          {choices.map(path => (
            <option key={path} value={path} />
          ))}
        </datalist>
      </label>
      <IconButton
        icon={folderIcon}
        label={trans.__('Look on %1', machine)}
        className="jp-Codecast-browse"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      />
      {isOpen ? (
        <Browser machine={machine} path={value} choose={change} />
      ) : (
        recent.length > 0 && (
          <div className="jp-Codecast-recent" role="group" aria-label={trans.__('Used last')}>
            {recent.slice(0, 5).map(path => (
              <button
                key={path}
                type="button"
                className="jp-Codecast-chip"
                aria-pressed={path === value}
                title={path}
                onClick={() => change(path)}
              >
                {shortPath(path, known)}
              </button>
            ))}
          </div>
        )
      )}
    </div>
  );
}

/** What is below a directory, to go down into. */
function Browser(props: {
  machine: string;
  path: string;
  choose: (path: string) => void;
}): JSX.Element {
  const { machine, path, choose } = props;
  const { codecast, trans } = useCodecast();
  const [there, setThere] = useState<IDirectory | null>(null);
  const [problem, setProblem] = useState<IProblem | null>(null);
  const [at, setAt] = useState(path);
  useEffect(() => {
    let current = true;
    codecast.api.directories(machine, at).then(
      found => {
        if (current) {
          setThere(found);
          setProblem(null);
        }
      },
      error => current && setProblem(CodecastError.problem(error))
    );
    return () => {
      current = false;
    };
  }, [codecast, machine, at]);
  const go = (path: string) => {
    setAt(path);
    choose(path);
  };
  const below = there?.entries.filter(({ is_dir }) => is_dir) ?? [];
  return (
    <div className="jp-Codecast-browser" role="group" aria-label={trans.__('Directories')}>
      <Problem problem={problem} />
      <div className="jp-Codecast-browserPath">{there?.path ?? trans.__('Looking…')}</div>
      <ul>
        {there?.parent && (
          <li>
            <button type="button" onClick={() => go(there.parent!)}>
              ..
            </button>
          </li>
        )}
        {below.map(({ name }) => (
          <li key={name}>
            <button
              type="button"
              onClick={() => go(`${there!.path === '/' ? '' : there!.path}/${name}`)}
            >
              <folderIcon.react tag="span" /> {name}
            </button>
          </li>
        ))}
        {there && !below.length && <li className="jp-Codecast-hint">{trans.__('None below.')}</li>}
      </ul>
    </div>
  );
}

/** Directories that begin with what is written. */
function useChoices(machine: string, value: string): string[] {
  const { codecast } = useCodecast();
  const [choices, setChoices] = useState<string[]>([]);
  const parent = value.includes('/') ? value.slice(0, value.lastIndexOf('/') + 1) : '~/';
  useEffect(() => {
    let current = true;
    const timer = setTimeout(() => {
      codecast.api.directories(machine, parent).then(
        ({ entries }) =>
          current &&
          setChoices(entries.filter(({ is_dir }) => is_dir).map(({ name }) => parent + name)),
        () => current && setChoices([]) // no offers: what is wrong is said at the start
      );
    }, 200);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [codecast, machine, parent]);
  return choices;
}
