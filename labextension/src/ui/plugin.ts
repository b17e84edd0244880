import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin,
  LabShell
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IEditorLanguageRegistry } from '@jupyterlab/codemirror';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { ICodecast } from '../connection/tokens';
import { Beside } from './beside';
import { IFront, sessionOf } from './front';

/** The ground on which every plugin with something to show stands. */
export const frontPlugin: JupyterFrontEndPlugin<IFront> = {
  id: 'codecast-jupyter:front',
  description: 'Gathers what the plugins of Codecast need of the application.',
  autoStart: true,
  provides: IFront,
  requires: [ICodecast, IRenderMimeRegistry],
  optional: [ILayoutRestorer, ICommandPalette, ITranslator, IEditorLanguageRegistry],
  activate: (
    app: JupyterFrontEnd,
    codecast: ICodecast,
    rendermime: IRenderMimeRegistry,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null,
    languages: IEditorLanguageRegistry | null
  ): IFront => {
    const { commands, shell } = app;
    const { user } = app.serviceManager;
    const trans = (translator ?? nullTranslator).load('codecast_jupyter');
    const category = trans.__('Codecast');
    const area = shell instanceof LabShell ? 'main' : 'right';
    const beside = restorer ? null : new Beside(app);
    return {
      context: { codecast, commands, rendermime, trans, user, languages },
      restorer,
      restore: (tracker, again) => {
        void restorer?.restore(tracker, again);
        beside?.restore(tracker, again);
      },
      list: (...listed) => listed.forEach(command => palette?.addItem({ command, category })),
      show: (widget, tracker, options) => {
        widget.title.closable = true;
        void tracker.add(widget);
        shell.add(widget, area, options);
        shell.activateById(widget.id);
      },
      inFront: () => {
        const right = area === 'right' ? [...shell.widgets('right')] : [];
        const seen = [shell.currentWidget, ...right.filter(({ isVisible }) => isVisible)];
        return seen.map(sessionOf).find(Boolean);
      }
    };
  }
};
