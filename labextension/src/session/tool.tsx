import {
  codeIcon,
  deleteIcon,
  editIcon,
  fileIcon,
  LabIcon,
  launchIcon,
  searchIcon,
  settingsIcon,
  terminalIcon
} from '@jupyterlab/ui-components';
import React from 'react';

import { IToolContent } from '../model/events.gen';
import { IToolEntry } from '../model/transcript';
import { Diff } from './diff';
import { Rendered } from './markdown';

const ICONS: { [kind: string]: LabIcon } = {
  read: fileIcon,
  edit: editIcon,
  delete: deleteIcon,
  move: fileIcon,
  search: searchIcon,
  execute: terminalIcon,
  fetch: launchIcon,
  think: codeIcon
};

/** A tool call as a line that opens. */
export const Tool = React.memo(function Tool(props: { entry: IToolEntry }): JSX.Element {
  const { entry } = props;
  const Icon = ICONS[entry.toolKind ?? ''] ?? settingsIcon;
  const hasMore = (entry.content?.length ?? 0) > 0 || entry.output || entry.input !== undefined;
  const line = (
    <>
      <Icon.react tag="span" className="jp-Codecast-toolIcon" width="14px" height="14px" />
      <span className="jp-Codecast-toolTitle">{entry.title}</span>
      <span className="jp-Codecast-dot" data-status={entry.status} title={entry.status} />
    </>
  );
  const className = `jp-Codecast-tool${entry.parent ? ' jp-mod-nested' : ''}`;
  if (!hasMore) {
    return (
      <div className={className} data-status={entry.status}>
        <div className="jp-Codecast-toolLine">{line}</div>
      </div>
    );
  }
  const isDiff = (entry.content ?? []).some(block => block.type === 'diff');
  return (
    <details
      className={className}
      data-status={entry.status}
      open={isDiff && entry.status !== 'pending'}
    >
      <summary className="jp-Codecast-toolLine">{line}</summary>
      <Details content={entry.content} input={isDiff ? undefined : entry.input} />
      {entry.output && <Rendered mimeType="application/vnd.jupyter.stdout" text={entry.output} />}
    </details>
  );
});

/** What a tool call or a request shows: diffs, texts, and else its input. */
export function Details(props: { content?: IToolContent[]; input?: unknown }): JSX.Element {
  const content = props.content ?? [];
  return (
    <div className="jp-Codecast-details">
      {props.input !== undefined && props.input !== null && <Input input={props.input} />}
      {content.map((block, index) =>
        block.type === 'diff' ? (
          <Diff key={index} path={block.path} diff={block.diff ?? ''} />
        ) : (
          <pre key={index} className="jp-Codecast-detail">
            {block.text}
          </pre>
        )
      )}
    </div>
  );
}

/** A command as it is; anything else as JSON. */
function Input(props: { input: unknown }): JSX.Element {
  const { input } = props;
  const command = (input as { command?: unknown }).command;
  const text = typeof command === 'string' ? command : JSON.stringify(input, undefined, 2);
  return <pre className="jp-Codecast-detail jp-mod-input">{text}</pre>;
}
