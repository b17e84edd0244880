import React, { useEffect, useId, useLayoutEffect, useRef, useState } from 'react';

import { IAnswer } from '../connection/types';
import { IOption, IRequestOpenedEvent } from '../model/events.gen';
import { SessionModel } from '../model/session';
import { OpenRequest } from '../model/state';
import { useCodecast } from '../ui/context';
import { useAction } from '../ui/hooks';
import { Problem } from '../ui/problem';
import { Markdown } from './markdown';
import { Questions } from './questions';
import { Details } from './tool';

export type Asked = Omit<IRequestOpenedEvent, 'seq' | 'time' | 'type'>;

/** What is open now, the first asked first; with its input, where that is loaded. */
export function openRequests({ state, transcript }: SessionModel): Asked[] {
  const told = new Map<string, Asked>();
  for (const entry of transcript.entries) {
    if (entry.kind === 'request' && entry.outcome === 'open') {
      told.set(entry.request.request, entry.request);
    }
  }
  return Object.values(state.requests)
    .sort((a, b) => a.since - b.since)
    .map((request: OpenRequest) => told.get(request.request) ?? request);
}

/** An open request: the card that waits for its person. */
export function RequestCard(props: {
  session: string;
  request: Asked;
  isFirst: boolean;
}): JSX.Element {
  const { session, isFirst } = props;
  const { codecast, trans } = useCodecast();
  const { busy, problem, run } = useAction();
  const [given, setGiven] = useState(false);
  const card = useRef<HTMLElement>(null);
  const title = useId();
  const request = useWhole(session, props.request);
  const answer = async (value: IAnswer) =>
    setGiven(await run(() => codecast.api.answer(session, request.request, value)));
  const focusing = useFocusGoesOn(card);
  const isQuestion = request.kind === 'question';
  const isPlan = request.tool_kind === 'switch_mode';
  return (
    <section
      className="jp-Codecast-card"
      ref={card}
      tabIndex={-1}
      data-request={request.request}
      aria-labelledby={title}
      {...focusing}
      onKeyDown={event => {
        // a digit alone, while no field of the card has the focus
        if (event.target === card.current && !event.altKey && !event.ctrlKey && !event.metaKey) {
          if (choose(card.current, event.nativeEvent)) {
            event.preventDefault();
          }
        }
      }}
    >
      <header>
        <span className="jp-Codecast-cardKind">
          {isQuestion ? trans.__('Question') : trans.__('Permission')}
        </span>
        <span className="jp-Codecast-cardTitle" id={title}>
          {request.title}
        </span>
      </header>
      {request.description && <p>{request.description}</p>}
      {isQuestion ? (
        <Questions
          questions={request.questions ?? []}
          title={request.title}
          disabled={busy || given}
          withKeys={isFirst}
          answer={answer}
        />
      ) : (
        <>
          <div className="jp-Codecast-asked">
            {isPlan ? (
              (request.content ?? []).map((block, at) => (
                <Markdown key={at} text={block.text ?? ''} />
              ))
            ) : (
              <Details
                content={request.content}
                input={request.content?.length ? undefined : request.raw_input}
              />
            )}
          </div>
          <Options
            options={request.options ?? []}
            disabled={busy || given}
            withKeys={isFirst}
            answer={answer}
          />
        </>
      )}
      <Problem problem={problem} />
    </section>
  );
}

/** When the card goes away with the focus in it, the next card has it, or the composer. */
function useFocusGoesOn(
  card: React.RefObject<HTMLElement>
): Pick<React.DOMAttributes<HTMLElement>, 'onFocus' | 'onBlur'> {
  // a control that is disabled loses the focus to nobody: that counts as having it
  const has = useRef(false);
  useLayoutEffect(() => {
    const node = card.current!;
    const view = node.closest('.jp-Codecast-view');
    return () => {
      if (has.current) {
        const next = '.jp-Codecast-card, .jp-Codecast-write textarea';
        window.setTimeout(() => view?.querySelector<HTMLElement>(next)?.focus());
      }
    };
  }, [card]);
  return {
    onFocus: () => {
      has.current = true;
    },
    onBlur: ({ relatedTarget }) => {
      has.current = relatedTarget === null || !!card.current?.contains(relatedTarget);
    }
  };
}

