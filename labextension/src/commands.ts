/** The ids of our commands; the session plugin and the panel plugin register them. */
export namespace CommandIDs {
  export const openPanel = 'codecast:open-panel';
  export const newSession = 'codecast:new-session';
  export const addMachine = 'codecast:add-machine';
  export const connectMachine = 'codecast:connect-machine';
  export const disconnectMachine = 'codecast:disconnect-machine';
  export const removeMachine = 'codecast:remove-machine';
  export const examineMachine = 'codecast:examine-machine';
  export const adoptSession = 'codecast:adopt-session';
  export const nextWaiting = 'codecast:next-waiting';
  export const search = 'codecast:search';
  export const openTerminal = 'codecast:open-terminal';
  export const browseFiles = 'codecast:browse-files';
  export const showChanges = 'codecast:show-changes';
  export const exportNotebook = 'codecast:export-notebook';
  export const exportMarkdown = 'codecast:export-markdown';
  export const browserNotifications = 'codecast:browser-notifications';
  /** Runs another command for the session whose row was right-clicked. */
  export const onRow = 'codecast:on-row';
  /** Opens a file of a session's machine: `{session, path, line?}`. */
  export const openFile = 'codecast:open-file';
  /** Opens a session, at an event if one is named: `{id, seq?}`. */
  export const openSession = 'codecast:open-session';
  export const interrupt = 'codecast:interrupt';
  export const stopSession = 'codecast:stop-session';
  export const resumeSession = 'codecast:resume-session';
  export const removeSession = 'codecast:remove-session';
}
