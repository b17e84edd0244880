import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { createElement } from 'react';

import { CommandIDs } from '../commands';
import { IFront, NO_ARGS } from '../ui/front';
import { Overlay } from '../ui/overlay';
import { Finding } from './finding';
import { SearchBox } from './search';

/** Search over all sessions of all machines. */
export const searchPlugin: JupyterFrontEndPlugin<void> = {
  id: 'codecast-jupyter:search',
  description: 'Searches the words of all sessions.',
  autoStart: true,
  requires: [IFront],
  activate: (app: JupyterFrontEnd, front: IFront) => {
    const { context } = front;
    const { codecast, commands, trans } = context;
    const finding = new Finding(codecast.api); // its words are there when one comes back
    commands.addCommand(CommandIDs.search, {
      label: trans.__('Search Everything That Was Said…'),
      describedBy: NO_ARGS,
      execute: () =>
        Overlay.open(context, trans.__('Search everything that was said'), 'search', close =>
          createElement(SearchBox, { finding, close })
        )
    });
    front.list(CommandIDs.search);
  }
};
