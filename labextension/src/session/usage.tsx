import React, { useEffect, useId, useRef, useState } from 'react';

import { ISessionUsage } from '../connection/types';
import { SessionModel } from '../model/session';
import { IBudget } from '../model/state';
import { useCodecast } from '../ui/context';
import { useAction } from '../ui/hooks';
import { Problem } from '../ui/problem';
import { cost, tokens } from '../ui/words';
import { clock } from './time';

/** What the session took: a button that says the essence, and the whole beneath it. */
export function Usage(props: { model: SessionModel }): JSX.Element {
  const { model } = props;
  const { trans } = useCodecast();
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const { cost_usd, context_used: used, context_size: size, over_budget } = model.state;
  const share = used && size ? Math.min(1, used / size) : null;
  useEffect(() => {
    if (!open) {
      return;
    }
    const outside = (event: PointerEvent) => {
      if (!box.current?.contains(event.target as Node)) {
        setOpen(false);
      }
    };
    document.addEventListener('pointerdown', outside);
    return () => document.removeEventListener('pointerdown', outside);
  }, [open]);
  const level = share === null ? '' : share > 0.9 ? 'full' : share > 0.7 ? 'high' : 'low';
  return (
    <div
      className="jp-Codecast-usage"
      ref={box}
      onKeyDown={event => {
        if (event.key === 'Escape' && open) {
          event.stopPropagation();
          setOpen(false);
          box.current?.querySelector('button')?.focus();
        }
      }}
    >
      <button
        type="button"
        className="jp-Codecast-usageButton"
        aria-expanded={open}
        aria-haspopup="dialog"
        title={trans.__('Tokens, cost and budget')}
        data-over={over_budget ? '' : undefined}
        onClick={() => setOpen(!open)}
      >
        {share !== null && (
          <span
            className="jp-Codecast-meter"
            data-level={level}
            role="img"
            aria-label={trans.__('%1% of the context is used', Math.round(share * 100))}
          >
            <i style={{ width: `${share * 100}%` }} />
          </span>
        )}
        {share !== null && <span>{Math.round(share * 100)}%</span>}
        <span className="jp-Codecast-cost">
          {cost(cost_usd) || (share === null ? trans.__('Usage') : '')}
        </span>
      </button>
      {open && <Sheet model={model} close={() => setOpen(false)} />}
    </div>
  );
}

function Sheet(props: { model: SessionModel; close: () => void }): JSX.Element {
  const { model } = props;
  const { codecast, trans } = useCodecast();
  const [told, setTold] = useState<ISessionUsage['total'] | null>(null);
  const title = useId();
  const { state } = model;
  useEffect(() => {
    let wanted = true;
    codecast.api.usage(model.id).then(
      usage => wanted && setTold(usage.total),
      () => undefined // the state has the essence
    );
    return () => {
      wanted = false;
    };
  }, [codecast, model.id, state.turns, state.cost_usd]);
  const usage = told?.usage ?? {};
  const rows: [string, string | undefined][] = [
    [trans.__('Cost'), cost(state.cost_usd) || undefined],
    [trans.__('Turns'), String(state.turns)],
    [trans.__('Time worked'), clock(told?.seconds ?? state.worked.seconds)],
    [
      trans.__('Context'),
      state.context_used
        ? trans.__(
            '%1 of %2 tokens',
            tokens(state.context_used),
            state.context_size ? tokens(state.context_size) : '?'
          )
        : undefined
    ],
    [trans.__('Read'), count(usage.input_tokens)],
    [trans.__('Written'), count(usage.output_tokens)],
    [trans.__('From cache'), count(usage.cache_read_tokens)],
    [trans.__('Into cache'), count(usage.cache_write_tokens)]
  ];
  return (
    <div className="jp-Codecast-sheet" role="dialog" aria-labelledby={title}>
      <h3 id={title}>{trans.__('What this session took')}</h3>
      <dl>
        {rows.map(
          ([name, value]) =>
            value && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            )
        )}
      </dl>
      <BudgetForm model={model} close={props.close} />
    </div>
  );
}

function count(value: number | undefined): string | undefined {
  return value ? tokens(value) : undefined;
}

const LIMITS = ['max_cost', 'max_turns', 'max_minutes'] as const;

/** What it may spend; an empty field is no limit. */
function BudgetForm(props: { model: SessionModel; close: () => void }): JSX.Element {
  const { model, close } = props;
  const { codecast, trans } = useCodecast();
  const { busy, problem, run } = useAction();
  const [fields, setFields] = useState(() => shown(model.state.budget));
  const labels = {
    max_cost: trans.__('US dollars'),
    max_turns: trans.__('Turns'),
    max_minutes: trans.__('Minutes of work')
  };
  const save = async () => {
    const known = shown(model.state.budget);
    const changed = LIMITS.filter(limit => fields[limit] !== known[limit]);
    const budget = Object.fromEntries(
      changed.map(limit => [limit, fields[limit] === '' ? null : Number(fields[limit])])
    );
    if (!changed.length || (await run(() => codecast.api.change(model.id, { budget })))) {
      close();
    }
  };
  return (
    <form
      className="jp-Codecast-budget"
      onSubmit={event => {
        event.preventDefault();
        void save();
      }}
    >
      <h3>{trans.__('Budget')}</h3>
      {LIMITS.map(limit => (
        <label key={limit}>
          <span>{labels[limit]}</span>
          <input
            type="number"
            name={limit}
            min={0}
            step={limit === 'max_turns' ? 1 : 'any'}
            placeholder={trans.__('no limit')}
            value={fields[limit]}
            onChange={event => setFields({ ...fields, [limit]: event.target.value })}
          />
        </label>
      ))}
      <button
        type="submit"
        className="jp-mod-styled jp-mod-accept jp-Codecast-small"
        disabled={busy}
      >
        {trans.__('Save')}
      </button>
      <Problem problem={problem} />
    </form>
  );
}

function shown(budget: IBudget): { [limit in (typeof LIMITS)[number]]: string } {
  const text = (value: number | undefined) => (value === undefined ? '' : String(value));
  return {
    max_cost: text(budget.max_cost),
    max_turns: text(budget.max_turns),
    max_minutes: text(budget.max_minutes)
  };
}
