import { checkIcon, closeIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { IRequestEntry } from '../model/entries';
import { IContext, useCodecast } from '../ui/context';
import { personWords } from '../ui/words';

interface IOutcome {
  words: string;
  refused: boolean;
  /** By whom and where; empty for the reader at a page like this one. */
  person: string;
}

/** How a request has ended. */
function outcomeOf({ outcome, resolution, request }: IRequestEntry, context: IContext): IOutcome {
  const { trans } = context;
  const person = personWords(resolution?.by, resolution?.where, context);
  if (outcome === 'withdrawn') {
    return { words: trans.__('withdrawn'), refused: true, person };
  }
  if (resolution?.declined) {
    return { words: trans.__('declined'), refused: true, person };
  }
  if (resolution?.option) {
    const option = request.options?.find(({ id }) => id === resolution.option);
    const words = resolution.label ?? option?.label ?? resolution.option;
    return { words, refused: option?.kind.startsWith('reject') ?? false, person };
  }
  const answers = (resolution?.answers ?? {}) as { [question: string]: string[] };
  return { words: Object.values(answers).flat().join(', '), refused: false, person };
}

/** The answer in the line of its tool call: what, by whom and where. */
export function Answer(props: { entry: IRequestEntry }): JSX.Element {
  const { entry } = props;
  const context = useCodecast();
  const { trans } = context;
  if (entry.outcome === 'open') {
    return <small className="jp-Codecast-asks">{trans.__('asks you')}</small>;
  }
  const { words, refused, person } = outcomeOf(entry, context);
  const Icon = refused ? closeIcon : checkIcon;
  return (
    <small
      className="jp-Codecast-answer"
      data-outcome={refused ? 'refused' : 'granted'}
      title={[words, entry.resolution?.message ?? entry.why, person].filter(Boolean).join(' · ')}
    >
      <Icon.react tag="span" width="12px" height="12px" />
      <b>{words}</b>
      {person && <span>{person}</span>}
    </small>
  );
}

/** A request of no tool call, as a line of the transcript. */
export const EndedRequest = React.memo(function EndedRequest(props: {
  entry: IRequestEntry;
}): JSX.Element {
  const { entry } = props;
  const { title } = entry.request;
  return (
    <div className="jp-Codecast-ended">
      <span className="jp-Codecast-toolTitle" title={title}>
        {title}
      </span>
      <Answer entry={entry} />
    </div>
  );
});
