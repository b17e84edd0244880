import React, { useContext, useEffect, useMemo, useRef } from 'react';

import { CommandIDs } from '../commands';
import { countsOf, IPatchLine, linesOf, sidesOf } from '../model/patch';
import { Directory, Session, useCodecast } from '../ui/context';

const LONGEST = 2000; // lines that CodeMirror is given
const STILL = 120; // milliseconds a diff is in the page before CodeMirror draws it

const CLASSES: { [sign: string]: string } = {
  '+': 'jp-mod-added',
  '-': 'jp-mod-removed',
  '@': 'jp-mod-place'
};

/** A path as it is seen from the directory of the session. */
export function useShort(path: string | undefined): string {
  const below = useContext(Directory).replace(/\/?$/, '/');
  return path?.startsWith(below) ? path.slice(below.length) : (path ?? '');
}

/** How much is added and removed. */
export function Counts(props: { lines: readonly IPatchLine[] }): JSX.Element {
  const { added, removed } = countsOf(props.lines);
  return (
    <span className="jp-Codecast-counts">
      {added > 0 && <span className="jp-mod-added">+{added}</span>}
      {removed > 0 && <span className="jp-mod-removed">−{removed}</span>}
    </span>
  );
}

/** A path that opens in the editor, where something opens files of machines. */
export function PathLink(props: { path: string; line?: number }): JSX.Element {
  const { path, line } = props;
  const { commands, trans } = useCodecast();
  const session = useContext(Session);
  const short = useShort(path);
  if (!commands.hasCommand(CommandIDs.openFile)) {
    return (
      <code className="jp-Codecast-path" title={path}>
        {short}
      </code>
    );
  }
  return (
    <button
      type="button"
      className="jp-Codecast-path"
      title={trans.__('Open %1', path)}
      onClick={event => {
        event.preventDefault();
        void commands.execute(CommandIDs.openFile, { session, path, line });
      }}
    >
      {short}
    </button>
  );
}

/** A unified diff: plain at once, and by CodeMirror when it stays in sight. */
export const Diff = React.memo(function Diff(props: { path?: string; diff: string }): JSX.Element {
  const { path, diff } = props;
  const { languages, trans } = useCodecast();
  const host = useRef<HTMLDivElement>(null);
  const lines = useMemo(() => linesOf(diff), [diff]);

  useEffect(() => {
    let wanted = true;
    let destroy = () => {};
    const timer = window.setTimeout(async () => {
      if (lines.length > LONGEST) {
        return; // the plain lines stand
      }
      const { showMerge } = await import(/* webpackChunkName: "lazy-merge" */ './merge');
      if (wanted && host.current) {
        destroy = await showMerge(
          host.current,
          path ?? '',
          sidesOf(lines),
          languages,
          () => wanted
        );
        host.current?.setAttribute('data-drawn', '');
      }
    }, STILL);
    return () => {
      wanted = false;
      window.clearTimeout(timer);
      destroy();
    };
  }, [lines, path, languages]);

  return (
    <figure className="jp-Codecast-diff">
      {path && (
        <figcaption>
          <PathLink path={path} />
          <Counts lines={lines} />
        </figcaption>
      )}
      <div className="jp-Codecast-diffBody" role="group" aria-label={trans.__('Changes')}>
        {/* CodeMirror puts itself in the place of what React has drawn, and keys renew it */}
        <div ref={host} key={diff}>
          <pre tabIndex={0}>
            {lines.map((line, index) => (
              <div key={index} className={CLASSES[line.sign] ?? ''}>
                {(line.sign === '@' ? '' : line.sign) + line.text || ' '}
              </div>
            ))}
          </pre>
        </div>
      </div>
    </figure>
  );
});
