import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification as Toast } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';

import { CommandIDs } from '../commands';
import { IFront, NO_ARGS } from '../ui/front';
import { INotice, Notices } from './notices';
import { titleOf, toastOf } from './words';

const PANEL = 'codecast-jupyter:panel'; // whose settings these are

/** Toasts and notifications of the browser: who needs somebody, and what has ended. */
export const notifyPlugin: JupyterFrontEndPlugin<void> = {
  id: 'codecast-jupyter:notify',
  description: 'Tells when a session needs you or ends.',
  autoStart: true,
  requires: [IFront],
  optional: [ISettingRegistry],
  activate: (app: JupyterFrontEnd, front: IFront, registry: ISettingRegistry | null) => {
    const { codecast, commands, trans } = front.context;
    const { hub } = codecast;
    const wanted = { toasts: true, browserNotifications: false, tellEnds: true };
    let settings: ISettingRegistry.ISettings | null = null;
    const read = () => {
      for (const key of Object.keys(wanted) as (keyof typeof wanted)[]) {
        wanted[key] = (settings?.composite[key] ?? wanted[key]) as boolean;
      }
    };
    void registry?.load(PANEL).then(
      loaded => {
        settings = loaded;
        loaded.changed.connect(read);
        read();
      },
      () => undefined // without settings, what is usual
    );

    const isSeen = (): boolean => !document.hidden && document.hasFocus();
    const open = (notice: INotice) =>
      commands.execute(CommandIDs.openSession, { id: notice.session });
    const toasts = new Map<string, string>();
    const shown = new Map<string, Notification>();
    const notices = new Notices(hub);

    notices.happened.connect((_, notice) => {
      const session = hub.sessions.get(notice.session);
      const inFront = isSeen() && front.inFront() === notice.session;
      if (!session || inFront || (notice.kind === 'ended' && !wanted.tellEnds)) {
        return;
      }
      if (wanted.toasts) {
        const { message, type } = toastOf(notice, session, trans);
        const actions = [{ label: trans.__('Open'), callback: () => void open(notice) }];
        const autoClose: number | false = notice.kind === 'ended' ? 8000 : false;
        toasts.set(notice.id, Toast.emit(message, type, { autoClose, actions }));
      }
      if (wanted.browserNotifications && !isSeen() && canNotify()) {
        const title = titleOf(notice, session, trans);
        // one tag for the same happening: several windows show it once
        const told = new Notification(title, { body: notice.text, tag: `codecast ${notice.id}` });
        shown.set(notice.id, told);
        told.onclick = () => {
          window.focus();
          void open(notice);
          told.close();
        };
      }
    });
    notices.settled.connect((_, id) => {
      Toast.dismiss(toasts.get(id));
      shown.get(id)?.close();
      toasts.delete(id);
      shown.delete(id);
    });

    commands.addCommand(CommandIDs.browserNotifications, {
      label: trans.__('Show Browser Notifications'),
      caption: trans.__('While this page is out of sight, when a session needs you or ends'),
      describedBy: NO_ARGS,
      isToggled: () => wanted.browserNotifications,
      execute: async () => {
        const on = !wanted.browserNotifications;
        if (on && 'Notification' in window && Notification.permission !== 'granted') {
          await Notification.requestPermission();
        }
        if (on && !canNotify()) {
          Toast.warning(
            trans.__('The browser does not allow notifications of this page. Allow them there.'),
            { autoClose: false }
          );
          return;
        }
        wanted.browserNotifications = on;
        await settings?.set('browserNotifications', on);
      }
    });
    front.list(CommandIDs.browserNotifications);
  }
};

function canNotify(): boolean {
  return 'Notification' in window && Notification.permission === 'granted';
}
