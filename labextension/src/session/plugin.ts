import { ILayoutRestorer, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import {
  Dialog,
  ICommandPalette,
  MainAreaWidget,
  Notification,
  showDialog,
  WidgetTracker
} from '@jupyterlab/apputils';
import { IEditorLanguageRegistry } from '@jupyterlab/codemirror';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { CommandIDs } from '../commands';
import { CodecastError } from '../connection/api';
import { ICodecast } from '../connection/tokens';
import { codecastIcon } from '../ui/icon';
import type { SessionWidget } from './widget';

const SOON = 1000; // milliseconds after Lab has its own in place

/** The view itself, which a page without a session does without. */
const loadView = () => import(/* webpackChunkName: "lazy-session" */ './widget');

/** The arguments of every command about one session; without an id, the one in front. */
const SESSION_ARGS = {
  args: {
    type: 'object' as const,
    properties: { id: { type: 'string' as const, description: 'The id of the session' } }
  }
};

/** Sessions in the main area, and the commands about them. */
export const sessionPlugin: JupyterFrontEndPlugin<void> = {
  id: 'codecast-jupyter:session',
  description: 'Shows sessions in the main area.',
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
    const tracker = new WidgetTracker<MainAreaWidget<SessionWidget>>({ namespace: 'codecast' });
    const context = { codecast, commands, rendermime, trans, user, languages };

    /** The session that a command is about. */
    const target = (args: { id?: unknown }): string | undefined =>
      typeof args.id === 'string' ? args.id : tracker.currentWidget?.content.session;
    const state = (args: { id?: unknown }) => codecast.hub.sessions.get(target(args) ?? '')?.state;

    /** Run it; a failure is told, since the command has no place of its own to show it. */
    const attempt = async (action: () => Promise<unknown>): Promise<void> => {
      try {
        await action();
      } catch (error) {
        const { message, hint } = CodecastError.problem(error);
        Notification.error(hint ? `${message} ${hint}` : message, { autoClose: false });
      }
    };

    commands.addCommand(CommandIDs.openSession, {
      label: trans.__('Open Session'),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            ...SESSION_ARGS.args.properties,
            seq: { type: 'number', description: 'The number of the event to go to' }
          }
        }
      },
      execute: async args => {
        const id = target(args);
        if (!id) {
          return;
        }
        const view = await loadView();
        let widget = tracker.find(({ content }) => content.session === id);
        if (!widget) {
          const content = new view.SessionWidget(id, context);
          widget = new MainAreaWidget({ content });
          widget.id = `codecast-session-${id}`;
          widget.title.icon = codecastIcon;
          widget.title.closable = true;
          widget.toolbar.hide();
          void tracker.add(widget);
          shell.add(widget, 'main');
        }
        shell.activateById(widget.id);
        if (typeof args.seq === 'number') {
          widget.content.reveal(args.seq);
        }
        return widget;
      }
    });
    commands.addCommand(CommandIDs.interrupt, {
      label: trans.__('Interrupt the Turn'),
      describedBy: SESSION_ARGS,
      isEnabled: args => !!state(args)?.turn,
      execute: args => attempt(() => codecast.api.interrupt(target(args)!))
    });
    commands.addCommand(CommandIDs.stopSession, {
      label: trans.__('Stop the CLI'),
      describedBy: SESSION_ARGS,
      isEnabled: args => !!target(args),
      execute: args => attempt(() => codecast.api.stop(target(args)!))
    });
    commands.addCommand(CommandIDs.resumeSession, {
      label: trans.__('Resume the Session'),
      describedBy: SESSION_ARGS,
      isEnabled: args => !!target(args),
      execute: args => attempt(() => codecast.api.resume(target(args)!))
    });
    commands.addCommand(CommandIDs.removeSession, {
      label: trans.__('Remove Session…'),
      describedBy: SESSION_ARGS,
      isEnabled: args => !!target(args),
      execute: async args => {
        const id = target(args)!;
        const name = codecast.hub.sessions.get(id)?.name ?? id;
        const { button } = await showDialog({
          title: trans.__('Remove %1?', name),
          body: trans.__('Its CLI is ended, and its transcript is deleted.'),
          buttons: [
            Dialog.cancelButton({ label: trans.__('Cancel') }),
            Dialog.warnButton({ label: trans.__('Remove') })
          ]
        });
        if (button.accept) {
          await attempt(async () => {
            await codecast.api.destroy(id);
            tracker.find(({ content }) => content.session === id)?.dispose();
          });
        }
      }
    });

    const category = trans.__('Codecast');
    const listed = [
      CommandIDs.interrupt,
      CommandIDs.stopSession,
      CommandIDs.resumeSession,
      CommandIDs.removeSession
    ];
    listed.forEach(command => palette?.addItem({ command, category }));

    // the first session opens at once
    void app.restored.then(() => window.setTimeout(() => void loadView(), SOON));
    void restorer?.restore(tracker, {
      command: CommandIDs.openSession,
      args: ({ content }) => ({ id: content.session }),
      name: ({ content }) => content.session
    });
  }
};
