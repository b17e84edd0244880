import { closeIcon, editIcon, fastForwardIcon } from '@jupyterlab/ui-components';
import { UUID } from '@lumino/coreutils';
import React, { useRef, useState } from 'react';

import { IPrompt } from '../connection/types';
import { IContent } from '../model/events.gen';
import { SessionModel } from '../model/session';
import { wordsOf } from '../model/entries';
import { useCodecast } from '../ui/context';
import { useAction } from '../ui/hooks';
import { Problem } from '../ui/problem';
import { promptWord } from '../ui/words';
import { settledPrompts, Unknown } from './unknown';

/** A prompt on its way. */
export interface IWaiting {
  id: string;
  content: IContent[];
  state: string;
}

/** Prompts on their way, in their order: stored in the hub, or queued on the machine. */
export function Queue(props: { model: SessionModel }): JSX.Element | null {
  const { model } = props;
  const { codecast, trans } = useCodecast();
  const prompts = waitingPrompts(model, codecast.hub.prompts.values());
  if (!prompts.length) {
    return null;
  }
  return (
    <ol className="jp-Codecast-waiting" aria-label={trans.__('Waiting')}>
      {prompts.map(prompt => (
        <Item key={prompt.id} model={model} prompt={prompt} />
      ))}
    </ol>
  );
}

function Item(props: { model: SessionModel; prompt: IWaiting }): JSX.Element {
  const { model, prompt } = props;
  const { codecast, trans } = useCodecast();
  const { api } = codecast;
  const { busy, problem, run } = useAction();
  const [editing, setEditing] = useState(false);
  const steered = useRef(UUID.uuid4()); // a second try doubles nothing
  const words = wordsOf(prompt.content);
  /** Taken back, and put into the running turn. */
  const steer = () =>
    run(async () => {
      await api.cancelPrompt(model.id, prompt.id);
      await api.prompt(model.id, steered.current, prompt.content, true);
    });
  if (editing) {
    return (
      <li data-prompt={prompt.id} data-state={prompt.state}>
        <Editing
          model={model}
          prompt={prompt}
          close={() => {
            setEditing(false);
          }}
        />
      </li>
    );
  }
  return (
    <li data-prompt={prompt.id} data-state={prompt.state}>
      <span className="jp-Codecast-waitingText" title={words}>
        {words}
      </span>
      {prompt.state === 'unknown' ? (
        <Unknown prompt={prompt.id} content={prompt.content} />
      ) : (
        <>
          <small>{promptWord(prompt.state, trans)}</small>
          {model.state.turn && (
            <button
              type="button"
              className="jp-Codecast-icon"
              title={trans.__('Into the running turn, now')}
              aria-label={trans.__('Steer')}
              disabled={busy}
              onClick={() => void steer()}
            >
              <fastForwardIcon.react tag="span" width="14px" height="14px" />
            </button>
          )}
          <button
            type="button"
            className="jp-Codecast-icon"
            title={trans.__('Edit')}
            aria-label={trans.__('Edit')}
            disabled={busy}
            onClick={() => setEditing(true)}
          >
            <editIcon.react tag="span" width="14px" height="14px" />
          </button>
          <button
            type="button"
            className="jp-Codecast-icon"
            title={trans.__('Take back')}
            aria-label={trans.__('Cancel')}
            disabled={busy}
            onClick={() => void run(() => api.cancelPrompt(model.id, prompt.id))}
          >
            <closeIcon.react tag="span" width="14px" height="14px" />
          </button>
        </>
      )}
      <Problem problem={problem} />
    </li>
  );
}

/** The words of a waiting prompt, to be changed; its files stay. */
function Editing(props: { model: SessionModel; prompt: IWaiting; close: () => void }): JSX.Element {
  const { model, prompt, close } = props;
  const { codecast, trans } = useCodecast();
  const { busy, problem, run } = useAction();
  const own = (block: IContent) => block.type === 'text' && !block.name;
  const [text, setText] = useState(wordsOf(prompt.content.filter(own)));
  const save = async () => {
    const files = prompt.content.filter(block => !own(block));
    const content = [...(text.trim() ? [{ type: 'text', text }] : []), ...files];
    if (
      content.length &&
      (await run(() => codecast.api.editPrompt(model.id, prompt.id, content)))
    ) {
      close();
    }
  };
  return (
    <form
      className="jp-Codecast-editing"
      onSubmit={event => {
        event.preventDefault();
        void save();
      }}
    >
      <textarea
        className="jp-mod-styled"
        aria-label={trans.__('Edit the prompt')}
        autoFocus
        rows={Math.min(8, text.split('\n').length)}
        value={text}
        onChange={event => setText(event.target.value)}
        onKeyDown={event => {
          if (event.key === 'Escape') {
            event.stopPropagation();
            close();
          } else if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
            event.preventDefault();
            void save();
          }
        }}
      />
      <button type="submit" className="jp-mod-styled jp-mod-accept" disabled={busy || !text.trim()}>
        {trans.__('Save')}
      </button>
      <button type="button" className="jp-mod-styled" onClick={close}>
        {trans.__('Discard')}
      </button>
      <Problem problem={problem} />
    </form>
  );
}

/** What the journal says of waiting prompts, and before them those it has not heard of. */
export function waitingPrompts(
  { id: session, state, transcript }: SessionModel,
  known: Iterable<IPrompt>
): IWaiting[] {
  const all = [...known];
  const contents = new Map(all.map(({ id, content }) => [id, content]));
  const journaled = Object.values(state.prompts)
    .filter(prompt => prompt.state === 'queued')
    .map(({ prompt, content, state }) => ({
      id: prompt,
      content: content ?? contents.get(prompt) ?? [],
      state
    }));
  const settled = settledPrompts();
  const unheard = all.filter(
    prompt =>
      prompt.session === session &&
      ['stored', 'delivered', 'unknown'].includes(prompt.state) &&
      !(prompt.state === 'unknown' && settled.includes(prompt.id)) &&
      !state.prompts[prompt.id] &&
      !transcript.hasPrompt(prompt.id)
  );
  const words = (prompt: IPrompt) =>
    prompt.content.length ? prompt.content : [{ type: 'text', text: prompt.text }];
  return [
    ...journaled,
    ...unheard
      .sort((a, b) => a.created - b.created)
      .map(prompt => ({ id: prompt.id, content: words(prompt), state: prompt.state }))
  ];
}
