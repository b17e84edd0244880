import React, { useContext } from 'react';

import { Directory } from '../ui/context';

const CLASSES: { [first: string]: string } = {
  '+': 'jp-mod-added',
  '-': 'jp-mod-removed',
  '@': 'jp-mod-place'
};

/** A unified diff, line by line. */
export function Diff(props: { path?: string; diff: string }): JSX.Element {
  const below = useContext(Directory).replace(/\/?$/, '/');
  const path = props.path?.startsWith(below) ? props.path.slice(below.length) : props.path;
  const lines = props.diff.replace(/\n$/, '').split('\n');
  const shown = lines.filter(line => !/^(---|\+\+\+) /.test(line));
  return (
    <figure className="jp-Codecast-diff">
      {path && <figcaption title={props.path}>{path}</figcaption>}
      <pre>
        {shown.map((line, index) => (
          <div key={index} className={CLASSES[line[0]] ?? ''}>
            {line || ' '}
          </div>
        ))}
      </pre>
    </figure>
  );
}
