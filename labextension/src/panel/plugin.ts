import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, InputDialog, showDialog } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { createElement } from 'react';

import { CommandIDs } from '../commands';
import { IContext } from '../ui/context';
import { attempt, IFront, MACHINE_ARGS, NO_ARGS } from '../ui/front';
import { codecastIcon } from '../ui/icon';
import { Overlay } from '../ui/overlay';
import { AddMachine } from './add';
import { Adopt } from './adopt';
import { Doctor } from './doctor';
import { nextNeedy } from './listing';
import { CodecastPanel } from './panel';
import { StartForm } from './start';

/** The side panel, and the commands about machines. */
export const panelPlugin: JupyterFrontEndPlugin<void> = {
  id: 'codecast-jupyter:panel',
  description: 'The side panel: machines and their sessions.',
  autoStart: true,
  requires: [IFront],
  optional: [ILauncher],
  activate: (app: JupyterFrontEnd, front: IFront, launcher: ILauncher | null) => {
    const { context, restorer } = front;
    const { shell } = app;
    const { trans } = context;
    const panel = new CodecastPanel(context);
    shell.add(panel, 'left', { rank: 900 });
    restorer?.add(panel, panel.id);

    addCommands(app, front, panel);
    addMachineCommands(app, context);
    addRowMenu(app, context);

    front.list(
      CommandIDs.newSession,
      CommandIDs.openPanel,
      CommandIDs.nextWaiting,
      CommandIDs.addMachine,
      CommandIDs.connectMachine,
      CommandIDs.disconnectMachine,
      CommandIDs.examineMachine,
      CommandIDs.adoptSession
    );
    launcher?.add({
      command: CommandIDs.newSession,
      args: { isLauncher: true },
      category: trans.__('Other'),
      rank: 0
    });
  }
};

function addCommands(app: JupyterFrontEnd, front: IFront, panel: CodecastPanel): void {
  const { context } = front;
  const { commands, shell } = app;
  const { codecast, trans } = context;
  commands.addCommand(CommandIDs.openPanel, {
    label: trans.__('Show Machines and Sessions'),
    describedBy: NO_ARGS,
    execute: () => shell.activateById(panel.id)
  });
  commands.addCommand(CommandIDs.newSession, {
    label: args => (args.isLauncher ? trans.__('Agent Session') : trans.__('New Session…')),
    caption: trans.__('Start a coding agent on a machine'),
    icon: args => (args.isPalette ? undefined : codecastIcon),
    describedBy: MACHINE_ARGS,
    execute: args => {
      const machine = typeof args.machine === 'string' ? args.machine : undefined;
      Overlay.open(context, trans.__('New session'), 'start', close =>
        createElement(StartForm, { machine, close })
      );
    }
  });
  commands.addCommand(CommandIDs.nextWaiting, {
    label: trans.__('Go to the Session That Needs You'),
    describedBy: NO_ARGS,
    execute: () => {
      const next = nextNeedy(codecast.hub.sessions.values(), front.inFront());
      return next
        ? commands.execute(CommandIDs.openSession, { id: next.id })
        : commands.execute(CommandIDs.openPanel);
    }
  });
}

