import React, { useState } from 'react';

import { IAnswer } from '../connection/types';
import { IQuestion } from '../model/events.gen';
import { useCodecast } from '../ui/context';

/** Questions with their choices; own words where the question takes them. */
export function Questions(props: {
  questions: IQuestion[];
  /** What the card says already. */
  title: string;
  disabled: boolean;
  withKeys: boolean;
  answer: (answer: IAnswer) => void;
}): JSX.Element {
  const { trans } = useCodecast();
  const { questions, withKeys } = props;
  const [answers, setAnswers] = useState<{ [question: string]: string[] }>({});
  const [words, setWords] = useState<{ [question: string]: string }>({});
  const own = (id: string) => (words[id] ?? '').trim();
  const isAnswered = ({ id }: IQuestion) => (answers[id]?.length ?? 0) > 0 || own(id) !== '';
  const complete = questions.every(isAnswered);
  // digits choose in the first question that has no answer, else in the last
  const current =
    questions.find(question => !isAnswered(question)) ?? questions[questions.length - 1];
  const choose = (question: IQuestion, label: string, chosen: boolean) => {
    const others = question.multiple
      ? (answers[question.id] ?? []).filter(other => other !== label)
      : [];
    setAnswers({ ...answers, [question.id]: chosen ? [...others, label] : others });
    if (!question.multiple) {
      setWords({ ...words, [question.id]: '' });
    }
  };
  const submit = () => {
    const all = questions.map(({ id }): [string, string[]] => [
      id,
      [...(answers[id] ?? []), ...(own(id) ? [own(id)] : [])]
    ]);
    props.answer({ answers: Object.fromEntries(all) });
  };
  return (
    <form
      onSubmit={event => {
        event.preventDefault();
        if (complete && !props.disabled) {
          submit();
        }
      }}
    >
      {questions.map(question => (
        <fieldset key={question.id} disabled={props.disabled} data-question={question.id}>
          <legend className={question.text === props.title ? 'jp-Codecast-hidden' : undefined}>
            {questions.length > 1 && question.header && (
              <span className="jp-Codecast-tag">{question.header}</span>
            )}{' '}
            {question.text}
            {question.multiple && <small> {trans.__('(several may be chosen)')}</small>}
          </legend>
          {question.options.map(({ label, description }, at) => (
            <label key={label} className="jp-Codecast-choice">
              <input
                type={question.multiple ? 'checkbox' : 'radio'}
                name={question.id}
                checked={(answers[question.id] ?? []).includes(label)}
                data-digit={withKeys && question === current ? at + 1 : undefined}
                onChange={event => choose(question, label, event.target.checked)}
              />
              {withKeys && question === current && at < 9 && (
                <kbd className="jp-Codecast-key" aria-hidden="true">
                  {at + 1}
                </kbd>
              )}
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
              aria-label={trans.__('In your own words: %1', question.text)}
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
        {withKeys && (
          <small className="jp-Codecast-keys">
            {trans.__('Alt+digit chooses, Alt+Enter answers')}
          </small>
        )}
      </div>
    </form>
  );
}
