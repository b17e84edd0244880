import { ISignal } from '@lumino/signaling';
import { useCallback, useEffect, useRef, useState } from 'react';

import { CodecastError } from '../connection/api';
import { IProblem } from '../model/events.gen';

/**
 * Draw again when the signal was emitted, at most once a frame.
 *
 * @param pause - milliseconds at least between two drawings
 */
export function useSignal(signal: ISignal<unknown, unknown>, pause = 0): void {
  const [, draw] = useState(0);
  useEffect(() => {
    let frame = 0;
    let last = -Infinity;
    const look = (now: number) => {
      if (now - last < pause) {
        frame = requestAnimationFrame(look);
        return;
      }
      frame = 0;
      last = now;
      draw(count => count + 1);
    };
    const changed = () => {
      frame ||= requestAnimationFrame(look);
    };
    signal.connect(changed);
    changed();
    return () => {
      signal.disconnect(changed);
      cancelAnimationFrame(frame);
    };
  }, [signal, pause]);
}

/** An action of a button: whether it runs, and what went wrong the last time. */
export interface IAction {
  readonly busy: boolean;
  readonly problem: IProblem | null;
  /** Run it; true when it went well. A second call while one runs does nothing. */
  run(action: () => Promise<unknown>): Promise<boolean>;
  clear(): void;
}

export function useAction(): IAction {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<IProblem | null>(null);
  const running = useRef(false);
  const mounted = useRef(true);
  useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false;
    };
  }, []);
  const run = useCallback(async (action: () => Promise<unknown>) => {
    if (running.current) {
      return false;
    }
    running.current = true;
    setBusy(true);
    setProblem(null);
    let problem: IProblem | null = null;
    try {
      await action();
    } catch (error) {
      problem = CodecastError.problem(error);
    }
    running.current = false;
    if (mounted.current) {
      setBusy(false);
      setProblem(problem);
    }
    return problem === null;
  }, []);
  const clear = useCallback(() => setProblem(null), []);
  return { busy, problem, run, clear };
}
