import { UUID } from '@lumino/coreutils';
import React, { KeyboardEvent, useEffect, useLayoutEffect, useRef, useState } from 'react';

import { IPrompt } from '../connection/types';
import { wordsOf } from '../model/entries';
import { IContent } from '../model/events.gen';
import { droppedPlace, inFrontOf } from '../model/queue';
import { SessionModel } from '../model/session';
import { useCodecast } from '../ui/context';
import { useAction } from '../ui/hooks';
import { Problem } from '../ui/problem';
import { settledPrompts } from './unknown';
import { Waiting } from './waiting';

const DRAGGED = 'application/x-codecast-prompt';

/** A prompt on its way. */
export interface IWaiting {
  id: string;
  content: IContent[];
  state: string;
}

/** Prompts on their way, in their order: stored in the hub, or queued on the machine. */
export function Queue(props: { model: SessionModel }): JSX.Element | null {
  const { codecast } = useCodecast();
  const prompts = waitingPrompts(props.model, codecast.hub.prompts.values());
  return prompts.length ? <List model={props.model} prompts={prompts} /> : null;
}

function List(props: { model: SessionModel; prompts: IWaiting[] }): JSX.Element {
  const { model, prompts } = props;
  const { codecast, trans } = useCodecast();
  const { problem, run } = useAction();
  const list = useRef<HTMLOListElement>(null);
  const focused = useRef(''); // of the prompt that a key or a button moves
  // the order is told before its answer comes, and then the next key is pressed
  const moves = useRef<Promise<unknown>>(Promise.resolve());
  const [told, tell] = useState('');
  const [drag, setDrag] = useState({ prompt: '', on: '', behind: false });
  const order = prompts.filter(({ state }) => state !== 'unknown').map(({ id }) => id);
  const places = order.join(' ');

  const move = (id: string, place: number) => {
    const before = inFrontOf(order, id, place);
    if (before !== undefined) {
      const words = wordsOf(prompts.find(prompt => prompt.id === id)!.content);
      const number = UUID.uuid4();
      const moved = async () => {
        await codecast.api.movePrompt(model.id, id, before, number);
        tell(trans.__('Place %1 of %2: %3', place + 1, order.length, words));
      };
      moves.current = moves.current.then(() => run(moved));
    }
  };
  const onKey = (event: KeyboardEvent, id: string) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step && event.altKey) {
      event.preventDefault();
      focused.current = id;
      move(id, order.indexOf(id) + step);
    }
  };
  // an element that is put elsewhere loses the focus
  useLayoutEffect(() => {
    if (focused.current && document.activeElement === document.body) {
      const items = [...(list.current?.querySelectorAll<HTMLElement>('[data-prompt]') ?? [])];
      items
        .find(({ dataset }) => dataset.prompt === focused.current)
        ?.querySelector<HTMLElement>('[data-move][aria-disabled="false"]')
        ?.focus();
    }
    focused.current = '';
  }, [places]);
  useEffect(() => {
    // what was dragged has begun
    setDrag(drag => (places.split(' ').includes(drag.prompt) ? drag : NO_DRAG));
  }, [places]);

  return (
    <>
      <ol ref={list} className="jp-Codecast-waiting" aria-label={trans.__('Waiting')}>
        {prompts.map(prompt => {
          const at = order.indexOf(prompt.id);
          const movable = at >= 0 && order.length > 1;
          return (
            <Waiting
              key={prompt.id}
              model={model}
              prompt={prompt}
              up={movable && at > 0}
              down={movable && at < order.length - 1}
              movable={movable}
              move={step => {
                focused.current = prompt.id;
                move(prompt.id, at + step);
              }}
              drop={drag.on === prompt.id ? (drag.behind ? 'behind' : 'before') : undefined}
              onKeyDown={event => onKey(event, prompt.id)}
              onDragStart={event => {
                event.dataTransfer.setData(DRAGGED, prompt.id);
                event.dataTransfer.effectAllowed = 'move';
                setDrag({ ...NO_DRAG, prompt: prompt.id });
              }}
              onDragEnd={() => setDrag(NO_DRAG)}
              onDragOver={event => {
                if (drag.prompt && movable) {
                  event.preventDefault();
                  const { top, height } = event.currentTarget.getBoundingClientRect();
                  const behind = event.clientY > top + height / 2;
                  if (drag.on !== prompt.id || drag.behind !== behind) {
                    setDrag({ ...drag, on: prompt.id, behind });
                  }
                }
              }}
              onDrop={event => {
                if (drag.prompt) {
                  event.preventDefault();
                  move(drag.prompt, droppedPlace(order, drag.prompt, prompt.id, drag.behind));
                  setDrag(NO_DRAG);
                }
              }}
            />
          );
        })}
        {problem && (
          <li>
            <Problem problem={problem} />
          </li>
        )}
      </ol>
      <div className="jp-Codecast-hidden" aria-live="polite">
        {told}
      </div>
    </>
  );
}

const NO_DRAG = { prompt: '', on: '', behind: false };

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
      .sort((a, b) => (a.place ?? a.created) - (b.place ?? b.created))
      .map(prompt => ({ id: prompt.id, content: words(prompt), state: prompt.state }))
  ];
}
