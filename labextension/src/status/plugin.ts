import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ReactWidget } from '@jupyterlab/apputils';
import { IStatusBar } from '@jupyterlab/statusbar';
import { createElement } from 'react';

import { Context, IContext } from '../ui/context';
import { IFront } from '../ui/front';
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
  requires: [IFront],
  optional: [IStatusBar], // Notebook 7 has no status bar
  activate: (app: JupyterFrontEnd, front: IFront, statusBar: IStatusBar | null) => {
    statusBar?.registerStatusItem('codecast-jupyter:status', {
      align: 'left',
      rank: 4,
      item: new Status(front.context)
    });
  }
};
