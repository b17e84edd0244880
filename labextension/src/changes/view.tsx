import { refreshIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { CommandIDs } from '../commands';
import { IChange } from '../connection/types';
import { countsOf, linesOf } from '../model/patch';
import { Diff } from '../session/diff';
import { Directory, Session, useCodecast } from '../ui/context';
import { useSignal } from '../ui/hooks';
import { IconButton } from '../ui/iconbutton';
import { Problem } from '../ui/problem';
import { bodyOf, ChangesModel } from './model';

const MARKS: { [kind: string]: string } = {
  changed: 'M',
  added: 'A',
  deleted: 'D',
  renamed: 'R',
  untracked: 'U',
  conflict: '!'
};

/** The files that differ from the last commit, and how the chosen one does. */
export function ChangesView(props: { model: ChangesModel }): JSX.Element {
  const { model } = props;
  const { codecast, trans } = useCodecast();
  useSignal(model.changed);
  const { changes, problem } = model;
  const session = codecast.hub.sessions.get(model.session);
  return (
    <Session.Provider value={model.session}>
      <Directory.Provider value={session?.cwd ?? ''}>
        <header className="jp-Codecast-changesHead">
          <h2>{session?.name ?? model.session}</h2>
          {changes?.branch && <span className="jp-Codecast-tag">{changes.branch}</span>}
          <small role="status">{summary(model, trans)}</small>
          <IconButton
            icon={refreshIcon}
            label={trans.__('Look again')}
            disabled={model.isLooking}
            onClick={() => void model.refresh()}
          />
        </header>
        <Problem problem={problem} />
        {changes && !changes.files.length && (
          <div className="jp-Codecast-empty">
            {changes.repository
              ? trans.__('Nothing differs from the last commit.')
              : trans.__('%1 is in no git repository.', session?.cwd ?? '')}
          </div>
        )}
        {changes && changes.files.length > 0 && (
          <div className="jp-Codecast-changesBody">
            <ul className="jp-Codecast-changesFiles" aria-label={trans.__('Changed files')}>
              {changes.files.map(file => (
                <File key={file.path} file={file} model={model} />
              ))}
            </ul>
            <Difference model={model} />
          </div>
        )}
      </Directory.Provider>
    </Session.Provider>
  );
}

function File(props: { file: IChange; model: ChangesModel }): JSX.Element {
  const { file, model } = props;
  const { trans } = useCodecast();
  const kinds: { [kind: string]: string } = {
    changed: trans.__('changed'),
    added: trans.__('added'),
    deleted: trans.__('deleted'),
    renamed: trans.__('renamed from %1', file.from ?? ''),
    untracked: trans.__('untracked'),
    conflict: trans.__('in conflict')
  };
  const cut = file.path.lastIndexOf('/') + 1;
  return (
    <li>
      <button
        data-kind={file.kind}
        aria-current={file.path === model.chosen}
        title={`${file.path}: ${kinds[file.kind]}`}
        onClick={() => void model.choose(file)}
      >
        <span className="jp-Codecast-kind" aria-label={kinds[file.kind]} role="img">
          {MARKS[file.kind]}
        </span>
        <span className="jp-Codecast-file">
          <span>{file.path.slice(cut)}</span> <small>{file.path.slice(0, cut)}</small>
        </span>
        {!!file.added && <span className="jp-mod-added">+{file.added}</span>}
        {!!file.removed && <span className="jp-mod-removed">−{file.removed}</span>}
      </button>
    </li>
  );
}

function Difference(props: { model: ChangesModel }): JSX.Element {
  const { model } = props;
  const { commands, trans } = useCodecast();
  const { chosen, difference } = model;
  const body = difference ? bodyOf(difference.diff) : '';
  const file = model.changes?.files.find(({ path }) => path === chosen);
  const open = () =>
    void commands.execute(CommandIDs.openFile, { session: model.session, path: chosen });
  return (
    <section
      className="jp-Codecast-changesDiff"
      aria-label={chosen ?? ''}
      data-added={!countsOf(linesOf(body)).removed || undefined}
    >
      <div className="jp-Codecast-changesFile">
        <code>{chosen}</code>
        {file && file.kind !== 'deleted' && (
          <button className="jp-Codecast-link" onClick={open}>
            {trans.__('Open in the Editor')}
          </button>
        )}
      </div>
      <Problem problem={model.diffProblem} />
      {!difference && !model.diffProblem && <small>{trans.__('Looking…')}</small>}
      {difference?.binary && <p>{trans.__('A binary file.')}</p>}
      {body && <Diff diff={body} path={chosen ?? ''} />}
      {difference && !body && !difference.binary && <p>{trans.__('No line differs.')}</p>}
      {difference?.cut && <p>{trans.__('The rest is left out: it is very long.')}</p>}
    </section>
  );
}

function summary(model: ChangesModel, trans: ReturnType<typeof useCodecast>['trans']): string {
  const { changes } = model;
  if (!changes) {
    return model.isLooking ? trans.__('Looking…') : '';
  }
  const sum = (key: 'added' | 'removed') =>
    changes.files.reduce((sum, file) => sum + (file[key] ?? 0), 0);
  const count = changes.files.length + (changes.left_out ?? 0);
  return count
    ? `${trans._n('%1 file', '%1 files', count, count)} · +${sum('added')} −${sum('removed')}`
    : '';
}
