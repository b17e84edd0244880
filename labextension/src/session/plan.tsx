import { checkIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { SessionModel } from '../model/session';
import { useCodecast } from '../ui/context';
import { Fold } from './opened';

/** The to-do list: how far it is, and all of it when opened. */
export function Plan(props: { model: SessionModel }): JSX.Element | null {
  const { trans } = useCodecast();
  const { plan, turn } = props.model.state;
  const done = plan.filter(({ status }) => status === 'completed').length;
  if (!plan.length || (done === plan.length && !turn)) {
    return null;
  }
  const now = plan.find(({ status }) => status === 'in_progress') ?? plan[done];
  return (
    <Fold
      name="plan"
      className="jp-Codecast-plan"
      summary={
        <>
          <progress
            max={plan.length}
            value={done}
            aria-label={trans.__('%1 of %2 done', done, plan.length)}
          />
          <span>
            {done}/{plan.length}
          </span>
          <span className="jp-Codecast-planNow">{now?.content}</span>
        </>
      }
    >
      {() => (
        <ol>
          {plan.map(({ content, status }, at) => (
            <li key={at} data-status={status}>
              {status === 'completed' ? (
                <checkIcon.react tag="span" width="14px" height="14px" />
              ) : (
                <span className="jp-Codecast-dot" data-status={status} />
              )}
              {content}
            </li>
          ))}
        </ol>
      )}
    </Fold>
  );
}
