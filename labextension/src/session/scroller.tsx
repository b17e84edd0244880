import { caretDownIcon } from '@jupyterlab/ui-components';
import React, { useEffect, useLayoutEffect, useReducer, useRef } from 'react';

import { Heights } from '../model/heights';
import { Row } from '../model/rows';
import { useCodecast } from '../ui/context';
import { RowView } from './steps';

const BEYOND = 800; // pixels of rows drawn above and below what is seen
const ABOVE = 60; // pixels left above a row that is gone to
const NEAR = 40; // pixels from the end that count as the end
const RECENT = 500; // milliseconds in which a hand, or a change of heights, explains a scroll

/**
 * The rows that are in sight, and as much space as the others would take.
 *
 * At the end it goes with what comes. Elsewhere the first row in sight stays where it is,
 * whatever grows, shrinks or arrives above it.
 */
export function Scroller(props: {
  rows: readonly Row[];
  label: string;
  /** Stands above the first row. */
  before: React.ReactNode;
  /** Stands below the last row. */
  after: React.ReactNode;
  /** Somebody is about to see the first row. */
  onBegin: () => void;
  /** The number of an event to go to, once; then `onGoal` is called. */
  goal?: number | null;
  onGoal?: () => void;
}): JSX.Element {
  const { rows, label, before, after, onBegin, goal, onGoal } = props;
  const { trans } = useCodecast();
  const [, draw] = useReducer((count: number) => count + 1, 0);
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const state = useRef({
    heights: new Heights(),
    rows: null as readonly Row[] | null,
    pinned: true,
    top: 0, // where it was scrolled to the last time we looked
    height: 0, // of all and of what is seen, then
    changed: -Infinity, // when that was another one
    hand: -Infinity, // when a person last touched it; Infinity while they hold it
    anchor: null as { key: string; offset: number } | null,
    range: [0, 0] as [number, number],
    found: '', // the row that was gone to
    onBegin
  }).current;
  state.onBegin = onBegin;
  const { heights } = state;
  if (state.rows !== rows) {
    state.rows = rows;
    heights.setKeys(rows.map(({ key }) => key));
  }
  const wanted = typeof goal === 'number' ? rowOf(rows, goal) : undefined;
  if (wanted) {
    state.pinned = false;
    state.anchor = { key: wanted.key, offset: ABOVE };
    state.found = wanted.key;
  }
  const [first, last] = (state.range = rangeOf());
  useEffect(() => {
    if (wanted) {
      onGoal?.();
    }
  });

  /** The rows to draw: those in sight and some beyond. */
  function rangeOf(): [number, number] {
    const height = scroller.current?.clientHeight || window.innerHeight;
    let top = state.pinned ? heights.total - height : state.top;
    const { anchor } = state;
    if (!state.pinned && anchor) {
      // by the row that stays: places are guesses where nothing was drawn yet
      const at = rows.findIndex(({ key }) => key === anchor.key);
      top = at < 0 ? top : heights.top(at) - anchor.offset;
    }
    return [heights.at(top - BEYOND), Math.min(rows.length, heights.at(top + height + BEYOND) + 1)];
  }

  /** Put the end, or the row that stays, where it was; look whether older rows are wanted. */
  function settle(): void {
    const node = scroller.current;
    if (!node || !list.current) {
      return;
    }
    if (state.pinned) {
      node.scrollTop = node.scrollHeight;
    } else if (state.anchor) {
      const { key, offset } = state.anchor;
      const row = [...list.current.children].find(
        child => (child as HTMLElement).dataset.key === key
      ) as HTMLElement | undefined;
      const off = row ? row.offsetTop - offset - node.scrollTop : 0;
      if (Math.abs(off) >= 1) {
        node.scrollTop += off;
      }
    }
    state.top = node.scrollTop;
    noteHeight(node);
    if (state.range[0] === 0 && node.scrollTop <= node.clientHeight) {
      state.onBegin();
    }
  }

  function remember(): void {
    const node = scroller.current!;
    const row = [...list.current!.children].find(child => {
      const { offsetTop, offsetHeight, dataset } = child as HTMLElement;
      return dataset.key !== undefined && offsetTop + offsetHeight > node.scrollTop;
    }) as HTMLElement | undefined;
    const isSeen = row && row.offsetTop < node.scrollTop + node.clientHeight;
    state.anchor = isSeen
      ? { key: row.dataset.key!, offset: row.offsetTop - node.scrollTop }
      : null;
  }

  function noteHeight(node: HTMLElement): void {
    const height = node.scrollHeight - node.clientHeight;
    if (height !== state.height) {
      state.height = height;
      state.changed = performance.now();
    }
  }

  /** Whether nothing has changed its height lately. */
  function isSteady(node: HTMLElement): boolean {
    noteHeight(node);
    return performance.now() - state.changed > RECENT;
  }

  function onScroll(): void {
    const node = scroller.current!;
    const left = node.scrollHeight - node.scrollTop - node.clientHeight;
    const wasPinned = state.pinned;
    const byHand = performance.now() - state.hand < RECENT;
    if (left < NEAR) {
      state.pinned = true;
    } else if (node.scrollTop < state.top - 1 && (isSteady(node) || byHand)) {
      state.pinned = false; // only a person goes back
    } else if (state.pinned) {
      settle(); // what shrank for a moment took it along
      return;
    }
    state.top = node.scrollTop;
    if (!state.pinned) {
      remember();
    }
    const [from, to] = rangeOf();
    if (wasPinned !== state.pinned || from !== state.range[0] || to !== state.range[1]) {
      draw();
    } else if (from === 0 && node.scrollTop <= node.clientHeight) {
      state.onBegin();
    }
  }

  useLayoutEffect(settle);
  const observer = useObserver(changes => {
    let news = false;
    for (const { target } of changes) {
      const { key } = (target as HTMLElement).dataset;
      news =
        (key !== undefined && heights.measure(key, (target as HTMLElement).offsetHeight)) || news;
    }
    settle();
    const [from, to] = rangeOf();
    if (news && (from < state.range[0] || to > state.range[1])) {
      draw();
    }
  });
  useEffect(() => {
    observer.observe(scroller.current!);
    observer.observe(content.current!);
  }, [observer]);
  useEffect(() => {
    const letGo = () => {
      state.hand = Math.min(state.hand, performance.now());
    };
    window.addEventListener('pointerup', letGo);
    return () => window.removeEventListener('pointerup', letGo);
  }, [state]);
  const touched = () => {
    state.hand = performance.now();
  };

  const toEnd = () => {
    state.pinned = true;
    draw();
    scroller.current?.focus({ preventScroll: true });
  };
  return (
    <div className="jp-Codecast-scrollHost">
      <div
        className="jp-Codecast-transcript"
        role="log"
        aria-live="off"
        aria-label={label}
        tabIndex={0}
        ref={scroller}
        onScroll={onScroll}
        onWheel={touched}
        onTouchMove={touched}
        onPointerDown={() => {
          state.hand = Infinity; // the bar at the side, say
        }}
        onKeyDown={event => {
          touched();
          if (event.key === 'End' && event.target === event.currentTarget) {
            toEnd();
          }
        }}
      >
        <div className="jp-Codecast-column" ref={content}>
          {before}
          <div ref={list}>
            <div style={{ height: heights.top(first) }} />
            {rows.slice(first, last).map(row => (
              <Measured
                key={row.key}
                name={row.key}
                observer={observer}
                isFound={row.key === state.found}
              >
                <RowView row={row} />
              </Measured>
            ))}
            <div style={{ height: heights.total - heights.top(last) }} />
          </div>
          {after}
        </div>
      </div>
      {!state.pinned && (
        <button type="button" className="jp-Codecast-toEnd" onClick={toEnd}>
          <caretDownIcon.react tag="span" width="16px" height="16px" />
          {trans.__('Jump to latest')}
        </button>
      )}
    </div>
  );
}

