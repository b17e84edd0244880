import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ReactWidget } from '@jupyterlab/apputils';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { createElement } from 'react';

import { ICodecast } from '../connection/tokens';
import { Context, IContext } from '../ui/context';
import { StatusItem } from './item';

class Status extends ReactWidget {
  constructor(private _context: IContext) {
    super();
    this.addClass('jp-Codecast-statusItem');
  }

  protected override render(): JSX.Element {
    return createElement(Context.Provider, { value: this._context }, createElement(StatusItem));
  }
}

/** How many sessions run and wait, in the status bar. */
export const statusPlugin: JupyterFrontEndPlugin<void> = {
  id: 'codecast-jupyter:status',
  description: 'Tells in the status bar how many sessions run and wait.',
  autoStart: true,
  requires: [ICodecast, IRenderMimeRegistry],
  optional: [IStatusBar, ITranslator], // Notebook 7 has no status bar
  activate: (
    app: JupyterFrontEnd,
    codecast: ICodecast,
    rendermime: IRenderMimeRegistry,
    statusBar: IStatusBar | null,
    translator: ITranslator | null
  ) => {
    const { commands } = app;
    const { user } = app.serviceManager;
    const trans = (translator ?? nullTranslator).load('codecast_jupyter');
    statusBar?.registerStatusItem('codecast-jupyter:status', {
      align: 'left',
      rank: 4,
      item: new Status({ codecast, commands, rendermime, trans, user })
    });
  }
};
