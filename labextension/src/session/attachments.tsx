import { closeIcon, fileIcon, imageIcon } from '@jupyterlab/ui-components';
import React, { useState } from 'react';

import { CodecastError } from '../connection/api';
import { IContent, IProblem } from '../model/events.gen';
import { useCodecast } from '../ui/context';
import { IconButton } from '../ui/iconbutton';
import { isImage } from './media';

/** Files that are being brought to the server. */
export interface IBringing {
  names: readonly string[];
  problem: IProblem | null;
  bring(files: Iterable<File>): void;
  clear(): void;
}

/** @param arrived - gets the block of each file that has arrived */
export function useBringing(session: string, arrived: (block: IContent) => void): IBringing {
  const { codecast } = useCodecast();
  const [names, setNames] = useState<readonly string[]>([]);
  const [problem, setProblem] = useState<IProblem | null>(null);
  const bringOne = async (file: File) => {
    const name = file.name || 'pasted';
    setNames(names => [...names, name]);
    try {
      arrived(await codecast.api.attach(session, name, file));
    } catch (error) {
      setProblem(CodecastError.problem(error));
    }
    setNames(names => {
      const at = names.indexOf(name);
      return names.filter((_, other) => other !== at);
    });
  };
  return {
    names,
    problem,
    bring: files => {
      setProblem(null);
      [...files].forEach(file => void bringOne(file));
    },
    clear: () => setProblem(null)
  };
}

/** The files of a draft, and those on their way to it. */
export function Attachments(props: {
  files: readonly IContent[];
  coming: readonly string[];
  remove: (at: number) => void;
}): JSX.Element | null {
  const { trans } = useCodecast();
  const { files, coming } = props;
  if (!files.length && !coming.length) {
    return null;
  }
  return (
    <ul className="jp-Codecast-media" aria-label={trans.__('Attached files')}>
      {files.map((block, at) => {
        const Icon = isImage(block) ? imageIcon : fileIcon;
        const name = block.name ?? block.uri ?? block.type;
        return (
          <li key={at} className="jp-Codecast-chip">
            <Icon.react tag="span" width="14px" height="14px" />
            <span className="jp-Codecast-chipName">{name}</span>
            <IconButton
              icon={closeIcon}
              label={trans.__('Remove %1', name)}
              size={12}
              onClick={() => props.remove(at)}
            />
          </li>
        );
      })}
      {coming.map((name, at) => (
        <li key={`coming ${at}`} className="jp-Codecast-chip jp-mod-coming">
          <span className="jp-Codecast-dot" data-status="in_progress" />
          <span className="jp-Codecast-chipName">{name}</span>
        </li>
      ))}
    </ul>
  );
}