/** The row in which an event is told. */
function rowOf(rows: readonly Row[], seq: number): Row | undefined {
  const seqOf = (row: Row) => (row.kind === 'entry' ? row : row.rows[0]).entry.seq;
  return [...rows].reverse().find(row => seqOf(row) <= seq) ?? rows[0];
}

/** A row whose height is told. */
function Measured(props: {
  name: string;
  observer: ResizeObserver;
  isFound: boolean;
  children: React.ReactNode;
}): JSX.Element {
  const node = useRef<HTMLDivElement>(null);
  const { observer } = props;
  useLayoutEffect(() => {
    const row = node.current!;
    observer.observe(row);
    return () => observer.unobserve(row);
  }, [observer]);
  return (
    <div
      className="jp-Codecast-entry"
      data-key={props.name}
      data-found={props.isFound || undefined}
      ref={node}
    >
      {props.children}
    </div>
  );
}

/** One observer for as long as the component lives; it calls what was given last. */
function useObserver(changed: (changes: ResizeObserverEntry[]) => void): ResizeObserver {
  const call = useRef(changed);
  call.current = changed;
  const made = useRef<ResizeObserver | null>(null);
  made.current ??= new ResizeObserver(changes => call.current(changes));
  useEffect(() => () => made.current?.disconnect(), []);
  return made.current;
}
