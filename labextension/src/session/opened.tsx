import React, { createContext, useContext, useReducer } from 'react';

/** What the person has opened or closed, by key: rows that scroll away forget it themselves. */
const Opened = createContext(new Map<string, boolean>());

export function OpenedProvider(props: { children: React.ReactNode }): JSX.Element {
  const known = React.useRef(new Map<string, boolean>());
  return <Opened.Provider value={known.current}>{props.children}</Opened.Provider>;
}

/**
 * Whether something is open, and how to say so.
 *
 * @param otherwise - what it is until the person decides
 */
export function useOpened(key: string, otherwise: boolean): [boolean, (open: boolean) => void] {
  const opened = useContext(Opened);
  const [, draw] = useReducer((count: number) => count + 1, 0);
  const set = (open: boolean) => {
    if (open !== (opened.get(key) ?? otherwise)) {
      opened.set(key, open);
      draw();
    }
  };
  return [opened.get(key) ?? otherwise, set];
}

/** A line that opens to more. */
export function Fold(props: {
  name: string;
  open?: boolean;
  className: string;
  summary: React.ReactNode;
  summaryClass?: string;
  children: () => React.ReactNode;
  data?: { [name: `data-${string}`]: string | undefined };
}): JSX.Element {
  const [open, setOpen] = useOpened(props.name, props.open ?? false);
  return (
    <details
      className={props.className}
      open={open}
      onToggle={event => setOpen(event.currentTarget.open)}
      {...props.data}
    >
      <summary className={props.summaryClass}>{props.summary}</summary>
      {open && props.children()}
    </details>
  );
}