/** The request with its input: the state of a session leaves that out. */
function useWhole(session: string, request: Asked): Asked {
  const { codecast } = useCodecast();
  const [whole, setWhole] = useState<Asked | null>(null);
  const lacks =
    request.kind === 'permission' && !request.content?.length && request.raw_input === undefined;
  useEffect(() => {
    let wanted = lacks;
    if (lacks) {
      codecast.api.requests(session).then(
        found => {
          const same = found.find(other => other.request === request.request);
          if (wanted && same) {
            setWhole(same);
          }
        },
        () => undefined // it can be answered without
      );
    }
    return () => {
      wanted = false;
    };
  }, [codecast, session, request.request, lacks]);
  return lacks && whole ? whole : request;
}

/** Press the control of the card that has this digit; whether there is one. */
export function choose(card: HTMLElement | null, { code }: KeyboardEvent): boolean {
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(code)?.[1];
  const control = digit && card?.querySelector<HTMLElement>(`[data-digit="${digit}"]`);
  if (!control || (control as HTMLButtonElement).disabled) {
    return false;
  }
  control.click();
  return true;
}

interface IAnswering {
  disabled: boolean;
  /** Whether Alt and a digit choose here. */
  withKeys: boolean;
  answer: (answer: IAnswer) => void;
}

function Options(props: IAnswering & { options: IOption[] }): JSX.Element {
  const { trans } = useCodecast();
  const { options, withKeys } = props;
  const [words, setWords] = useState('');
  // a label often says its rule
  const rules = options.filter(({ rule, label }) => rule && !label.includes(rule));
  const canRefuse = options.some(({ kind }) => kind.startsWith('reject'));
  return (
    <>
      <div className="jp-Codecast-buttons">
        {options.map((option, at) => {
          const allows = option.kind.startsWith('allow');
          const role = !allows
            ? 'jp-mod-reject'
            : option.kind === 'allow_once'
              ? 'jp-mod-accept'
              : 'jp-mod-allow';
          const message = !allows && words.trim() ? { message: words.trim() } : {};
          return (
            <button
              key={option.id}
              type="button"
              className={`jp-mod-styled ${role}`}
              data-option={option.id}
              data-kind={option.kind}
              data-digit={at + 1}
              aria-keyshortcuts={withKeys ? `Alt+${at + 1}` : undefined}
              title={[option.rule, option.scope, option.ends_turn && trans.__('ends the turn')]
                .filter(Boolean)
                .join(' · ')}
              disabled={props.disabled}
              onClick={() => props.answer({ option: option.id, ...message })}
            >
              {withKeys && at < 9 && (
                <kbd className="jp-Codecast-key" aria-hidden="true">
                  {at + 1}
                </kbd>
              )}
              {option.label}
            </button>
          );
        })}
      </div>
      {rules.length > 0 && (
        <dl className="jp-Codecast-rules">
          {rules.map(({ id, label, rule, scope }) => (
            <div key={id}>
              <dt>{label}</dt>
              <dd>
                <code>{rule}</code> {scope && <small>{scope}</small>}
              </dd>
            </div>
          ))}
        </dl>
      )}
      <div className="jp-Codecast-cardFoot">
        {canRefuse && (
          <input
            type="text"
            className="jp-mod-styled"
            aria-label={trans.__('Words for a refusal')}
            placeholder={trans.__('With a refusal: what to do instead')}
            value={words}
            disabled={props.disabled}
            onChange={event => setWords(event.target.value)}
          />
        )}
        {withKeys && <small className="jp-Codecast-keys">{trans.__('Alt+digit answers')}</small>}
      </div>
    </>
  );
}
