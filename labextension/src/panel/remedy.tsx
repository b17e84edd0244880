import React, { useState } from 'react';

import { IProblem } from '../model/events.gen';
import { useCodecast } from '../ui/context';
import { useAction } from '../ui/hooks';
import { Problem } from '../ui/problem';

/** What the person can do here and now: accept a host key, give a secret. */
export function Remedy(props: { machine: string; problem: IProblem }): JSX.Element | null {
  const { machine, problem } = props;
  const { codecast, trans } = useCodecast();
  const action = useAction();
  const [value, setValue] = useState('');
  const data = (problem.data ?? {}) as { fingerprint?: string; prompt?: string };
  if (problem.code === 'unknown_host_key' && data.fingerprint) {
    const { fingerprint } = data;
    const accept = async () => {
      await codecast.api.acceptHostKey(machine, fingerprint);
      await codecast.api.connect(machine);
    };
    return (
      <div className="jp-Codecast-remedy">
        <code>{fingerprint}</code>
        <button
          type="button"
          className="jp-mod-styled jp-mod-accept"
          disabled={action.busy}
          onClick={() => void action.run(accept)}
        >
          {trans.__('Accept This Key')}
        </button>
        <Problem problem={action.problem} />
      </div>
    );
  }
  if (problem.code === 'secret_needed') {
    const give = async () => {
      await codecast.api.giveSecret(machine, data.prompt ?? '', value);
      setValue('');
      await codecast.api.connect(machine);
    };
    return (
      <div className="jp-Codecast-remedy">
        <input
          type="password"
          className="jp-mod-styled"
          autoComplete="off"
          aria-label={data.prompt ?? trans.__('Secret')}
          placeholder={data.prompt ?? trans.__('Secret')}
          value={value}
          onChange={event => setValue(event.target.value)}
          onKeyDown={event => {
            if (event.key === 'Enter' && value) {
              event.preventDefault(); // it may stand in another form
              void action.run(give);
            }
          }}
        />
        <button
          type="button"
          className="jp-mod-styled jp-mod-accept"
          disabled={action.busy || !value}
          onClick={() => void action.run(give)}
        >
          {trans.__('Unlock')}
        </button>
        <Problem problem={action.problem} />
      </div>
    );
  }
  return null;
}
