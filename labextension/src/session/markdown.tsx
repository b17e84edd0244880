import { MimeModel } from '@jupyterlab/rendermime';
import { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import React, { useEffect, useLayoutEffect, useRef } from 'react';

import { blocksOf } from '../model/blocks';
import { useCodecast } from '../ui/context';

const KEPT = 400; // drawn texts that left the page and may come back
const SHARE = 3; // a growing text is left alone so many times as long as drawing it took
const SHORTEST = 50; // milliseconds between two drawings of it
const LONGEST = 300;

/** Markdown that may grow: blocks that are finished are drawn once. */
export const Markdown = React.memo(function Markdown(props: { text: string }): JSX.Element {
  return (
    <>
      {blocksOf(props.text).map((block, at) => (
        <Rendered key={at} text={block} />
      ))}
    </>
  );
});

interface IDrawn {
  renderer: IRenderMime.IRenderer;
  text: string;
}

/** Drawings by type and text, the oldest first; each belongs to one place of the page. */
const kept = new Map<string, IDrawn>();

function keep(key: string, drawn: IDrawn): void {
  kept.get(key)?.renderer.dispose();
  kept.delete(key);
  kept.set(key, drawn);
  if (kept.size > KEPT) {
    const [oldest, { renderer }] = [...kept.entries()][0];
    renderer.dispose();
    kept.delete(oldest);
  }
}

/** A text, sanitised and themed by JupyterLab; while it grows, one drawing at a time. */
export const Rendered = React.memo(function Rendered(props: {
  text: string;
  mimeType?: string;
}): JSX.Element {
  const { text, mimeType = 'text/markdown' } = props;
  const { rendermime } = useCodecast();
  const host = useRef<HTMLDivElement>(null);
  const drawn = useRef<IDrawn | null>(null);
  const wanted = useRef(text);
  const busy = useRef(false);
  wanted.current = text;

  useLayoutEffect(() => {
    const key = `${mimeType}\n${wanted.current}`;
    let mine = kept.get(key) ?? null;
    if (mine) {
      kept.delete(key);
    } else {
      mine = { renderer: rendermime.createRenderer(mimeType), text: '' };
    }
    drawn.current = mine;
    host.current!.replaceChildren(mine.renderer.node);
    MessageLoop.sendMessage(mine.renderer, Widget.Msg.AfterAttach);
    return () => {
      drawn.current = null;
      // the page has let go of it already: said so, it can be disposed
      MessageLoop.sendMessage(mine.renderer, Widget.Msg.BeforeDetach);
      MessageLoop.sendMessage(mine.renderer, Widget.Msg.AfterDetach);
      if (mine.text) {
        keep(`${mimeType}\n${mine.text}`, mine);
      } else {
        mine.renderer.dispose();
      }
    };
  }, [rendermime, mimeType]);

  useEffect(() => {
    if (busy.current || drawn.current?.text === text) {
      return;
    }
    busy.current = true;
    void (async () => {
      let mine = drawn.current;
      while (mine && mine === drawn.current && mine.text !== wanted.current) {
        const next = wanted.current;
        const begin = performance.now();
        mine.text = '';
        await mine.renderer.renderModel(new MimeModel({ data: { [mimeType]: next } }));
        mine.text = next;
        const wait = Math.max(SHORTEST, SHARE * (performance.now() - begin));
        await new Promise(done => setTimeout(done, Math.min(LONGEST, wait)));
        mine = drawn.current;
      }
      busy.current = false;
    })();
  }, [text, mimeType]);

  return <div className="jp-Codecast-rendered" ref={host} />;
});
