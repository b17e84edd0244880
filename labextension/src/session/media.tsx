import { downloadIcon, fileIcon } from '@jupyterlab/ui-components';
import React, { useContext, useEffect, useState } from 'react';

import { IContent } from '../model/events.gen';
import { Session, useCodecast } from '../ui/context';
import { useAction } from '../ui/hooks';
import { IconButton } from '../ui/iconbutton';
import { Problem } from '../ui/problem';

/** What was sent or said beside words: images shown, files named. */
export function Media(props: { blocks: readonly IContent[] }): JSX.Element | null {
  const { blocks } = props;
  if (!blocks.length) {
    return null;
  }
  return (
    <div className="jp-Codecast-media">
      {blocks.map((block, at) =>
        isImage(block) ? <Picture key={at} block={block} /> : <FileChip key={at} block={block} />
      )}
    </div>
  );
}

export function isImage({ type, mime_type }: IContent): boolean {
  return type === 'image' || (mime_type ?? '').startsWith('image/');
}

/** Where the browser finds an image: in the block, or fetched from the machine. */
function useSource(block: IContent): { url: string; missing: boolean } {
  const { codecast } = useCodecast();
  const session = useContext(Session);
  const { data, mime_type, uri } = block;
  const [fetched, setFetched] = useState('');
  const [missing, setMissing] = useState(false);
  useEffect(() => {
    if (data || !uri) {
      return;
    }
    let url = '';
    let wanted = true;
    codecast.api.download(session, uri).then(
      file => {
        if (wanted) {
          url = URL.createObjectURL(new Blob([file], { type: mime_type }));
          setFetched(url);
        }
      },
      () => wanted && setMissing(true)
    );
    return () => {
      wanted = false;
      if (url) {
        URL.revokeObjectURL(url);
      }
    };
  }, [codecast, session, data, mime_type, uri]);
  return { url: data ? `data:${mime_type ?? 'image/png'};base64,${data}` : fetched, missing };
}

function Picture(props: { block: IContent }): JSX.Element {
  const { trans } = useCodecast();
  const { block } = props;
  const { url, missing } = useSource(block);
  const name = block.name ?? trans.__('Image');
  if (missing) {
    return <FileChip block={block} />; // not on the machine yet, or no longer
  }
  return url ? (
    <a href={url} target="_blank" rel="noreferrer" title={name}>
      <img className="jp-Codecast-picture" src={url} alt={name} />
    </a>
  ) : (
    <span className="jp-Codecast-picture jp-mod-loading" role="img" aria-label={name} />
  );
}

/** A file by its name, to be saved. */
export function FileChip(props: { block: IContent }): JSX.Element {
  const { codecast, trans } = useCodecast();
  const session = useContext(Session);
  const { busy, problem, run } = useAction();
  const { uri } = props.block;
  const name = props.block.name ?? uri ?? props.block.type;
  const save = () =>
    run(async () => {
      const url = URL.createObjectURL(await codecast.api.download(session, uri!));
      const link = document.createElement('a');
      Object.assign(link, { href: url, download: name });
      link.click();
      URL.revokeObjectURL(url);
    });
  return (
    <span className="jp-Codecast-chip">
      <fileIcon.react tag="span" width="14px" height="14px" />
      <span className="jp-Codecast-chipName" title={uri}>
        {name}
      </span>
      {uri && /^(attachment|file):/.test(uri) && (
        <IconButton
          icon={downloadIcon}
          label={trans.__('Save %1', name)}
          title={trans.__('Save')}
          size={14}
          disabled={busy}
          onClick={() => void save()}
        />
      )}
      <Problem problem={problem} />
    </span>
  );
}
