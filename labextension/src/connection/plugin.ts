import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import { HubModel } from '../model/hub';
import { SessionModels } from '../model/session';
import { Api } from './api';
import { Losses } from './losses';
import { EventStream } from './stream';
import { ICodecast } from './tokens';

/** Provides the one connection that every other plugin uses. */
export const connectionPlugin: JupyterFrontEndPlugin<ICodecast> = {
  id: 'codecast-jupyter:connection',
  description: 'Provides the connection to the Codecast server extension.',
  autoStart: true,
  provides: ICodecast,
  activate: (app: JupyterFrontEnd): ICodecast => {
    const settings = app.serviceManager.serverSettings;
    const stream = new EventStream(settings);
    const api = new Api(settings);
    return {
      api,
      stream,
      hub: new HubModel(stream),
      sessions: new SessionModels(stream, api),
      losses: new Losses(stream, api)
    };
  }
};
