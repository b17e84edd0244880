import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin,
  LabShell
} from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { IEditorLanguageRegistry } from '@jupyterlab/codemirror';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Token } from '@lumino/coreutils';
import { Widget } from '@lumino/widgets';

import { ICodecast } from '../connection/tokens';
import { IContext } from './context';
import { sessionOf } from './front';

/** What our plugins need of the application around them. */
export interface IFront {
  readonly context: IContext;
  /** Puts things back after a reload, where the application does that. */
  readonly restorer: ILayoutRestorer | null;
  /** Names commands in the palette. */
  list(...commands: string[]): void;
  /**
   * Shows a widget in the main area. Where that has room for one document only, as in Notebook 7,
   * it goes to the right of it.
   */
  show<T extends Widget>(
    widget: MainAreaWidget<T>,
    tracker: WidgetTracker<MainAreaWidget<T>>,
    options?: Parameters<JupyterFrontEnd.IShell['add']>[2]
  ): void;
  /** The session in front: the one that a command without an id is about. */
  inFront(): string | undefined;
}

export const IFront = new Token<IFront>(
  'codecast-jupyter:IFront',
  'The application around our plugins: what components need, palette, layout.'
);

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
    return {
      context: { codecast, commands, rendermime, trans, user, languages },
      restorer,
      list: (...listed) => listed.forEach(command => palette?.addItem({ command, category })),
      show: (widget, tracker, options) => {
        widget.title.closable = true;
        void tracker.add(widget);
        shell.add(widget, area, options);
        shell.activateById(widget.id);
      },
      inFront: () => {
        const beside = area === 'right' ? [...shell.widgets('right')] : [];
        const seen = [shell.currentWidget, ...beside.filter(({ isVisible }) => isVisible)];
        return seen.map(sessionOf).find(Boolean);
      }
    };
  }
};
