import {
  checkIcon,
  closeIcon,
  codeIcon,
  deleteIcon,
  editIcon,
  fileIcon,
  LabIcon,
  launchIcon,
  moveDownIcon,
  searchIcon,
  settingsIcon,
  terminalIcon
} from '@jupyterlab/ui-components';
import React, { useState } from 'react';

import { Entry, IRequestEntry, IToolEntry } from '../model/entries';
import { IToolContent } from '../model/events.gen';
import { linesOf } from '../model/patch';
import { isBusy } from '../model/rows';
import { useCodecast } from '../ui/context';
import { toolStatusWord } from '../ui/words';
import { Counts, Diff, PathLink } from './diff';
import { EntryView } from './entries';
import { Rendered } from './markdown';
import { useOpened } from './opened';
import { Answer } from './answer';
import { span, Timer } from './time';

const ICONS: { [kind: string]: LabIcon } = {
  read: fileIcon,
  edit: editIcon,
  delete: deleteIcon,
  move: moveDownIcon,
  search: searchIcon,
  execute: terminalIcon,
  fetch: launchIcon,
  think: codeIcon
};
const LIVE_LINES = 5; // of the output of what runs
const SHOWN = 20000; // characters of an output, until the person wants all

export function toolIcon(kind: string | undefined): LabIcon {
  return ICONS[kind ?? ''] ?? settingsIcon;
}

/** A tool call as a line that opens; what a sub-agent did is inside. */
export const Tool = React.memo(function Tool(props: {
  entry: IToolEntry;
  children?: readonly Entry[];
  requests?: readonly IRequestEntry[];
}): JSX.Element {
  const { entry } = props;
  const { children = [], requests = [] } = props;
  // while a card shows it, the line does
  const asked = requests.some(({ outcome }) => outcome === 'open');
  const { trans } = useCodecast();
  const content = entry.content ?? [];
  const diffs = content.filter(({ type }) => type === 'diff');
  const busy = isBusy(entry);
  const [open, setOpen] = useOpened(
    entry.key,
    diffs.length > 0 && entry.status !== 'failed' && !asked
  );
  const hasMore =
    content.length > 0 || entry.output || entry.input !== undefined || children.length > 0;
  const Icon = toolIcon(entry.toolKind);
  const took = entry.until - entry.time;
  const status = entry.status ?? 'pending';
  const line = (
    <>
      <Icon.react tag="span" className="jp-Codecast-toolIcon" width="14px" height="14px" />
      <span className="jp-Codecast-toolTitle" title={entry.title}>
        {entry.title ?? entry.call}
      </span>
      {requests.map(request => (
        <Answer key={request.key} entry={request} />
      ))}
      {children.length > 0 && (
        <small>{trans._n('%1 step', '%1 steps', children.length, children.length)}</small>
      )}
      {diffs.length > 0 && <Counts lines={diffs.flatMap(({ diff }) => linesOf(diff ?? ''))} />}
      {busy ? (
        <small>
          <Timer since={entry.time} />
        </small>
      ) : (
        took >= 1 && <small>{span(took)}</small>
      )}
      <Mark status={status} />
    </>
  );
  const data = { 'data-status': status, 'data-kind': entry.toolKind, 'data-call': entry.call };
  if (!hasMore) {
    return (
      <div className="jp-Codecast-tool" {...data}>
        <div className="jp-Codecast-toolLine">{line}</div>
      </div>
    );
  }
  return (
    <>
      <details
        className="jp-Codecast-tool"
        open={open}
        onToggle={event => setOpen(event.currentTarget.open)}
        {...data}
      >
        <summary className="jp-Codecast-toolLine">{line}</summary>
        {open && <Inside entry={entry} hasDiff={diffs.length > 0} children={children} />}
      </details>
      {!open && busy && entry.output && <Live output={entry.output} />}
    </>
  );
});

/** How a tool call stands, by form and colour and words. */
function Mark(props: { status: string }): JSX.Element {
  const { trans } = useCodecast();
  const { status } = props;
  const word = toolStatusWord(status, trans);
  const Icon = status === 'completed' ? checkIcon : status === 'failed' ? closeIcon : null;
  return (
    <span
      className="jp-Codecast-mark"
      data-status={status}
      role="img"
      aria-label={word}
      title={word}
    >
      {Icon ? (
        <Icon.react tag="span" width="14px" height="14px" />
      ) : (
        <span className="jp-Codecast-dot" data-status={status} />
      )}
    </span>
  );
}

