import { Notification } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';

import { ISession } from '../connection/types';
import { INotice } from './notices';

/** What has happened, in one line. */
export function titleOf(
  { kind }: INotice,
  { name, machine }: ISession,
  trans: TranslationBundle
): string {
  switch (kind) {
    case 'needs':
      return trans.__('%1 on %2 needs you', name, machine);
    case 'paused':
      return trans.__('%1 on %2 has reached its budget', name, machine);
    case 'ended':
      return trans.__('%1 on %2 has finished its turn', name, machine);
    case 'failed':
      return trans.__('%1 on %2 has failed', name, machine);
  }
}

/** The same for a toast, with what is asked. */
export function toastOf(
  notice: INotice,
  session: ISession,
  trans: TranslationBundle
): { message: string; type: Notification.TypeOptions } {
  const title = titleOf(notice, session, trans);
  const types = { needs: 'warning', paused: 'warning', ended: 'success', failed: 'error' } as const;
  const text = notice.text.length > 160 ? `${notice.text.slice(0, 160)}…` : notice.text;
  return { message: text ? `${title}: ${text}` : title, type: types[notice.kind] };
}
