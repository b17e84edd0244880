import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget, ReactWidget, WidgetTracker } from '@jupyterlab/apputils';
import { IEditorLanguageRegistry } from '@jupyterlab/codemirror';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { createElement } from 'react';

import { CommandIDs } from '../commands';
import { ICodecast } from '../connection/tokens';
import { Context, IContext } from '../ui/context';
import { SESSION_ARGS, targetOf } from '../ui/front';
import { codecastIcon } from '../ui/icon';
import { ChangesModel } from './model';
import { ChangesView } from './view';

class ChangesWidget extends ReactWidget {
  constructor(
    readonly session: string,
    private _context: IContext
  ) {
    super();
    const { codecast } = _context;
    this._model = new ChangesModel(session, codecast.hub, codecast.api);
    this.addClass('jp-Codecast-changes');
  }

  override dispose(): void {
    this._model.dispose();
    super.dispose();
  }

  protected override render(): JSX.Element {
    return createElement(
      Context.Provider,
      { value: this._context },
      createElement(ChangesView, { model: this._model })
    );
  }

  private _model: ChangesModel;
}

/** What changed in the directories of sessions, by git. */
export const changesPlugin: JupyterFrontEndPlugin<void> = {
  id: 'codecast-jupyter:changes',
  description: 'Shows what changed in the directory of a session.',
  autoStart: true,
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
  ) => {
    const { commands, shell } = app;
    const { user } = app.serviceManager;
    const trans = (translator ?? nullTranslator).load('codecast_jupyter');
    const context = { codecast, commands, rendermime, trans, user, languages };
    const tracker = new WidgetTracker<MainAreaWidget<ChangesWidget>>({
      namespace: 'codecast-changes'
    });
    commands.addCommand(CommandIDs.showChanges, {
      label: trans.__('Show the Changes'),
      caption: trans.__("What differs from the last commit in the session's directory"),
      describedBy: SESSION_ARGS,
      isEnabled: args => !!targetOf(app, args),
      execute: args => {
        const id = targetOf(app, args);
        if (!id) {
          return undefined;
        }
        let widget = tracker.find(({ content }) => content.session === id);
        if (!widget) {
          widget = new MainAreaWidget({ content: new ChangesWidget(id, context) });
          widget.id = `codecast-changes-${id}`;
          widget.node.dataset.codecastSession = id;
          const name = codecast.hub.sessions.get(id)?.name ?? id;
          widget.title.label = trans.__('%1: changes', name);
          widget.title.icon = codecastIcon;
          widget.title.closable = true;
          widget.toolbar.hide();
          shell.add(widget, 'main');
          void tracker.add(widget);
        }
        shell.activateById(widget.id);
        return widget;
      }
    });
    palette?.addItem({ command: CommandIDs.showChanges, category: trans.__('Codecast') });
    void restorer?.restore(tracker, {
      command: CommandIDs.showChanges,
      args: ({ content }) => ({ id: content.session }),
      name: ({ content }) => content.session
    });
  }
};
