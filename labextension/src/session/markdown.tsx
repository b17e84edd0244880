import { MimeModel } from '@jupyterlab/rendermime';
import { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import React, { useEffect, useRef } from 'react';

import { useCodecast } from '../ui/context';

/** Rendered text that may grow: sanitised and themed by JupyterLab, one rendering at a time. */
export function Rendered(props: { text: string; mimeType?: string }): JSX.Element {
  const { text, mimeType = 'text/markdown' } = props;
  const { rendermime } = useCodecast();
  const host = useRef<HTMLDivElement>(null);
  const renderer = useRef<IRenderMime.IRenderer | null>(null);
  const wanted = useRef(text);
  const busy = useRef(false);

  useEffect(() => {
    const made = rendermime.createRenderer(mimeType);
    renderer.current = made;
    host.current?.replaceChildren(made.node);
    MessageLoop.sendMessage(made, Widget.Msg.AfterAttach);
    return () => {
      renderer.current = null;
      made.dispose();
    };
  }, [rendermime, mimeType]);

  useEffect(() => {
    wanted.current = text;
    if (busy.current) {
      return;
    }
    busy.current = true;
    void (async () => {
      let drawn: string | null = null;
      while (renderer.current && drawn !== wanted.current) {
        drawn = wanted.current;
        await renderer.current.renderModel(new MimeModel({ data: { [mimeType]: drawn } }));
      }
      busy.current = false;
    })();
  }, [text, mimeType]);

  return <div className="jp-Codecast-rendered" ref={host} />;
}
