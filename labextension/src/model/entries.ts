/** What a person reads: the entries of a transcript. */
import { IContent, ILocation, IProblem, IRequestOpenedEvent } from './events.gen';
import { IRequestResolvedEvent, IToolContent, IUsage } from './events.gen';

/** `seq` and `time` are those of the first event that told of it. */
interface IPlace {
  key: string;
  seq: number;
  time: number;
}

/** `content` is unknown while the events that tell it are not loaded. */
export interface IPromptEntry extends IPlace {
  kind: 'prompt';
  prompt: string;
  content?: IContent[];
  state: string;
  steered?: boolean;
  by?: string;
  where?: string;
  error?: IProblem;
}

/** `fresh`: a retry began it anew, so that no earlier words belong to it. */
export interface IMessageEntry extends IPlace {
  kind: 'message' | 'thought' | 'user';
  text: string;
  images: IContent[];
  parent?: string;
  fresh?: boolean;
}

/** Fields that were not told yet are absent; `until` is the time of the last word about it. */
export interface IToolEntry extends IPlace {
  kind: 'tool';
  call: string;
  title?: string;
  toolKind?: string;
  status?: string;
  content?: IToolContent[];
  locations?: ILocation[];
  input?: unknown;
  output: string;
  parent?: string;
  until: number;
}

export interface IRequestEntry extends IPlace {
  kind: 'request';
  request: IRequestOpenedEvent;
  outcome: 'open' | 'resolved' | 'withdrawn';
  resolution?: IRequestResolvedEvent;
  why?: string;
}

export interface INoticeEntry extends IPlace {
  kind: 'notice';
  level: string;
  text: string;
  error?: IProblem;
}

/** A turn begins, or ends. */
export interface ITurnEntry extends IPlace {
  kind: 'turn';
  turn: number;
}

export interface IEndEntry extends IPlace {
  kind: 'end';
  turn: number;
  reason: string;
  duration?: number;
  cost?: number;
  usage?: IUsage;
}

/** Of a newer vocabulary than this page's: told as it came. */
export interface IUnknownEntry extends IPlace {
  kind: 'unknown';
  type: string;
  event: object;
}

export type Entry =
  | IPromptEntry
  | IMessageEntry
  | IToolEntry
  | IRequestEntry
  | INoticeEntry
  | ITurnEntry
  | IEndEntry
  | IUnknownEntry;

/** What a content block says in a line of text. */
export function textOf(content: IContent | undefined): string {
  return content?.text ?? (content ? `[${content.name ?? content.uri ?? content.type}]` : '');
}

/** The words of a prompt. */
export function wordsOf(content: IContent[] | undefined): string {
  return (content ?? []).map(textOf).join('\n');
}

/**
 * One entry of what two neighbouring stretches of events told of it.
 *
 * @param older - from the earlier events; its place stays
 */
export function joined(older: Entry, newer: Entry): Entry {
  const { key, seq, time } = older;
  if (older.kind === 'tool' && newer.kind === 'tool') {
    const told = Object.entries(newer).filter(([, value]) => value !== undefined);
    const output = older.output + newer.output;
    return { ...older, ...Object.fromEntries(told), output, seq, time };
  }
  if (older.kind === 'prompt' && newer.kind === 'prompt') {
    return { ...older, state: newer.state, error: newer.error ?? older.error };
  }
  if ('text' in older && 'images' in older && 'text' in newer && 'images' in newer) {
    return newer.fresh
      ? { ...newer, seq, time }
      : {
          ...older,
          text: older.text + newer.text,
          images: [...older.images, ...newer.images]
        };
  }
  return { ...newer, key, seq, time };
}
