import React, { useCallback, useEffect, useState } from 'react';

import { CodecastError } from '../connection/api';
import { ICheck } from '../connection/types';
import { IProblem } from '../model/events.gen';
import { useCodecast } from '../ui/context';
import { Problem } from '../ui/problem';
import { Remedy } from './remedy';

const MARKS: { [status: string]: string } = { ok: '✓', warning: '!', error: '✗', skipped: '…' };

/** The way to a machine, examined step by step and told in words. */
export function Doctor(props: { machine: string; close: () => void }): JSX.Element {
  const { machine, close } = props;
  const { codecast, trans } = useCodecast();
  const [checks, setChecks] = useState<ICheck[] | null>(null);
  const [problem, setProblem] = useState<IProblem | null>(null);
  const examine = useCallback(() => {
    setChecks(null);
    setProblem(null);
    codecast.api.doctor(machine).then(
      ({ checks }) => setChecks(checks),
      error => setProblem(CodecastError.problem(error))
    );
  }, [codecast, machine]);
  useEffect(examine, [examine]);
  const bad = checks?.filter(({ status }) => status === 'error').length ?? 0;
  const words: { [status: string]: string } = {
    ok: trans.__('fine'),
    warning: trans.__('warning'),
    error: trans.__('problem'),
    skipped: trans.__('not looked at')
  };
  return (
    <div className="jp-Codecast-form jp-Codecast-doctor">
      <h2>{trans.__('Doctor: %1', machine)}</h2>
      {!checks && !problem && <p role="status">{trans.__('Examining the way to %1…', machine)}</p>}
      <Problem problem={problem} />
      <ul>
        {checks?.map(({ name, status, message, hint, detail, code, data }) => (
          <li key={name} data-status={status}>
            <span className="jp-Codecast-mark" aria-label={words[status]} role="img">
              {MARKS[status]}
            </span>
            <div>
              <strong>{name}</strong> {message}
              {hint && <div className="jp-Codecast-hint">{hint}</div>}
              {detail && <pre className="jp-Codecast-detail">{detail}</pre>}
              {code && status === 'error' && (
                <Remedy machine={machine} problem={{ code, message, data: data as object }} />
              )}
            </div>
          </li>
        ))}
      </ul>
      {checks && (
        <p role="status">
          <strong>
            {bad
              ? trans._n('%1 problem.', '%1 problems.', bad, bad)
              : trans.__('%1 is ready.', machine)}
          </strong>
        </p>
      )}
      <div className="jp-Codecast-buttons">
        <button className="jp-mod-styled jp-mod-accept" autoFocus onClick={close}>
          {trans.__('Close')}
        </button>
        <button
          className="jp-mod-styled jp-mod-reject"
          disabled={!checks && !problem}
          onClick={examine}
        >
          {trans.__('Once more')}
        </button>
      </div>
    </div>
  );
}
