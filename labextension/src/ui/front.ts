import { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, Notification, WidgetTracker } from '@jupyterlab/apputils';
import { Token } from '@lumino/coreutils';
import { Widget } from '@lumino/widgets';

import { CodecastError } from '../connection/api';
import { IAgain } from './beside';
import { IContext } from './context';

/** What our plugins need of the application around them. */
export interface IFront {
  readonly context: IContext;
  /** Puts side panels back after a reload, where the application does that. */
  readonly restorer: ILayoutRestorer | null;
  /** Makes the widgets of a tracker again after a reload. */
  restore<T extends Widget>(tracker: WidgetTracker<T>, again: IAgain<T>): void;
  /** Names commands in the palette. */
  list(...commands: string[]): void;
  /**
   * Shows a widget in the main area. Where that has room for one document only, as in Notebook 7,
   * it goes to the right of it.
   */
  show<T extends Widget>(
    widget: MainAreaWidget<T>,
    tracker: WidgetTracker<MainAreaWidget<T>>,
    options?: Parameters<JupyterFrontEnd.IShell['add']>[2]
  ): void;
  /** The session in front: the one that a command without an id is about. */
  inFront(): string | undefined;
}

export const IFront = new Token<IFront>(
  'codecast-jupyter:IFront',
  'The application around our plugins: what components need, palette, layout.'
);

/** The session that a widget of ours is about: its view, its terminal, its changes. */
export function sessionOf(widget: Widget | null): string | undefined {
  const view = /^codecast-session-(.+)$/.exec(widget?.id ?? '');
  return view?.[1] ?? (widget?.node.dataset.codecastSession || undefined);
}

/** The session that a command is about: the one named, else the one in front. */
export function targetOf(front: IFront, args: { id?: unknown }): string | undefined {
  return typeof args.id === 'string' ? args.id : front.inFront();
}

/** Run it; a failure is told, for a command has no place of its own to show it. */
export async function attempt(action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    const { message, hint } = CodecastError.problem(error);
    Notification.error(hint ? `${message} ${hint}` : message, { autoClose: false });
  }
}

/** The arguments of commands about one session. */
export const SESSION_ARGS = {
  args: {
    type: 'object' as const,
    properties: { id: { type: 'string' as const, description: 'The id of the session' } }
  }
};

/** The arguments of commands about one machine. */
export const MACHINE_ARGS = {
  args: {
    type: 'object' as const,
    properties: { machine: { type: 'string' as const, description: 'The name of the machine' } }
  }
};

export const NO_ARGS = { args: { type: 'object' as const, properties: {} } };
