import { JupyterFrontEnd } from '@jupyterlab/application';
import { WidgetTracker } from '@jupyterlab/apputils';
import { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';
import { beforeEach, expect, it, vi } from 'vitest';

import { Beside } from './beside';

beforeEach(() => sessionStorage.clear());

/** A page of Notebook 7 at an address, with what was open in it. */
async function page(path: string, broken = '') {
  const open: Widget[] = [];
  const commands = new CommandRegistry();
  const tracker = new WidgetTracker<Widget>({ namespace: 'test' });
  const show = (id: string) => {
    const widget = new Widget();
    widget.id = id;
    open.forEach(other => other.hide());
    open.push(widget);
    Widget.attach(widget, document.body);
    widget.disposed.connect(() => open.splice(open.indexOf(widget), 1));
    return tracker.add(widget).then(() => widget);
  };
  commands.addCommand('show', {
    describedBy: { args: { type: 'object', properties: { id: { type: 'string' } } } },
    execute: ({ id }) => (id === broken ? Promise.reject(new Error('gone')) : show(String(id)))
  });
  const collapseRight = vi.fn();
  const shell = { widgets: () => open, collapseRight };
  const app = { commands, shell, restored: Promise.resolve() } as unknown as JupyterFrontEnd;
  const again = {
    command: 'show',
    args: ({ id }: Widget) => ({ id }),
    name: ({ id }: Widget) => id
  };
  new Beside(app, path).restore(tracker, again);
  const ids = () => open.map(({ id }) => id);
  await new Promise(done => setTimeout(done, 0));
  const leave = () => {
    window.dispatchEvent(new Event('pagehide'));
    // the listeners of a page go with it, its elements too
    open.splice(0).forEach(widget => Widget.detach(widget));
  };
  return { open, ids, show, leave, collapseRight };
}

it('puts back what stood beside the document, what was seen in front', async () => {
  const first = await page('/tree');
  const [a] = [await first.show('a'), await first.show('b'), await first.show('c')];
  (await first.show('d')).dispose();
  first.open.forEach(widget => widget.hide());
  a.show();
  first.leave();
  const again = await page('/tree', 'c');
  expect(again.ids()).toEqual(['b', 'a']); // one that fails keeps no other from coming
  expect(again.collapseRight).not.toHaveBeenCalled();
  expect((await page('/notebooks/x.ipynb')).ids()).toEqual([]);
});

it('leaves the side closed that was closed', async () => {
  const first = await page('/tree');
  (await first.show('a')).hide();
  first.leave();
  const again = await page('/tree');
  expect(again.ids()).toEqual(['a']);
  expect(again.collapseRight).toHaveBeenCalledOnce();
});

it('begins with nothing where what was kept cannot be read', async () => {
  sessionStorage.setItem('codecast-beside:/tree', '{');
  expect((await page('/tree')).ids()).toEqual([]);
});
