/** The ids of our commands; the session plugin and the panel plugin register them. */
export namespace CommandIDs {
  export const openPanel = 'codecast:open-panel';
  export const newSession = 'codecast:new-session';
  export const openSession = 'codecast:open-session';
  export const interrupt = 'codecast:interrupt';
  export const stopSession = 'codecast:stop-session';
  export const resumeSession = 'codecast:resume-session';
  export const removeSession = 'codecast:remove-session';
}
