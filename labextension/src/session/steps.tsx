import React from 'react';

import { TranslationBundle } from '@jupyterlab/translation';

import { Entry, IToolEntry } from '../model/entries';
import { IEntryRow, IStepsRow, isBusy, Row } from '../model/rows';
import { useCodecast } from '../ui/context';
import { EntryView } from './entries';
import { useOpened } from './opened';
import { span, Timer } from './time';
import { toolIcon } from './tool';

/** A row of the transcript. */
export const RowView = React.memo(function RowView(props: { row: Row }): JSX.Element | null {
  const { row } = props;
  return row.kind === 'steps' ? <Steps row={row} /> : <EntryRow row={row} />;
});

function EntryRow(props: { row: IEntryRow }): JSX.Element {
  const { entry, children, requests } = props.row;
  return <EntryView entry={entry} children={children} requests={requests} />;
}

/** Many steps as one line that opens. */
function Steps(props: { row: IStepsRow }): JSX.Element {
  const { row } = props;
  const { trans } = useCodecast();
  const [open, setOpen] = useOpened(row.key, false);
  const calls = row.rows.map(({ entry }) => entry).filter(isTool);
  const failed = calls.filter(({ status }) => status === 'failed').length;
  const now = row.until === null ? calls.filter(isBusy).pop() : undefined;
  const Icon = toolIcon(now?.toolKind ?? calls[0]?.toolKind);
  const working = row.until === null;
  return (
    <details
      className="jp-Codecast-tool jp-Codecast-steps"
      open={open}
      data-status={working ? 'in_progress' : 'completed'}
      onToggle={event => setOpen(event.currentTarget.open)}
    >
      <summary className="jp-Codecast-toolLine">
        <Icon.react tag="span" className="jp-Codecast-toolIcon" width="14px" height="14px" />
        <span className="jp-Codecast-stepsTitle">
          {working && (
            <b>
              {trans.__('Working')} <Timer since={row.since} />
            </b>
          )}
          {summary(calls, row.rows, trans)}
          {now && <code>{now.title}</code>}
        </span>
        {failed > 0 && (
          <small className="jp-mod-error">
            {trans._n('%1 failed', '%1 failed', failed, failed)}
          </small>
        )}
        {row.until !== null && row.until - row.since >= 1 && (
          <small>{span(row.until - row.since)}</small>
        )}
      </summary>
      {open && (
        <div className="jp-Codecast-children">
          {row.rows.map(inner => (
            <EntryRow key={inner.key} row={inner} />
          ))}
        </div>
      )}
    </details>
  );
}

function isTool(entry: Entry): entry is IToolEntry {
  return entry.kind === 'tool';
}

/** What was done, in numbers: "2 files read, 1 command run". */
function summary(
  calls: readonly IToolEntry[],
  rows: readonly IEntryRow[],
  trans: TranslationBundle
): string {
  const counts = new Map<string, number>();
  for (const { toolKind } of calls) {
    const kind = ['read', 'edit', 'execute', 'search', 'fetch'].includes(toolKind ?? '')
      ? toolKind!
      : 'other';
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const told = [...counts].map(([kind, count]) => {
    switch (kind) {
      case 'read':
        return trans._n('%1 file read', '%1 files read', count, count);
      case 'edit':
        return trans._n('%1 edit', '%1 edits', count, count);
      case 'execute':
        return trans._n('%1 command run', '%1 commands run', count, count);
      case 'search':
        return trans._n('%1 search', '%1 searches', count, count);
      case 'fetch':
        return trans._n('%1 page fetched', '%1 pages fetched', count, count);
      default:
        return trans._n('%1 other step', '%1 other steps', count, count);
    }
  });
  const thoughts = rows.filter(({ entry }) => entry.kind === 'thought').length;
  if (thoughts && !told.length) {
    told.push(trans._n('%1 thought', '%1 thoughts', thoughts, thoughts));
  }
  return told.join(', ');
}
