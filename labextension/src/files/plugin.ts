import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { FileBrowser, IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { folderIcon } from '@jupyterlab/ui-components';

import { CommandIDs } from '../commands';
import { attempt, IFront, SESSION_ARGS, targetOf } from '../ui/front';
import { DRIVE, SessionDrive } from './drive';

const BROWSER = 'codecast-files';

/** The files of sessions' machines, in JupyterLab's file browser and editors. */
export const filesPlugin: JupyterFrontEndPlugin<void> = {
  id: 'codecast-jupyter:files',
  description: "Shows the machines' files, in the directories of sessions.",
  autoStart: true,
  requires: [IFront],
  optional: [IFileBrowserFactory],
  activate: (app: JupyterFrontEnd, front: IFront, factory: IFileBrowserFactory | null) => {
    const { context, restorer } = front;
    const { codecast, commands, trans } = context;
    const { shell } = app;
    const { hub } = codecast;
    const drive = new SessionDrive(codecast.api, hub);
    app.serviceManager.contents.addDrive(drive);

    let browser: FileBrowser | null = null;
    const open = (): FileBrowser | null => {
      if (browser || !factory) {
        return browser;
      }
      browser = factory.createFileBrowser(BROWSER, { driveName: DRIVE, restore: false });
      browser.id = BROWSER;
      browser.title.icon = folderIcon;
      browser.title.caption = trans.__("Files of the sessions' machines");
      browser.node.setAttribute('role', 'region');
      browser.node.setAttribute('aria-label', trans.__("Files of the sessions' machines"));
      browser.addClass('jp-Codecast-files');
      shell.add(browser, 'left', { rank: 901, type: 'File Browser' });
      restorer?.add(browser, BROWSER);
      return browser;
    };

    commands.addCommand(CommandIDs.browseFiles, {
      label: trans.__("Show the Machine's Files"),
      caption: trans.__("In the session's directory"),
      describedBy: SESSION_ARGS,
      isEnabled: () => !!factory,
      execute: async args => {
        const files = open();
        const session = hub.sessions.get(targetOf(front, args) ?? '');
        if (files) {
          shell.activateById(files.id);
          await attempt(() => files.model.cd(session ? `/${session.name}` : '/'));
        }
      }
    });
    commands.addCommand(CommandIDs.openFile, {
      label: trans.__('Open a File of the Machine'),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            session: { type: 'string', description: 'The id of the session' },
            path: { type: 'string', description: 'Absolute, or relative to its directory' },
            line: { type: 'number', description: 'The line to show' }
          }
        }
      },
      execute: async args => {
        const session = hub.sessions.get(String(args.session ?? ''));
        if (!session || typeof args.path !== 'string') {
          return undefined;
        }
        const path = within(args.path, session.cwd);
        if (path === null) {
          await attempt(async () => {
            throw new Error(
              trans.__("%1 is not below the session's directory.", String(args.path))
            );
          });
          return undefined;
        }
        const options = { path: `${DRIVE}:${session.name}/${path}` };
        const widget = await commands.execute('docmanager:open', options);
        if (widget?.context?.isReady && !widget.context.model.dirty) {
          // it may have been open for long, and the agent writes
          await attempt(async () => {
            await widget.context.ready;
            await widget.context.revert();
          });
        }
        if (typeof args.line === 'number') {
          await commands
            .execute('fileeditor:go-to-line', { line: args.line })
            .catch(() => undefined);
        }
        return widget;
      }
    });
    front.list(CommandIDs.browseFiles);
  }
};

/** A path relative to a directory; null where it is not below. */
export function within(path: string, directory: string): string | null {
  const plain = path.replace(/^file:\/\//, '');
  if (!plain.startsWith('/')) {
    return plain.replace(/^\.\//, '');
  }
  const base = directory.replace(/\/+$/, '') + '/';
  return plain.startsWith(base) ? plain.slice(base.length) : null;
}