function Inside(props: {
  entry: IToolEntry;
  hasDiff: boolean;
  children: readonly Entry[];
}): JSX.Element {
  const { entry, hasDiff, children } = props;
  const { trans } = useCodecast();
  const named = (entry.content ?? []).some(({ path }) => path);
  return (
    <div className="jp-Codecast-inside">
      {!named && entry.locations && entry.locations.length > 0 && (
        <div className="jp-Codecast-places">
          {entry.locations.map(({ path, line }, at) => (
            <PathLink key={at} path={path} line={line} />
          ))}
        </div>
      )}
      <Details content={entry.content} input={hasDiff ? undefined : entry.input} />
      {entry.output && <Output output={entry.output} />}
      {children.length > 0 && (
        <div className="jp-Codecast-children" role="group" aria-label={trans.__('Sub-agent')}>
          {children.map(child => (
            <EntryView key={child.key} entry={child} />
          ))}
        </div>
      )}
    </div>
  );
}

/** The last lines of what still runs. */
function Live(props: { output: string }): JSX.Element {
  const tail = props.output.slice(-4000).trimEnd().split('\n').slice(-LIVE_LINES).join('\n');
  return (
    <div className="jp-Codecast-live">
      <Rendered mimeType="application/vnd.jupyter.stdout" text={tail} />
    </div>
  );
}

/** All that a command has said; of much, its end. */
function Output(props: { output: string }): JSX.Element {
  const { trans } = useCodecast();
  const [all, setAll] = useState(false);
  const { output } = props;
  const cut = !all && output.length > SHOWN;
  return (
    <>
      {cut && (
        <button type="button" className="jp-Codecast-link" onClick={() => setAll(true)}>
          {trans.__('Show all of it (%1 kB)', Math.round(output.length / 1024))}
        </button>
      )}
      <Rendered
        mimeType="application/vnd.jupyter.stdout"
        text={cut ? output.slice(-SHOWN) : output}
      />
    </>
  );
}

/** What a tool call or a request shows: diffs, texts, and else its input. */
export function Details(props: { content?: IToolContent[]; input?: unknown }): JSX.Element {
  const content = props.content ?? [];
  return (
    <div className="jp-Codecast-blocks">
      {props.input !== undefined && props.input !== null && <Input input={props.input} />}
      {content.map((block, index) =>
        block.type === 'diff' ? (
          <Diff key={index} path={block.path} diff={block.diff ?? ''} />
        ) : (
          block.text && <Text key={index} text={block.text} />
        )
      )}
    </div>
  );
}

function Text(props: { text: string }): JSX.Element {
  const { trans } = useCodecast();
  const [all, setAll] = useState(false);
  const cut = !all && props.text.length > SHOWN;
  return (
    <>
      <pre className="jp-Codecast-detail" tabIndex={0}>
        {cut ? props.text.slice(0, SHOWN) : props.text}
      </pre>
      {cut && (
        <button type="button" className="jp-Codecast-link" onClick={() => setAll(true)}>
          {trans.__('Show all of it (%1 kB)', Math.round(props.text.length / 1024))}
        </button>
      )}
    </>
  );
}

/** A command as it is; anything else field by field. */
function Input(props: { input: unknown }): JSX.Element {
  const { input } = props;
  const command = (input as { command?: unknown } | null)?.command;
  const parts = Array.isArray(command) ? command.map(String) : [];
  const text =
    typeof command === 'string'
      ? command
      : parts.length
        ? parts.join(' ')
        : typeof input === 'string'
          ? input
          : fields(input);
  return (
    <pre className="jp-Codecast-detail jp-mod-input" tabIndex={0}>
      {text}
    </pre>
  );
}

function fields(input: unknown): string {
  if (input === null || typeof input !== 'object' || Array.isArray(input)) {
    return JSON.stringify(input, undefined, 2);
  }
  return Object.entries(input)
    .map(([name, value]) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      return text.includes('\n') ? `${name}:\n${text}` : `${name}: ${text}`;
    })
    .join('\n');
}
