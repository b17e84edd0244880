import { changesPlugin } from './changes/plugin';
import { connectionPlugin } from './connection/plugin';
import { exportPlugin } from './export/plugin';
import { filesPlugin } from './files/plugin';
import { notifyPlugin } from './notify/plugin';
import { panelPlugin } from './panel/plugin';
import { searchPlugin } from './search/plugin';
import { sessionPlugin } from './session/plugin';
import { statusPlugin } from './status/plugin';
import { terminalPlugin } from './terminal/plugin';
import { frontPlugin } from './ui/plugin';

export { ICodecast } from './connection/tokens';

export default [
  connectionPlugin,
  frontPlugin,
  sessionPlugin,
  panelPlugin,
  searchPlugin,
  statusPlugin,
  notifyPlugin,
  terminalPlugin,
  filesPlugin,
  changesPlugin,
  exportPlugin
];
