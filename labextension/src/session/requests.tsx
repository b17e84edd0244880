import React, { useState } from 'react';

import { IAnswer } from '../connection/types';
import { IOption, IQuestion, IRequestOpenedEvent } from '../model/events.gen';
import { IRequestEntry } from '../model/transcript';
import { useCodecast } from '../ui/context';
import { useAction } from '../ui/hooks';
import { Problem } from '../ui/problem';
import { personWords } from '../ui/words';
import { Details } from './tool';

/** An open request: the card that waits for its person. */
export function RequestCard(props: { session: string; request: IRequestOpenedEvent }): JSX.Element {
  const { session, request } = props;
  const { codecast, trans } = useCodecast();
  const { busy, problem, run } = useAction();
  const [given, setGiven] = useState(false);
  const answer = async (value: IAnswer) =>
    setGiven(await run(() => codecast.api.answer(session, request.request, value)));
  const isQuestion = request.kind === 'question';
  return (
    <section
      className="jp-Codecast-card"
      data-request={request.request}
      aria-label={isQuestion ? trans.__('Question') : trans.__('Permission request')}
    >
      <header>
        <span className="jp-Codecast-cardKind">
          {isQuestion ? trans.__('Question') : trans.__('Permission')}
        </span>
        <span className="jp-Codecast-cardTitle">{request.title}</span>
      </header>
      {request.description && <p>{request.description}</p>}
      {isQuestion ? (
        <Questions questions={request.questions ?? []} disabled={busy || given} answer={answer} />
      ) : (
        <>
          <Details
            content={request.content}
            input={request.content?.length ? undefined : request.raw_input}
          />
          <Options options={request.options ?? []} disabled={busy || given} answer={answer} />
        </>
      )}
      <Problem problem={problem} />
    </section>
  );
}

interface IAnswering {
  disabled: boolean;
  answer: (answer: IAnswer) => void;
}

function Options(props: IAnswering & { options: IOption[] }): JSX.Element {
  return (
    <div className="jp-Codecast-buttons">
      {props.options.map(option => {
        const role = option.kind.startsWith('allow')
          ? option.kind === 'allow_once'
            ? 'jp-mod-accept'
            : 'jp-mod-allow'
          : 'jp-mod-reject';
        return (
          <button
            key={option.id}
            className={`jp-mod-styled ${role}`}
            data-option={option.id}
            data-kind={option.kind}
            title={option.rule ?? option.scope}
            disabled={props.disabled}
            onClick={() => props.answer({ option: option.id })}
          >
            {option.label}
          </button>
        );
      })}
    </div>
  );
}

function Questions(props: IAnswering & { questions: IQuestion[] }): JSX.Element {
  const { trans } = useCodecast();
  const [answers, setAnswers] = useState<{ [question: string]: string[] }>({});
  const [words, setWords] = useState<{ [question: string]: string }>({});
  const own = (id: string) => (words[id] ?? '').trim();
  const complete = props.questions.every(({ id }) => answers[id]?.length || own(id));
  const choose = (question: IQuestion, label: string, chosen: boolean) => {
    const others = question.multiple
      ? (answers[question.id] ?? []).filter(other => other !== label)
      : [];
    setAnswers({ ...answers, [question.id]: chosen ? [...others, label] : others });
  };
  const submit = () => {
    const all = props.questions.map(({ id }): [string, string[]] => [
      id,
      [...(answers[id] ?? []), ...(own(id) ? [own(id)] : [])]
    ]);
    props.answer({ answers: Object.fromEntries(all) });
  };
  return (
    <form
      onSubmit={event => {
        event.preventDefault();
        submit();
      }}
    >
      {props.questions.map(question => (
        <fieldset key={question.id} disabled={props.disabled} data-question={question.id}>
          <legend>{question.text}</legend>
          {question.options.map(({ label, description }) => (
            <label key={label} className="jp-Codecast-choice">
              <input
                type={question.multiple ? 'checkbox' : 'radio'}
                name={question.id}
                checked={(answers[question.id] ?? []).includes(label)}
                onChange={event => choose(question, label, event.target.checked)}
              />
              <span>
                {label}
                {description && <small>{description}</small>}
              </span>
            </label>
          ))}
          {question.free_text && (
            <input
              type="text"
              className="jp-mod-styled"
              placeholder={trans.__('In your own words')}
              value={words[question.id] ?? ''}
              onChange={event => {
                setWords({ ...words, [question.id]: event.target.value });
                if (!question.multiple && event.target.value) {
                  setAnswers({ ...answers, [question.id]: [] });
                }
              }}
            />
          )}
        </fieldset>
      ))}
      <div className="jp-Codecast-buttons">
        <button
          type="submit"
          className="jp-mod-styled jp-mod-accept"
          disabled={props.disabled || !complete}
        >
          {trans.__('Answer')}
        </button>
        <button
          type="button"
          className="jp-mod-styled jp-mod-reject"
          disabled={props.disabled}
          onClick={() => props.answer({ declined: true })}
        >
          {trans.__('Decline to Answer')}
        </button>
      </div>
    </form>
  );
}

/** A request that has ended, as a line of the transcript. */
export const EndedRequest = React.memo(function EndedRequest(props: {
  entry: IRequestEntry;
}): JSX.Element {
  const { entry } = props;
  const context = useCodecast();
  const { trans } = context;
  const { resolution, request } = entry;
  const person = personWords(resolution?.by, resolution?.where, context);
  let outcome: string;
  let refused = false;
  if (entry.outcome === 'withdrawn') {
    outcome = trans.__('withdrawn');
    refused = true;
  } else if (resolution?.declined) {
    outcome = trans.__('declined');
    refused = true;
  } else if (resolution?.option) {
    const option = request.options?.find(({ id }) => id === resolution.option);
    outcome = resolution.label ?? option?.label ?? resolution.option;
    refused = option?.kind.startsWith('reject') ?? false;
  } else {
    const answers = (resolution?.answers ?? {}) as { [question: string]: string[] };
    outcome = Object.values(answers).flat().join(', ');
  }
  return (
    <div className="jp-Codecast-ended" data-outcome={refused ? 'refused' : 'granted'}>
      <span className="jp-Codecast-toolTitle">{request.title}</span>
      <b>{outcome}</b>
      {person && <small>{person}</small>}
    </div>
  );
});
