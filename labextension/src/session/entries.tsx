import React from 'react';

import { Entry, IEndEntry, IMessageEntry, INoticeEntry, IPromptEntry } from '../model/entries';
import { IRequestEntry, IUnknownEntry, wordsOf } from '../model/entries';
import { useCodecast } from '../ui/context';
import { Problem } from '../ui/problem';
import { cost, endWord, personWords, promptWord, tokens } from '../ui/words';
import { Markdown } from './markdown';
import { Media } from './media';
import { Fold } from './opened';
import { EndedRequest } from './answer';
import { span } from './time';
import { Tool } from './tool';
import { Unknown } from './unknown';

/** One entry of the transcript; open requests are cards elsewhere. */
export const EntryView = React.memo(function EntryView(props: {
  entry: Entry;
  children?: readonly Entry[];
  requests?: readonly IRequestEntry[];
}): JSX.Element | null {
  const { entry } = props;
  switch (entry.kind) {
    case 'prompt':
      return <Prompt entry={entry} />;
    case 'tool':
      return <Tool entry={entry} children={props.children} requests={props.requests} />;
    case 'request':
      return entry.outcome === 'open' ? null : <EndedRequest entry={entry} />;
    case 'notice':
      return <Notice entry={entry} />;
    case 'end':
      return <End entry={entry} />;
    case 'unknown':
      return <Other entry={entry} />;
    case 'turn':
      return null;
    default:
      return <Message entry={entry} />;
  }
});

function Prompt(props: { entry: IPromptEntry }): JSX.Element {
  const { entry } = props;
  const context = useCodecast();
  const { codecast, trans } = context;
  // its words may have been told before what is loaded: the server knows them too
  const content = entry.content ?? codecast.hub.prompts.get(entry.prompt)?.content ?? [];
  const words = content.filter(block => block.type === 'text' && !block.name);
  const files = content.filter(block => block.type !== 'text');
  const texts = content.filter(block => block.type === 'text' && block.name);
  const ended = ['failed', 'cancelled'].includes(entry.state);
  const notes = [
    personWords(entry.by, entry.where, context),
    entry.steered ? trans.__('steered') : undefined,
    ended ? promptWord(entry.state, trans) : undefined
  ].filter(Boolean);
  return (
    <div className="jp-Codecast-prompt" data-state={entry.state}>
      <div className="jp-Codecast-promptText">{wordsOf(words)}</div>
      {texts.map((block, at) => (
        <Fold
          key={at}
          name={`${entry.key}:${at}`}
          className="jp-Codecast-fold"
          summary={block.name}
        >
          {() => <pre className="jp-Codecast-detail">{block.text}</pre>}
        </Fold>
      ))}
      <Media blocks={files} />
      {notes.length > 0 && <small>{notes.join(' · ')}</small>}
      {entry.state === 'unknown' && <Unknown prompt={entry.prompt} content={content} />}
      <Problem problem={entry.error} />
    </div>
  );
}

function Message(props: { entry: IMessageEntry }): JSX.Element {
  const { entry } = props;
  const { trans } = useCodecast();
  if (entry.kind === 'thought') {
    return (
      <Fold
        name={entry.key}
        className="jp-Codecast-thought"
        summary={
          <>
            <span>{trans.__('Thoughts')}</span>
            <span className="jp-Codecast-gist">{gist(entry.text)}</span>
          </>
        }
      >
        {() => <Markdown text={entry.text} />}
      </Fold>
    );
  }
  return (
    <div className="jp-Codecast-message" data-kind={entry.kind}>
      <Markdown text={entry.text} />
      <Media blocks={entry.images} />
    </div>
  );
}

/** The first words of a thought. */
function gist(text: string): string {
  return text
    .slice(0, 200)
    .replace(/[*_#`>]+/g, '')
    .trim()
    .split('\n')[0];
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

/** What a turn took. */
function End(props: { entry: IEndEntry }): JSX.Element {
  const { entry } = props;
  const { trans } = useCodecast();
  const { input_tokens: read, output_tokens: written } = entry.usage ?? {};
  const told = [
    span(entry.duration ?? 0),
    read || written
      ? trans.__('%1 in, %2 out', tokens(read ?? 0), tokens(written ?? 0))
      : undefined,
    cost(entry.cost) || undefined
  ].filter(Boolean);
  return <div className="jp-Codecast-end">{told.join(' · ')}</div>;
}

/** Something that this page is too old to know: shown as it came. */
function Other(props: { entry: IUnknownEntry }): JSX.Element {
  const { entry } = props;
  const { trans } = useCodecast();
  return (
    <Fold
      name={entry.key}
      className="jp-Codecast-other"
      data={{ 'data-type': entry.type }}
      summary={trans.__('Something new: %1 (reload the page after an upgrade)', entry.type)}
    >
      {() => <pre className="jp-Codecast-detail">{JSON.stringify(entry.event, undefined, 2)}</pre>}
    </Fold>
  );
}
