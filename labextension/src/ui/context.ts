import type { IEditorLanguageRegistry } from '@jupyterlab/codemirror';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { User } from '@jupyterlab/services';
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { createContext, useContext } from 'react';

import { ICodecast } from '../connection/tokens';

/** What every component may need. */
export interface IContext {
  readonly codecast: ICodecast;
  readonly commands: CommandRegistry;
  readonly rendermime: IRenderMimeRegistry;
  readonly trans: TranslationBundle;
  /** Colours for code, where the application has them. */
  readonly languages?: IEditorLanguageRegistry | null;
  /** The person at this page, as the server names them. */
  readonly user: User.IManager;
}

export const Context = createContext<IContext | null>(null);

/** The directory of the session around a component: paths below it are shown relative to it. */
export const Directory = createContext('');

/** The id of the session around a component. */
export const Session = createContext('');

export function useCodecast(): IContext {
  const context = useContext(Context);
  if (!context) {
    throw new Error('No Codecast context around this component.');
  }
  return context;
}
