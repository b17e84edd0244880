/**
 * What a person has written and not sent, kept in the browser through reload, loss and crash.
 *
 * A try to send is kept with it: when the answer was lost, the same words go again under the
 * same id, also after a reload, and nothing is doubled.
 */
import { IContent } from './events.gen';

const KEY = 'codecast:draft:';

export interface IDraft {
  text: string;
  files: IContent[];
  /** The id under which exactly this was sent, if no answer has come yet. */
  attempt?: { id: string; content: string };
}

export const NOTHING: IDraft = { text: '', files: [] };

/** What was kept of a session; `NOTHING` when nothing was. */
export function load(session: string): IDraft {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY + session) ?? 'null');
    if (kept && typeof kept.text === 'string' && Array.isArray(kept.files)) {
      return kept;
    }
  } catch {
    // no storage, or somebody else's
  }
  return NOTHING;
}

export function save(session: string, draft: IDraft): void {
  try {
    if (draft.text || draft.files.length) {
      localStorage.setItem(KEY + session, JSON.stringify(draft));
    } else {
      localStorage.removeItem(KEY + session);
    }
  } catch {
    // a full storage: the words are still in the page
  }
}

/** The blocks that a draft is sent as. */
export function contentOf({ text, files }: IDraft): IContent[] {
  return [...(text.trim() ? [{ type: 'text', text }] : []), ...files];
}

/** The draft with an id for sending it: the one of the last try when that was the same. */
export function attempted(draft: IDraft, makeId: () => string): IDraft & Required<IDraft> {
  const content = JSON.stringify(contentOf(draft));
  const { attempt } = draft;
  return { ...draft, attempt: attempt?.content === content ? attempt : { id: makeId(), content } };
}
