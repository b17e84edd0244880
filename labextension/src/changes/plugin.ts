import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { MainAreaWidget, ReactWidget, WidgetTracker } from '@jupyterlab/apputils';
import { createElement } from 'react';

import { CommandIDs } from '../commands';
import { Context, IContext } from '../ui/context';
import { IFront, SESSION_ARGS, targetOf } from '../ui/front';
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
  requires: [IFront],
  activate: (app: JupyterFrontEnd, front: IFront) => {
    const { context } = front;
    const { codecast, commands, trans } = context;
    const tracker = new WidgetTracker<MainAreaWidget<ChangesWidget>>({
      namespace: 'codecast-changes'
    });
    commands.addCommand(CommandIDs.showChanges, {
      label: trans.__('Show the Changes'),
      caption: trans.__("What differs from the last commit in the session's directory"),
      describedBy: SESSION_ARGS,
      isEnabled: args => !!targetOf(front, args),
      execute: args => {
        const id = targetOf(front, args);
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
          widget.toolbar.hide();
          front.show(widget, tracker);
        } else {
          app.shell.activateById(widget.id);
        }
        return widget;
      }
    });
    front.list(CommandIDs.showChanges);
    front.restore(tracker, {
      command: CommandIDs.showChanges,
      args: ({ content }) => ({ id: content.session }),
      name: ({ content }) => content.session
    });
  }
};
