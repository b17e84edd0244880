import React from 'react';

import { Entry, IMessageEntry, INoticeEntry, IPromptEntry, wordsOf } from '../model/transcript';
import { useCodecast } from '../ui/context';
import { Problem } from '../ui/problem';
import { endWord, personWords, promptWord } from '../ui/words';
import { Rendered } from './markdown';
import { EndedRequest } from './requests';
import { Tool } from './tool';
import { Unknown } from './unknown';

/** One entry of the transcript; open requests are cards elsewhere. */
export const EntryView = React.memo(function EntryView(props: {
  entry: Entry;
}): JSX.Element | null {
  const { entry } = props;
  switch (entry.kind) {
    case 'prompt':
      return <Prompt entry={entry} />;
    case 'tool':
      return <Tool entry={entry} />;
    case 'request':
      return entry.outcome === 'open' ? null : <EndedRequest entry={entry} />;
    case 'notice':
      return <Notice entry={entry} />;
    case 'turn':
    case 'end':
    case 'unknown':
      return null;
    default:
      return entry.text.trim() ? <Message entry={entry} /> : null;
  }
});

function Prompt(props: { entry: IPromptEntry }): JSX.Element {
  const { entry } = props;
  const context = useCodecast();
  const { trans } = context;
  const ended = ['failed', 'cancelled'].includes(entry.state);
  const notes = [
    personWords(entry.by, entry.where, context),
    entry.steered ? trans.__('steered') : undefined,
    ended ? promptWord(entry.state, trans) : undefined
  ].filter(Boolean);
  return (
    <div className="jp-Codecast-prompt" data-state={entry.state}>
      <div className="jp-Codecast-promptText">{wordsOf(entry.content)}</div>
      {notes.length > 0 && <small>{notes.join(' · ')}</small>}
      {entry.state === 'unknown' && <Unknown prompt={entry.prompt} text={wordsOf(entry.content)} />}
      <Problem problem={entry.error} />
    </div>
  );
}

function Message(props: { entry: IMessageEntry }): JSX.Element {
  const { entry } = props;
  const { trans } = useCodecast();
  const nested = entry.parent ? ' jp-mod-nested' : '';
  if (entry.kind === 'thought') {
    return (
      <details className={`jp-Codecast-thought${nested}`}>
        <summary>{trans.__('Thoughts')}</summary>
        <Rendered text={entry.text} />
      </details>
    );
  }
  return (
    <div className={`jp-Codecast-message${nested}`} data-kind={entry.kind}>
      <Rendered text={entry.text} />
    </div>
  );
}

function Notice(props: { entry: INoticeEntry }): JSX.Element {
  const { entry } = props;
  const { trans } = useCodecast();
  return (
    <div className="jp-Codecast-notice" data-level={entry.level}>
      <span>{endWord(entry.text, trans)}</span>
      <Problem problem={entry.error} />
    </div>
  );
}
