import { UUID } from '@lumino/coreutils';
import React, { useContext, useRef, useState } from 'react';

import { IContent } from '../model/events.gen';
import { Session, useCodecast } from '../ui/context';
import { useAction } from '../ui/hooks';
import { Problem } from '../ui/problem';
import { promptWord } from '../ui/words';

const KEY = 'codecast:settled-prompts';
const KEPT = 500; // ids in the browser; an older one asks again

/** A prompt of which nobody can tell whether the CLI took it: its person decides. */
export function Unknown(props: { prompt: string; content: IContent[] }): JSX.Element {
  const { prompt, content } = props;
  const session = useContext(Session);
  const { codecast, trans } = useCodecast();
  const { busy, problem, run } = useAction();
  const [settled, setSettled] = useState(() => settledPrompts().includes(prompt));
  const again = useRef(UUID.uuid4()); // a second try doubles nothing
  const settle = () => {
    remember(prompt);
    setSettled(true);
  };
  const send = async () => {
    if (await run(() => codecast.api.prompt(session, again.current, content))) {
      settle();
    }
  };
  return (
    <div className="jp-Codecast-unknown" role="status">
      <small>{promptWord('unknown', trans)}</small>
      {!settled && (
        <>
          <button className="jp-Codecast-link" disabled={busy} onClick={() => void send()}>
            {trans.__('Send Again')}
          </button>
          <button className="jp-Codecast-link" disabled={busy} onClick={settle}>
            {trans.__('Forget')}
          </button>
        </>
      )}
      <Problem problem={problem} />
    </div>
  );
}

/** What the person at this browser has decided on. */
export function settledPrompts(): string[] {
  try {
    const known: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(known) ? known.map(String) : [];
  } catch {
    return []; // no storage, or somebody else's
  }
}

function remember(prompt: string): void {
  try {
    localStorage.setItem(KEY, JSON.stringify([...settledPrompts(), prompt].slice(-KEPT)));
  } catch {
    // the buttons come back with the page
  }
}