function addMachineCommands(app: JupyterFrontEnd, context: IContext): void {
  const { commands } = app;
  const { codecast, trans } = context;
  const { api, hub } = codecast;

  /** The machine that is named, else one that the person chooses. */
  const choose = async (args: { machine?: unknown }, title: string, online = false) => {
    if (typeof args.machine === 'string') {
      return args.machine;
    }
    const items = [...hub.machines.values()]
      .filter(({ state, hidden }) => !hidden && (!online || state === 'online'))
      .map(({ name }) => name);
    const { value } = await InputDialog.getItem({ title, items });
    return value ?? undefined;
  };

  commands.addCommand(CommandIDs.addMachine, {
    label: trans.__('Add a Machine…'),
    describedBy: NO_ARGS,
    execute: () =>
      Overlay.open(context, trans.__('Add a machine'), 'add', close =>
        createElement(AddMachine, { close })
      )
  });
  commands.addCommand(CommandIDs.connectMachine, {
    label: trans.__('Connect to a Machine…'),
    describedBy: MACHINE_ARGS,
    execute: async args => {
      const machine = await choose(args, trans.__('Connect to'));
      // what stands in the way is shown, and healed, at the machine itself
      if (machine) {
        await commands.execute(CommandIDs.openPanel);
        await api.connect(machine).catch(() => undefined);
      }
    }
  });
  commands.addCommand(CommandIDs.disconnectMachine, {
    label: trans.__('Disconnect from a Machine…'),
    describedBy: MACHINE_ARGS,
    execute: async args => {
      const machine = await choose(args, trans.__('Disconnect from'), true);
      if (machine) {
        await attempt(() => api.disconnect(machine));
      }
    }
  });
  commands.addCommand(CommandIDs.removeMachine, {
    label: trans.__('Remove a Machine…'),
    describedBy: MACHINE_ARGS,
    execute: async args => {
      const machine = await choose(args, trans.__('Remove'));
      const { button } = machine
        ? await showDialog({
            title: trans.__('Remove %1?', machine),
            body: trans.__('It is taken out of codecast.yaml. What runs there goes on.'),
            buttons: [
              Dialog.cancelButton({ label: trans.__('Cancel') }),
              Dialog.warnButton({ label: trans.__('Remove') })
            ]
          })
        : { button: { accept: false } };
      if (machine && button.accept) {
        await attempt(() => api.removeMachine(machine));
      }
    }
  });
  commands.addCommand(CommandIDs.examineMachine, {
    label: trans.__('Examine a Machine (Doctor)…'),
    describedBy: MACHINE_ARGS,
    execute: async args => {
      const machine = await choose(args, trans.__('Examine'));
      if (machine) {
        Overlay.open(context, trans.__('Doctor: %1', machine), 'doctor', close =>
          createElement(Doctor, { machine, close })
        );
      }
    }
  });
  commands.addCommand(CommandIDs.adoptSession, {
    label: trans.__('Adopt a Conversation…'),
    caption: trans.__('Go on with what was begun by hand in a terminal'),
    describedBy: MACHINE_ARGS,
    execute: args => {
      const machine = typeof args.machine === 'string' ? args.machine : 'local';
      Overlay.open(context, trans.__('Adopt a conversation'), 'adopt', close =>
        createElement(Adopt, { machine, close })
      );
    }
  });
}

/** What a right click on a session's row offers. */
function addRowMenu(app: JupyterFrontEnd, { codecast, trans }: IContext): void {
  const { commands, contextMenu } = app;
  commands.addCommand(CommandIDs.onRow, {
    label: args => (typeof args.label === 'string' ? args.label : trans.__('For This Session')),
    describedBy: {
      args: {
        type: 'object',
        properties: {
          command: { type: 'string', description: 'The command to run with the id' },
          label: { type: 'string', description: 'What the menu says' }
        }
      }
    },
    isVisible: args => typeof args.command === 'string' && commands.hasCommand(args.command),
    execute: args => {
      const row = app.contextMenuHitTest(node => !!node.dataset.session);
      const id = row?.dataset.session;
      if (id && codecast.hub.sessions.has(id)) {
        return commands.execute(String(args.command), { id });
      }
      return undefined;
    }
  });
  const items: [string, string][] = [
    [CommandIDs.openSession, trans.__('Open')],
    [CommandIDs.openTerminal, trans.__('Terminal')],
    [CommandIDs.browseFiles, trans.__('Files')],
    [CommandIDs.showChanges, trans.__('Changes')],
    [CommandIDs.exportNotebook, trans.__('Export as Notebook')],
    [CommandIDs.exportMarkdown, trans.__('Export as Markdown')],
    [CommandIDs.interrupt, trans.__('Interrupt the Turn')],
    [CommandIDs.stopSession, trans.__('Stop the CLI')],
    [CommandIDs.resumeSession, trans.__('Resume')],
    [CommandIDs.removeSession, trans.__('Remove…')]
  ];
  items.forEach(([command, label], rank) =>
    contextMenu.addItem({
      command: CommandIDs.onRow,
      args: { command, label },
      selector: '.jp-Codecast-row[data-session]',
      rank
    })
  );
}
