import { useEffect, useState } from 'react';

import { CodecastError } from '../connection/api';
import { ICli } from '../connection/types';
import { IProblem } from '../model/events.gen';
import { useCodecast } from '../ui/context';

/** The CLIs of a machine: null while they are looked for, and while `wanted` is false. */
export function useClis(
  machine: string,
  wanted = true
): { clis: ICli[] | null; problem: IProblem | null } {
  const { codecast } = useCodecast();
  const [answer, setAnswer] = useState<{ clis: ICli[] | null; problem: IProblem | null }>({
    clis: null,
    problem: null
  });
  useEffect(() => {
    let current = true;
    setAnswer({ clis: null, problem: null });
    if (wanted) {
      codecast.api.clis(machine).then(
        clis => current && setAnswer({ clis, problem: null }),
        error => current && setAnswer({ clis: null, problem: CodecastError.problem(error) })
      );
    }
    return () => {
      current = false;
    };
  }, [codecast, machine, wanted]);
  return answer;
}
