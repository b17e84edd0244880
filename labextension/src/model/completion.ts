/** What stands before the caret and can be completed: `@file` anywhere, `/command` at the start. */
import { ICommand } from './events.gen';

/** The text from `start` to `end` is to be replaced. */
export interface ICompleting {
  kind: 'file' | 'command';
  query: string;
  start: number;
  end: number;
}

export interface ICandidate {
  /** What is put in place of the text, with its `@` or `/`. */
  insert: string;
  label: string;
  detail?: string;
  /** It can be gone into: completion goes on behind it. */
  isOpen?: boolean;
}

const MOST = 50; // candidates shown

/** What is being completed; null when nothing is. */
export function completing(text: string, caret: number): ICompleting | null {
  const before = text.slice(0, caret);
  const command = /^\/(\S*)$/.exec(before);
  if (command) {
    return { kind: 'command', query: command[1], start: 0, end: caret };
  }
  const file = /(?:^|\s)@([^\s@]*)$/.exec(before);
  if (file) {
    const start = caret - file[1].length - 1;
    return { kind: 'file', query: file[1], start, end: caret };
  }
  return null;
}

/** Put a candidate into the text; where the caret is then. */
export function complete(
  text: string,
  { start, end }: ICompleting,
  { insert, isOpen }: ICandidate
): { text: string; caret: number } {
  const word = isOpen || /^\s/.test(text.slice(end)) ? insert : `${insert} `;
  return { text: text.slice(0, start) + word + text.slice(end), caret: start + word.length };
}

/** Commands that begin with the query, then those that have it. */
export function commandsFor(query: string, commands: readonly ICommand[]): ICandidate[] {
  return ranked(query, commands, ({ name }) => name).map(({ name, description, hint }) => ({
    insert: `/${name}`,
    label: `/${name}`,
    detail: [hint, description].filter(Boolean).join(' — ')
  }));
}

/** The directory that a query is about, as it is written, with its slash; and the rest. */
export function splitPath(query: string): { folder: string; name: string } {
  const slash = query.lastIndexOf('/') + 1;
  return { folder: query.slice(0, slash), name: query.slice(slash) };
}

/** Files of that directory that fit. */
export function filesFor(
  query: string,
  entries: readonly { name: string; is_dir: boolean }[]
): ICandidate[] {
  const { folder, name } = splitPath(query);
  const visible = entries.filter(entry => name.startsWith('.') || !entry.name.startsWith('.'));
  return ranked(name, visible, entry => entry.name).map(entry => ({
    insert: `@${folder}${entry.name}${entry.is_dir ? '/' : ''}`,
    label: entry.name + (entry.is_dir ? '/' : ''),
    isOpen: entry.is_dir
  }));
}

function ranked<T>(query: string, items: readonly T[], nameOf: (item: T) => string): T[] {
  const wanted = query.toLowerCase();
  const places = items
    .map(item => ({ item, place: nameOf(item).toLowerCase().indexOf(wanted) }))
    .filter(({ place }) => place >= 0);
  const first = places.filter(({ place }) => place === 0);
  const others = places.filter(({ place }) => place > 0);
  return [...first, ...others].slice(0, MOST).map(({ item }) => item);
}
