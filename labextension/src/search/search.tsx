import React, { useEffect, useRef, useState } from 'react';

import { CommandIDs } from '../commands';
import { IHit } from '../connection/types';
import { ago } from '../ui/ago';
import { useCodecast } from '../ui/context';
import { useSignal } from '../ui/hooks';
import { Problem } from '../ui/problem';
import { Finding, marked } from './finding';

/** Search in the words of all sessions of all machines; Enter goes to where it was said. */
export function SearchBox(props: { finding: Finding; close: () => void }): JSX.Element {
  const { finding, close } = props;
  const { commands, trans } = useCodecast();
  useSignal(finding.changed);
  const [words, setWords] = useState(finding.words); // at once: the model is drawn a frame later
  const [chosen, setChosen] = useState(0);
  useEffect(() => setChosen(0), [finding.hits]);
  const { hits } = finding;
  const open = (hit: IHit | undefined) => {
    if (hit) {
      close();
      void commands.execute(CommandIDs.openSession, { id: hit.session, seq: hit.seq });
    }
  };
  const onKey = (event: React.KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && hits.length) {
      event.preventDefault();
      setChosen((chosen + step + hits.length) % hits.length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      open(hits[chosen]);
    }
  };
  const state = finding.isLooking
    ? trans.__('Looking…')
    : !finding.found
      ? trans.__('All words must occur; "phrases", and -words to leave out.')
      : hits.length
        ? trans._n('%1 place', '%1 places', hits.length, hits.length)
        : trans.__('Nobody has said that.');
  return (
    <div className="jp-Codecast-searchBox">
      <input
        type="text"
        className="jp-Codecast-searchField"
        role="combobox"
        autoFocus
        aria-expanded={hits.length > 0}
        aria-controls="codecast-hits"
        aria-activedescendant={hits.length ? `codecast-hit-${chosen}` : undefined}
        aria-label={trans.__('Search everything that was said')}
        placeholder={trans.__('Search everything that was said, on all machines')}
        value={words}
        onFocus={event => event.target.select()}
        onChange={event => {
          setWords(event.target.value);
          finding.words = event.target.value;
        }}
        onKeyDown={onKey}
      />
      <Problem problem={finding.problem} />
      <ul id="codecast-hits" role="listbox" aria-label={trans.__('Where it was said')}>
        {hits.map((hit, index) => (
          <Hit
            key={`${hit.session} ${hit.seq} ${index}`}
            id={`codecast-hit-${index}`}
            hit={hit}
            isChosen={index === chosen}
            open={() => open(hit)}
          />
        ))}
      </ul>
      <small role="status">{state}</small>
    </div>
  );
}

function Hit(props: { id: string; hit: IHit; isChosen: boolean; open: () => void }): JSX.Element {
  const { id, hit, isChosen, open } = props;
  const { trans } = useCodecast();
  const line = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (isChosen) {
      line.current?.scrollIntoView?.({ block: 'nearest' });
    }
  }, [isChosen]);
  return (
    <li
      ref={line}
      id={id}
      role="option"
      aria-selected={isChosen}
      className="jp-Codecast-hit"
      data-session={hit.session}
      data-seq={hit.seq}
      onClick={open}
    >
      <span className="jp-Codecast-rowHead">
        <span className="jp-Codecast-rowName">{hit.name}</span>
        <span className="jp-Codecast-tag jp-mod-machine">{hit.machine}</span>
        <small>
          {hit.kind} · {ago(hit.time, trans)}
        </small>
      </span>
      <span className="jp-Codecast-snippet">
        {marked(hit.snippet, hit.marks).map(([text, isMarked], index) =>
          isMarked ? <mark key={index}>{text}</mark> : <span key={index}>{text}</span>
        )}
      </span>
    </li>
  );
}
