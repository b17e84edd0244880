import { UUID } from '@lumino/coreutils';
import React, { useRef, useState } from 'react';

import { IPrompt } from '../connection/types';
import { SessionModel } from '../model/session';
import { textOf } from '../model/transcript';
import { useCodecast } from '../ui/context';
import { useAction } from '../ui/hooks';
import { Problem } from '../ui/problem';
import { promptWord } from '../ui/words';
import { settledPrompts, Unknown } from './unknown';

/** Where the person writes. The words stay until the server has stored them. */
export function Composer(props: { model: SessionModel }): JSX.Element {
  const { id: session, state } = props.model;
  const { codecast, trans } = useCodecast();
  const { busy, problem, run } = useAction();
  const [text, setText] = useState('');
  // sent again after a failure, the same words go under the same id: nothing is doubled
  const attempt = useRef({ text: '', id: '' });
  const send = async () => {
    if (!text.trim()) {
      return;
    }
    if (attempt.current.text !== text) {
      attempt.current = { text, id: UUID.uuid4() };
    }
    const { id } = attempt.current;
    if (await run(() => codecast.api.prompt(session, id, [{ type: 'text', text }]))) {
      attempt.current = { text: '', id: '' };
      setText(now => (now === text ? '' : now));
    }
  };
  const running = state.turn !== null;
  return (
    <div className="jp-Codecast-composer">
      <Problem problem={problem} />
      <Waiting model={props.model} />
      <div className="jp-Codecast-write">
        <textarea
          className="jp-mod-styled"
          aria-label={trans.__('Prompt')}
          placeholder={
            running
              ? trans.__('Runs after this turn. Shift+Enter: new line')
              : trans.__('What should it do? Shift+Enter: new line')
          }
          rows={Math.min(10, Math.max(2, text.split('\n').length))}
          value={text}
          onChange={event => setText(event.target.value)}
          onKeyDown={event => {
            if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
              event.preventDefault();
              void send();
            }
          }}
        />
        <button
          className="jp-mod-styled jp-mod-accept jp-Codecast-send"
          disabled={busy || !text.trim()}
          onClick={() => void send()}
        >
          {trans.__('Send')}
        </button>
      </div>
    </div>
  );
}

/** Prompts on their way: stored in the hub, or queued on the machine. */
function Waiting(props: { model: SessionModel }): JSX.Element | null {
  const { model } = props;
  const { codecast, trans } = useCodecast();
  const { problem, run } = useAction();
  const prompts = waitingPrompts(model, codecast.hub.prompts.values());
  if (!prompts.length) {
    return null;
  }
  return (
    <div className="jp-Codecast-waiting">
      {prompts.map(prompt => (
        <div key={prompt.id} data-prompt={prompt.id} data-state={prompt.state}>
          <span className="jp-Codecast-toolTitle">{prompt.text}</span>
          {prompt.state === 'unknown' ? (
            <Unknown prompt={prompt.id} text={prompt.text} />
          ) : (
            <>
              <small>{promptWord(prompt.state, trans)}</small>
              <button
                className="jp-Codecast-link"
                onClick={() => void run(() => codecast.api.cancelPrompt(model.id, prompt.id))}
              >
                {trans.__('Cancel')}
              </button>
            </>
          )}
        </div>
      ))}
      <Problem problem={problem} />
    </div>
  );
}

/** What the journal says of waiting prompts, and before them those it has not heard of. */
export function waitingPrompts(
  { id: session, state, transcript }: SessionModel,
  known: Iterable<IPrompt>
): { id: string; text: string; state: string }[] {
  const journaled = Object.values(state.prompts)
    .filter(prompt => prompt.state === 'queued')
    .map(({ prompt, content, state }) => ({
      id: prompt,
      text: (content ?? []).map(textOf).join('\n'),
      state
    }));
  const settled = settledPrompts();
  const unheard = [...known].filter(
    prompt =>
      prompt.session === session &&
      ['stored', 'delivered', 'unknown'].includes(prompt.state) &&
      !(prompt.state === 'unknown' && settled.includes(prompt.id)) &&
      !state.prompts[prompt.id] &&
      !transcript.hasPrompt(prompt.id)
  );
  return [...journaled, ...unheard.sort((a, b) => a.created - b.created)];
}
