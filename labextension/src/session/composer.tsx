import { fileUploadIcon } from '@jupyterlab/ui-components';
import { UUID } from '@lumino/coreutils';
import React, { useEffect, useId, useLayoutEffect, useRef, useState } from 'react';

import { CommandIDs } from '../commands';
import { complete, completing, ICandidate } from '../model/completion';
import { attempted, contentOf, IDraft, load, NOTHING, save } from '../model/drafts';
import { wordsOf } from '../model/entries';
import { SessionModel } from '../model/session';
import { useCodecast } from '../ui/context';
import { useAction } from '../ui/hooks';
import { Problem } from '../ui/problem';
import { Attachments, useBringing } from './attachments';
import { Candidates, useCandidates } from './candidates';
import { ModelSwitch, ModeSwitch } from './settings';

/** Where the person writes. The words stay until the server has stored them, through any loss. */
export function Composer(props: { model: SessionModel }): JSX.Element {
  const { model } = props;
  const { codecast, commands, trans } = useCodecast();
  const { busy, problem, run } = useAction();
  const [draft, change] = useDraft(model.id);
  const [caret, setCaret] = useState(0);
  const [dismissed, setDismissed] = useState('');
  const [selected, setSelected] = useState(0);
  const [recalled, setRecalled] = useState(-1); // which earlier prompt is shown; -1 none
  const field = useRef<HTMLTextAreaElement>(null);
  const place = useRef<number | null>(null); // where the caret is to be after drawing
  const listId = useId();
  const bringing = useBringing(model.id, block =>
    change(now => ({ ...now, files: [...now.files, block] }))
  );
  const { text } = draft;
  const running = model.state.turn !== null;
  const what = dismissed === text ? null : completing(text, caret);
  const candidates = useCandidates(model, what);
  const isOpen = what !== null && candidates.length > 0;
  const isEmpty = contentOf(draft).length === 0;

  useLayoutEffect(() => {
    if (place.current !== null && field.current) {
      field.current.setSelectionRange(place.current, place.current);
      setCaret(place.current);
      place.current = null;
    }
    fit(field.current);
  }, [text]);
  useEffect(() => setSelected(0), [what?.query]);

  const send = async (steer = false) => {
    if (isEmpty || bringing.names.length) {
      return;
    }
    const sent = attempted(draft, UUID.uuid4);
    change(() => sent); // kept before it goes: an answer may never come
    const { id } = sent.attempt;
    if (await run(() => codecast.api.prompt(model.id, id, contentOf(sent), steer))) {
      // what was written meanwhile is the next one
      change(now => (now.text === sent.text && now.files === sent.files ? NOTHING : now));
      setRecalled(-1);
    }
  };
  const take = (candidate: ICandidate) => {
    const done = complete(text, what!, candidate);
    place.current = done.caret;
    change(now => ({ ...now, text: done.text }));
    field.current?.focus();
  };
  /** Earlier prompts, the newest first. */
  const recall = (at: number): boolean => {
    const earlier = [...codecast.hub.prompts.values()]
      .filter(({ session, content }) => session === model.id && wordsOf(content))
      .sort((a, b) => b.created - a.created);
    if (at < -1 || at >= earlier.length) {
      return false;
    }
    const words = at < 0 ? '' : wordsOf(earlier[at].content.filter(({ name }) => !name));
    place.current = words.length;
    setRecalled(at);
    change(now => ({ ...now, text: words }));
    return true;
  };
  const onKeyDown = (event: React.KeyboardEvent<HTMLTextAreaElement>) => {
    const { key, shiftKey, ctrlKey, metaKey, altKey, nativeEvent } = event;
    if (nativeEvent.isComposing) {
      return;
    }
    if (isOpen && !shiftKey && ['ArrowDown', 'ArrowUp'].includes(key)) {
      const step = key === 'ArrowDown' ? 1 : -1;
      setSelected((selected + step + candidates.length) % candidates.length);
    } else if (isOpen && (key === 'Tab' || (key === 'Enter' && !shiftKey)) && !altKey) {
      take(candidates[Math.min(selected, candidates.length - 1)]);
    } else if (isOpen && key === 'Escape') {
      setDismissed(text);
    } else if (key === 'Escape' && running && !text) {
      void commands.execute(CommandIDs.interrupt, { id: model.id });
    } else if (key === 'Enter' && !shiftKey && !altKey) {
      void send((ctrlKey || metaKey) && running);
    } else if (key === 'ArrowUp' && caret === 0 && (!text || recalled >= 0)) {
      if (!recall(recalled + 1)) {
        return;
      }
    } else if (key === 'ArrowUp' && recalled >= 0 && !text.slice(0, caret).includes('\n')) {
      if (!recall(recalled + 1)) {
        return;
      }
    } else if (key === 'ArrowDown' && recalled >= 0 && !text.slice(caret).includes('\n')) {
      recall(recalled - 1);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div
      className="jp-Codecast-composer"
      onDragOver={event => {
        if (event.dataTransfer.types.includes('Files')) {
          event.preventDefault();
        }
      }}
      onDrop={event => {
        if (event.dataTransfer.files.length) {
          event.preventDefault();
          event.stopPropagation();
          bringing.bring(event.dataTransfer.files);
        }
      }}
    >
      <Problem problem={problem ?? bringing.problem} />
      <div className="jp-Codecast-write">
        {isOpen && (
          <Candidates
            id={listId}
            candidates={candidates}
            selected={selected}
            kind={what.kind}
            take={take}
          />
        )}
        <Attachments
          files={draft.files}
          coming={bringing.names}
          remove={at =>
            change(now => ({ ...now, files: now.files.filter((_, other) => other !== at) }))
          }
        />
        <textarea
          ref={field}
          aria-label={trans.__('Prompt')}
          role="combobox"
          aria-autocomplete="list"
          aria-expanded={isOpen}
          aria-controls={isOpen ? listId : undefined}
          aria-activedescendant={isOpen ? `${listId}-${selected}` : undefined}
          placeholder={
            running
              ? trans.__('Runs after this turn; Ctrl+Enter: into it')
              : trans.__('What should it do? @ names a file, / a command')
          }
          rows={1}
          value={text}
          onChange={event => {
            const { value, selectionStart } = event.target;
            setCaret(selectionStart);
            setRecalled(-1);
            change(now => ({ ...now, text: value }));
          }}
          onSelect={event => setCaret(event.currentTarget.selectionStart)}
          onKeyDown={onKeyDown}
          onPaste={event => {
            if (event.clipboardData.files.length) {
              event.preventDefault();
              bringing.bring(event.clipboardData.files);
            }
          }}
        />
        <div className="jp-Codecast-tools">
          <label className="jp-Codecast-icon" title={trans.__('Attach files')}>
            <fileUploadIcon.react tag="span" width="16px" height="16px" />
            <input
              type="file"
              multiple
              aria-label={trans.__('Attach files')}
              onChange={event => {
                bringing.bring(event.target.files ?? []);
                event.target.value = '';
              }}
            />
          </label>
          <ModeSwitch model={model} />
          <ModelSwitch model={model} />
          <span className="jp-Codecast-space" />
          <div className="jp-Codecast-sending">
            {running && (
              <button
                type="button"
                className="jp-mod-styled jp-Codecast-steer"
                title={trans.__('Into the running turn, now (Ctrl+Enter)')}
                disabled={busy || isEmpty}
                onClick={() => void send(true)}
              >
                {trans.__('Steer')}
              </button>
            )}
            {running && (
              <button
                type="button"
                className="jp-mod-styled jp-mod-reject jp-Codecast-interrupt"
                title={trans.__('End the running turn (Escape)')}
                onClick={() => void commands.execute(CommandIDs.interrupt, { id: model.id })}
              >
                {trans.__('Interrupt')}
              </button>
            )}
            <button
              type="button"
              className="jp-mod-styled jp-mod-accept jp-Codecast-send"
              title={running ? trans.__('After this turn (Enter)') : trans.__('Send (Enter)')}
              disabled={busy || isEmpty || bringing.names.length > 0}
              onClick={() => void send()}
            >
              {trans.__('Send')}
            </button>
          </div>
        </div>
      </div>
    </div>
  );
}

/** As tall as its words, within reason (the style sheet has the limits). */
function fit(field: HTMLTextAreaElement | null): void {
  if (field) {
    field.style.height = 'auto';
    field.style.height = `${field.scrollHeight + 2}px`;
  }
}

/** The draft of a session; every change is kept in the browser. */
function useDraft(session: string): [IDraft, (change: (now: IDraft) => IDraft) => void] {
  const [draft, setDraft] = useState(() => load(session));
  const now = useRef(draft);
  const change = (step: (now: IDraft) => IDraft) => {
    now.current = step(now.current);
    save(session, now.current);
    setDraft(now.current);
  };
  return [draft, change];
}
