import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { CommandIDs } from '../commands';
import { ICodecast } from '../connection/tokens';
import { CodecastPanel } from './panel';

const NO_ARGS = { args: { type: 'object' as const, properties: {} } };

/** The side panel. */
export const panelPlugin: JupyterFrontEndPlugin<void> = {
  id: 'codecast-jupyter:panel',
  description: 'The side panel: machines and their sessions.',
  autoStart: true,
  requires: [ICodecast, IRenderMimeRegistry],
  optional: [ILayoutRestorer, ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    codecast: ICodecast,
    rendermime: IRenderMimeRegistry,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    const { commands, shell } = app;
    const { user } = app.serviceManager;
    const trans = (translator ?? nullTranslator).load('codecast_jupyter');
    const panel = new CodecastPanel({ codecast, commands, rendermime, trans, user });
    shell.add(panel, 'left', { rank: 900 });
    restorer?.add(panel, panel.id);

    commands.addCommand(CommandIDs.openPanel, {
      label: trans.__('Show Machines and Sessions'),
      describedBy: NO_ARGS,
      execute: () => shell.activateById(panel.id)
    });
    commands.addCommand(CommandIDs.newSession, {
      label: trans.__('New Session…'),
      describedBy: {
        args: {
          type: 'object',
          properties: { machine: { type: 'string', description: 'The machine to start it on' } }
        }
      },
      execute: args => {
        shell.activateById(panel.id);
        panel.startSession(typeof args.machine === 'string' ? args.machine : undefined);
      }
    });
    const category = trans.__('Codecast');
    palette?.addItem({ command: CommandIDs.openPanel, category });
    palette?.addItem({ command: CommandIDs.newSession, category });
  }
};
