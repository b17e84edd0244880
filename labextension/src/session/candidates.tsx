import { fileIcon, folderIcon, terminalIcon } from '@jupyterlab/ui-components';
import React, { useContext, useEffect, useRef, useState } from 'react';

import { IDirectoryEntry } from '../connection/types';
import { commandsFor, filesFor, ICandidate, ICompleting, splitPath } from '../model/completion';
import { SessionModel } from '../model/session';
import { Directory, useCodecast } from '../ui/context';

const FRESH = 10000; // milliseconds that a listing is good for

interface IListing {
  time: number;
  entries: Promise<IDirectoryEntry[]>;
}

/** What can stand where the caret is. */
export function useCandidates(model: SessionModel, what: ICompleting | null): ICandidate[] {
  const { codecast } = useCodecast();
  const cwd = useContext(Directory);
  const [files, setFiles] = useState<{ query: string; found: ICandidate[] }>();
  const listings = useRef(new Map<string, IListing>());
  const machine = codecast.hub.sessions.get(model.id)?.machine;
  const query = what?.kind === 'file' ? what.query : null;
  useEffect(() => {
    if (query === null || !machine) {
      return;
    }
    const { folder } = splitPath(query);
    const path = /^[/~]/.test(folder) ? folder : `${cwd.replace(/\/$/, '')}/${folder}`;
    let listing = listings.current.get(path);
    if (!listing || Date.now() - listing.time > FRESH) {
      const entries = codecast.api
        .directories(machine, path, true)
        .then(({ entries }) => entries)
        .catch(() => []); // no such directory: nothing to offer
      listing = { time: Date.now(), entries };
      listings.current.set(path, listing);
    }
    let wanted = true;
    void listing.entries.then(entries => {
      if (wanted) {
        setFiles({ query, found: filesFor(query, entries) });
      }
    });
    return () => {
      wanted = false;
    };
  }, [codecast, machine, cwd, query]);
  if (what?.kind === 'command') {
    return commandsFor(what.query, model.state.commands);
  }
  return query !== null && files?.query === query ? files.found : [];
}

/** The list above the caret; the composer moves in it by keys. */
export function Candidates(props: {
  id: string;
  candidates: readonly ICandidate[];
  selected: number;
  kind: ICompleting['kind'];
  take: (candidate: ICandidate) => void;
}): JSX.Element {
  const { trans } = useCodecast();
  const { id, candidates, selected, kind } = props;
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.children[selected]?.scrollIntoView?.({ block: 'nearest' });
  }, [selected]);
  return (
    <div
      className="jp-Codecast-candidates"
      ref={list}
      id={id}
      role="listbox"
      aria-label={kind === 'file' ? trans.__('Files') : trans.__('Commands')}
    >
      {candidates.map((candidate, at) => {
        const Icon = kind === 'command' ? terminalIcon : candidate.isOpen ? folderIcon : fileIcon;
        return (
          <div
            key={candidate.insert}
            id={`${id}-${at}`}
            role="option"
            aria-selected={at === selected}
            onMouseDown={event => {
              event.preventDefault(); // the focus stays where it is
              props.take(candidate);
            }}
          >
            <Icon.react tag="span" width="14px" height="14px" />
            <span>{candidate.label}</span>
            {candidate.detail && <small>{candidate.detail}</small>}
          </div>
        );
      })}
    </div>
  );
}
