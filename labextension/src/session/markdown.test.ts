import { ReactWidget } from '@jupyterlab/apputils';
import { Widget } from '@lumino/widgets';
import { createElement } from 'react';
import { expect, it, vi } from 'vitest';

import { Context } from '../ui/context';
import { FakeServer, show } from '../ui/testing';
import { Rendered } from './markdown';

it('lets go of equal texts, drawn or not, without a word', async () => {
  const server = new FakeServer();
  const { rendermime } = server.context;
  const made: any[] = [];
  rendermime.addFactory({
    safe: true,
    mimeTypes: ['text/markdown'],
    createRenderer: () => {
      const renderer: any = new Widget();
      renderer.renderModel = async ({ data }: any) => {
        renderer.node.textContent = data['text/markdown'];
      };
      made.push(renderer);
      return renderer;
    }
  });
  const texts = ['same', 'same', 'same'];
  const widget = show(
    ReactWidget.create(
      createElement(() =>
        createElement(
          Context.Provider,
          { value: server.context },
          texts.map((text, key) => createElement(Rendered, { key, text }))
        )
      )
    )
  );
  await vi.waitFor(() => expect(made.length).toBe(3));
  await vi.waitFor(() => expect(widget.node.textContent).toBe('samesamesame'));
  widget.dispose();
  await vi.waitFor(() => expect(made.filter(({ isDisposed }) => isDisposed).length).toBe(2));
});
