import { Token } from '@lumino/coreutils';

import { HubModel } from '../model/hub';
import { SessionModels } from '../model/session';
import { Api } from './api';
import { Losses } from './losses';
import { EventStream } from './stream';

/** The connection to the server extension, one for the page. */
export interface ICodecast {
  readonly api: Api;
  readonly stream: EventStream;
  readonly hub: HubModel;
  readonly sessions: SessionModels;
  /** What of the way to the server is lost. */
  readonly losses: Losses;
}

export const ICodecast = new Token<ICodecast>(
  'codecast-jupyter:ICodecast',
  'The connection to Codecast: machines, sessions and their events.'
);
