import { connectionPlugin } from './connection/plugin';
import { panelPlugin } from './panel/plugin';
import { sessionPlugin } from './session/plugin';

export { ICodecast } from './connection/tokens';

export default [connectionPlugin, sessionPlugin, panelPlugin];
