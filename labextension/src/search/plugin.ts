import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { createElement } from 'react';

import { CommandIDs } from '../commands';
import { ICodecast } from '../connection/tokens';
import { NO_ARGS } from '../ui/front';
import { Overlay } from '../ui/overlay';
import { Finding } from './finding';
import { SearchBox } from './search';

/** Search over all sessions of all machines. */
export const searchPlugin: JupyterFrontEndPlugin<void> = {
  id: 'codecast-jupyter:search',
  description: 'Searches the words of all sessions.',
  autoStart: true,
  requires: [ICodecast, IRenderMimeRegistry],
  optional: [ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    codecast: ICodecast,
    rendermime: IRenderMimeRegistry,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    const { commands } = app;
    const { user } = app.serviceManager;
    const trans = (translator ?? nullTranslator).load('codecast_jupyter');
    const context = { codecast, commands, rendermime, trans, user };
    const finding = new Finding(codecast.api); // its words are there when one comes back
    commands.addCommand(CommandIDs.search, {
      label: trans.__('Search Everything That Was Said…'),
      describedBy: NO_ARGS,
      execute: () =>
        Overlay.open(context, trans.__('Search everything that was said'), 'search', close =>
          createElement(SearchBox, { finding, close })
        )
    });
    palette?.addItem({ command: CommandIDs.search, category: trans.__('Codecast') });
  }
};
