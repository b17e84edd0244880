import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';

import { CommandIDs } from '../commands';
import { attempt, IFront, SESSION_ARGS, targetOf } from '../ui/front';

/** A session's transcript as a file beside one's notebooks. */
export const exportPlugin: JupyterFrontEndPlugin<void> = {
  id: 'codecast-jupyter:export',
  description: "Writes a session's transcript to a notebook or to Markdown.",
  autoStart: true,
  requires: [IFront],
  activate: (app: JupyterFrontEnd, front: IFront) => {
    const { codecast, commands, trans } = front.context;
    const { contents } = app.serviceManager;

    /** The first name that nothing has: what is there is never written over. */
    const freeName = async (stem: string, ending: string): Promise<string> => {
      const { content } = await contents.get('');
      const taken = new Set((content as { name: string }[]).map(({ name }) => name));
      let name = `${stem}.${ending}`;
      for (let number = 1; taken.has(name); number += 1) {
        name = `${stem}-${number}.${ending}`;
      }
      return name;
    };

    const save = async (session: string, ending: 'ipynb' | 'md'): Promise<void> => {
      const text = await codecast.api.exported(session, ending);
      const stem = codecast.hub.sessions.get(session)?.name ?? session;
      const path = await freeName(stem, ending);
      await contents.save(
        path,
        ending === 'ipynb'
          ? { type: 'notebook', format: 'json', content: JSON.parse(text) }
          : { type: 'file', format: 'text', content: text }
      );
      Notification.success(trans.__('The transcript is %1 now.', path), { autoClose: 5000 });
      await commands.execute('docmanager:open', { path });
    };

    for (const [command, ending, label] of [
      [CommandIDs.exportNotebook, 'ipynb', trans.__('Export the Transcript as a Notebook')],
      [CommandIDs.exportMarkdown, 'md', trans.__('Export the Transcript as Markdown')]
    ] as const) {
      commands.addCommand(command, {
        label,
        describedBy: SESSION_ARGS,
        isEnabled: args => !!targetOf(front, args),
        execute: args => attempt(() => save(targetOf(front, args)!, ending))
      });
      front.list(command);
    }
  }
};
