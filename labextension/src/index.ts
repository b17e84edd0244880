import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'codecast-jupyter:panel',
  description: 'The side panel: machines and sessions.',
  autoStart: true,
  activate: (app: JupyterFrontEnd) => undefined
};

export default [plugin];
