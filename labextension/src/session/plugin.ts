import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, MainAreaWidget, showDialog, WidgetTracker } from '@jupyterlab/apputils';

import { CommandIDs } from '../commands';
import { attempt, IFront, SESSION_ARGS, targetOf } from '../ui/front';
import { codecastIcon } from '../ui/icon';
import type { SessionWidget } from './widget';

const SOON = 1000; // milliseconds after Lab has its own in place

/** The view itself, which a page without a session does without. */
const loadView = () => import(/* webpackChunkName: "lazy-session" */ './widget');

/** Sessions in the main area, and the commands about them. */
export const sessionPlugin: JupyterFrontEndPlugin<void> = {
  id: 'codecast-jupyter:session',
  description: 'Shows sessions in the main area.',
  autoStart: true,
  requires: [IFront],
  activate: (app: JupyterFrontEnd, front: IFront) => {
    const { context } = front;
    const { codecast, commands, trans } = context;
    const tracker = new WidgetTracker<MainAreaWidget<SessionWidget>>({ namespace: 'codecast' });

    const target = (args: { id?: unknown }) => targetOf(front, args);
    const state = (args: { id?: unknown }) => codecast.hub.sessions.get(target(args) ?? '')?.state;

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
          widget.toolbar.hide();
          front.show(widget, tracker);
        } else {
          app.shell.activateById(widget.id);
        }
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

    front.list(
      CommandIDs.interrupt,
      CommandIDs.stopSession,
      CommandIDs.resumeSession,
      CommandIDs.removeSession
    );

    // the first session opens at once
    void app.restored.then(() => window.setTimeout(() => void loadView(), SOON));
    front.restore(tracker, {
      command: CommandIDs.openSession,
      args: ({ content }) => ({ id: content.session }),
      name: ({ content }) => content.session
    });
  }
};
