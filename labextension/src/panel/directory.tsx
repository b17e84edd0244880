import React, { useEffect, useState } from 'react';

import { useCodecast } from '../ui/context';

/** A directory of a machine, with the ones below it offered while one writes. */
export function DirectoryField(props: {
  machine: string;
  value: string;
  change: (value: string) => void;
}): JSX.Element {
  const { machine, value, change } = props;
  const { codecast, trans } = useCodecast();
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
  return (
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
  );
}
