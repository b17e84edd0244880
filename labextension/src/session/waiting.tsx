import {
  caretDownIcon,
  caretUpIcon,
  closeIcon,
  editIcon,
  fastForwardIcon,
  LabIcon
} from '@jupyterlab/ui-components';
import { UUID } from '@lumino/coreutils';
import React, { LiHTMLAttributes, useRef, useState } from 'react';

import { wordsOf } from '../model/entries';
import { IContent } from '../model/events.gen';
import { SessionModel } from '../model/session';
import { useCodecast } from '../ui/context';
import { useAction } from '../ui/hooks';
import { IconButton } from '../ui/iconbutton';
import { Problem } from '../ui/problem';
import { promptWord } from '../ui/words';
import type { IWaiting } from './queue';
import { Unknown } from './unknown';

/** What can be done with the place of a prompt; the rest are the events of its element. */
interface IPlace extends LiHTMLAttributes<HTMLLIElement> {
  movable: boolean;
  up: boolean;
  down: boolean;
  move(step: number): void;
  /** Something that is dragged would go there. */
  drop?: 'before' | 'behind';
}

/** A prompt that waits: put into the running turn, moved, edited, taken back. */
export function Waiting(props: { model: SessionModel; prompt: IWaiting } & IPlace): JSX.Element {
  const { model, prompt, movable, up, down, move, drop, ...events } = props;
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
    <li
      data-prompt={prompt.id}
      data-state={prompt.state}
      data-drop={drop}
      draggable={movable}
      {...events}
    >
      <span className="jp-Codecast-waitingText" title={words}>
        {words}
      </span>
      {prompt.state === 'unknown' ? (
        <Unknown prompt={prompt.id} content={prompt.content} />
      ) : (
        <>
          <small>{promptWord(prompt.state, trans)}</small>
          {model.state.turn && (
            <IconButton
              icon={fastForwardIcon}
              label={trans.__('Steer')}
              title={trans.__('Into the running turn, now')}
              size={14}
              disabled={busy}
              onClick={() => void steer()}
            />
          )}
          {movable && (
            <>
              <Mover icon={caretUpIcon} way="up" can={up} move={() => move(-1)} />
              <Mover icon={caretDownIcon} way="down" can={down} move={() => move(1)} />
            </>
          )}
          <IconButton
            icon={editIcon}
            label={trans.__('Edit')}
            size={14}
            disabled={busy}
            onClick={() => setEditing(true)}
          />
          <IconButton
            icon={closeIcon}
            label={trans.__('Cancel')}
            title={trans.__('Take back')}
            size={14}
            disabled={busy}
            onClick={() => void run(() => api.cancelPrompt(model.id, prompt.id))}
          />
        </>
      )}
      <Problem problem={problem} />
    </li>
  );
}

/** Never truly disabled: it would lose the focus while it is moved. */
function Mover(props: {
  icon: LabIcon;
  way: 'up' | 'down';
  can: boolean;
  move: () => void;
}): JSX.Element {
  const { trans } = useCodecast();
  const { icon, way, can, move } = props;
  const label = way === 'up' ? trans.__('Move up') : trans.__('Move down');
  return (
    <IconButton
      icon={icon}
      label={label}
      title={`${label} (Alt+${way === 'up' ? '↑' : '↓'})`}
      size={20}
      data-move={way}
      aria-disabled={!can}
      onClick={() => can && move()}
    />
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
