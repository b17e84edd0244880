import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IThemeManager, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection, TerminalManager } from '@jupyterlab/services';
import { Terminal } from '@jupyterlab/terminal';
import { ITranslator } from '@jupyterlab/translation';
import { terminalIcon } from '@jupyterlab/ui-components';

import { CommandIDs } from '../commands';
import { ITerminal } from '../connection/types';
import { attempt, IFront, targetOf } from '../ui/front';
import { TerminalBanner } from './banner';
import { TerminalModel } from './model';

const BASE = 'api/codecast/v1';

/** Terminals on machines, shown by JupyterLab's own widget. */
export const terminalPlugin: JupyterFrontEndPlugin<void> = {
  id: 'codecast-jupyter:terminal',
  description: 'Opens terminals on machines, in the directories of sessions.',
  autoStart: true,
  requires: [IFront],
  optional: [ITranslator, IThemeManager],
  activate: (
    app: JupyterFrontEnd,
    front: IFront,
    translator: ITranslator | null,
    themes: IThemeManager | null
  ) => {
    const { context } = front;
    const { commands, trans } = context;
    const { api, hub } = context.codecast;
    const tracker = new WidgetTracker<MainAreaWidget<Terminal>>({
      namespace: 'codecast-terminal'
    });
    let manager: TerminalManager | null = null; // it asks the server from time to time

    const show = (opened: ITerminal) => {
      manager ??= new TerminalManager({ serverSettings: settingsFor(api.settings) });
      const session = manager.connectTo({ model: { name: opened.name } });
      // what a person closes is over; a reload closes nothing
      const options = { theme: 'inherit' as const, shutdownOnClose: true, closeOnExit: false };
      const content = new Terminal(session, options, translator ?? undefined);
      const widget = new MainAreaWidget({ content });
      widget.id = `codecast-terminal-${opened.name}`;
      widget.node.dataset.codecastSession = opened.session ?? '';
      const about = hub.sessions.get(opened.session ?? '')?.name ?? opened.machine;
      const label = trans.__('%1: terminal', about);
      const name = () => {
        if (content.title.label !== label) {
          content.title.label = label; // Lab's widget calls itself by the terminal's name
        }
      };
      name();
      content.title.changed.connect(name);
      content.title.caption = `${opened.machine}:${opened.cwd}`;
      content.title.icon = terminalIcon;
      widget.toolbar.hide();
      const model = new TerminalModel(opened, session, context.codecast);
      const where = opened.session ? { session: opened.session } : { machine: opened.machine };
      const again = () =>
        attempt(async () => {
          show(await api.openTerminal(where));
          widget.dispose();
        });
      widget.contentHeader.addWidget(new TerminalBanner(context, model, () => void again()));
      widget.disposed.connect(() => model.dispose());
      model.changed.connect((_, state) => {
        if (state === 'ended') {
          widget.dispose(); // as one closes who types `exit`
        }
      });
      front.show(widget, tracker, { type: 'Terminal' });
      void content.ready.then(() => content.activate()); // one types at once
      return widget;
    };
    themes?.themeChanged.connect(() =>
      tracker.forEach(({ content }) => content.setOption('theme', 'inherit'))
    );

    commands.addCommand(CommandIDs.openTerminal, {
      label: trans.__('Open a Terminal on the Machine'),
      caption: trans.__("In the session's directory"),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            id: { type: 'string', description: 'The session in whose directory it begins' },
            machine: { type: 'string', description: 'Else the machine' },
            name: { type: 'string', description: 'Else an open terminal, to show again' }
          }
        }
      },
      execute: async args => {
        if (typeof args.name === 'string') {
          const { name } = args;
          // it may have ended meanwhile: then there is nothing to restore
          const opened = await api.terminal(name).catch(() => null);
          return opened ? show(opened) : undefined;
        }
        const session = typeof args.machine === 'string' ? undefined : targetOf(front, args);
        const machine = typeof args.machine === 'string' ? args.machine : 'local';
        const where = session ? { session } : { machine };
        await attempt(async () => show(await api.openTerminal(where)));
        return undefined;
      }
    });
    front.list(CommandIDs.openTerminal);
    front.restore(tracker, {
      command: CommandIDs.openTerminal,
      args: ({ content }) => ({ name: content.session.name }),
      name: ({ content }) => content.session.name
    });
  }
};

/** Lab's terminals, spoken to below our own API. */
function settingsFor(settings: ServerConnection.ISettings): ServerConnection.ISettings {
  return ServerConnection.makeSettings({
    ...settings,
    baseUrl: URLExt.join(settings.baseUrl, BASE),
    wsUrl: URLExt.join(settings.wsUrl, BASE),
    fetch: (input, init) => {
      const asked = new settings.Request(input, init);
      const url = new URL(asked.url);
      url.pathname = url.pathname.replace(`${BASE}/api/terminals`, `${BASE}/terminals`);
      url.search = ''; // a number against caches, which ours refuses
      const { fetch } = settings; // as a function: the browser's own wants no other `this`
      return fetch(new settings.Request(url.href, asked));
    }
  });
}
