import { TranslationBundle } from '@jupyterlab/translation';

/** How long ago, in one unit: `now`, `5 min`, `3 h`, `12 d`. Seconds since 1970. */
export function ago(since: number, trans: TranslationBundle, now = Date.now() / 1000): string {
  const seconds = Math.max(0, now - since);
  if (seconds < 60) {
    return trans.__('now');
  }
  if (seconds < 3600) {
    return trans.__('%1 min', Math.floor(seconds / 60));
  }
  return seconds < 86400
    ? trans.__('%1 h', Math.floor(seconds / 3600))
    : trans.__('%1 d', Math.floor(seconds / 86400));
}
