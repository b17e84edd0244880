/**
 * The transcript: events folded into the entries that a person reads, in order.
 *
 * An entry that changes is replaced by a new object, so that a view can tell by identity which
 * ones to draw again.
 */
import { IContent, ILocation, IProblem, IRequestOpenedEvent } from './events.gen';
import { IRequestResolvedEvent, IToolContent, SessionEvent } from './events.gen';
import { TERMINAL_PROMPT_STATES } from './events.gen';
import { overBudget } from './state';

export interface IPromptEntry {
  kind: 'prompt';
  key: string;
  prompt: string;
  text: string;
  state: string;
  steered?: boolean;
  by?: string;
  where?: string;
  error?: IProblem;
}

export interface IMessageEntry {
  kind: 'message' | 'thought' | 'user';
  key: string;
  text: string;
  parent?: string;
}

export interface IToolEntry {
  kind: 'tool';
  key: string;
  title: string;
  toolKind: string;
  status: string;
  content: IToolContent[];
  locations: ILocation[];
  input?: unknown;
  output: string;
  parent?: string;
}

export interface IRequestEntry {
  kind: 'request';
  key: string;
  request: IRequestOpenedEvent;
  outcome: 'open' | 'resolved' | 'withdrawn';
  resolution?: IRequestResolvedEvent;
  why?: string;
}

export interface INoticeEntry {
  kind: 'notice';
  key: string;
  level: string;
  text: string;
  error?: IProblem;
}

export type Entry = IPromptEntry | IMessageEntry | IToolEntry | IRequestEntry | INoticeEntry;

/** Folds events into entries; `apply` passes over what it has taken already. */
export class Transcript {
  /** The entries in order; do not change them. */
  get entries(): readonly Entry[] {
    return this._entries;
  }

  /** Whether a prompt has its place here: it ran, or ended. */
  hasPrompt(prompt: string): boolean {
    return this._index.has(`prompt:${prompt}`);
  }

  apply(event: SessionEvent): void {
    if (event.seq <= this._seq) {
      return;
    }
    this._seq = event.seq;
    switch (event.type) {
      case 'user_message_chunk':
        return this._append('user', event.message, event.content, event.parent);
      case 'agent_message_chunk':
        return this._append('message', event.message, event.content, event.parent);
      case 'agent_thought_chunk':
        return this._append('thought', event.message, event.content, event.parent);
      case 'message_discarded':
        return this._remove(`message:${event.message}`, `thought:${event.message}`);
      case 'tool_call':
      case 'tool_call_update':
        return this._tool(event);
      case 'tool_output_delta':
        return this._change<IToolEntry>(`tool:${event.call}`, tool => ({
          output: tool.output + event.text
        }));
      case 'prompt_state':
        return this._prompt(event);
      case 'request_opened':
        return this._add({
          kind: 'request',
          key: `request:${event.request}`,
          request: event,
          outcome: 'open'
        });
      case 'request_resolved':
        return this._change<IRequestEntry>(`request:${event.request}`, () => ({
          outcome: 'resolved',
          resolution: event
        }));
      case 'request_withdrawn':
        return this._change<IRequestEntry>(`request:${event.request}`, () => ({
          outcome: 'withdrawn',
          why: event.why
        }));
      case 'turn_ended':
        if (event.error || event.reason !== 'end_turn') {
          this._notice(event.seq, event.error ? 'error' : 'info', event.reason, event.error);
        }
        return;
      case 'session_state':
        if (event.state === 'exited' || event.state === 'stopped' || event.state === 'failed') {
          const level = event.state === 'stopped' ? 'info' : 'error';
          this._notice(event.seq, level, event.state, event.error);
        }
        return;
      case 'retry':
        return this._notice(event.seq, 'warning', event.text ?? `retry ${event.attempt}`);
      case 'notice':
        return this._notice(event.seq, event.level, event.text);
      case 'budget_reached':
        return this._notice(event.seq, 'warning', overBudget(event));
      case 'gap':
        this._closeRequests(event.why);
        return this._notice(event.seq, 'warning', `${event.first}–${event.last}: ${event.why}`);
    }
  }

  private _append(
    kind: IMessageEntry['kind'],
    message: string,
    content: IContent | undefined,
    parent?: string
  ): void {
    const key = `${kind}:${message}`;
    const text = textOf(content);
    if (this._index.has(key)) {
      this._change<IMessageEntry>(key, entry => ({ text: entry.text + text }));
    } else {
      this._add({ kind, key, text, parent });
    }
  }

  private _tool(event: SessionEvent & { type: 'tool_call' | 'tool_call_update' }): void {
    const key = `tool:${event.call}`;
    if (!this._index.has(key)) {
      this._add({
        kind: 'tool',
        key,
        title: event.call,
        toolKind: 'other',
        status: 'pending',
        content: [],
        locations: [],
        output: '',
        parent: event.parent
      });
    }
    this._change<IToolEntry>(key, tool => ({
      title: event.title ?? tool.title,
      toolKind: event.kind ?? tool.toolKind,
      status: event.status ?? tool.status,
      content: event.content ?? tool.content,
      locations: event.locations ?? tool.locations,
      input: event.raw_input ?? tool.input
    }));
  }

  /** A prompt stands where it began to run; one that never ran, where it ended. */
  private _prompt(event: SessionEvent & { type: 'prompt_state' }): void {
    const key = `prompt:${event.prompt}`;
    if (event.content) {
      this._waiting.set(key, event.content.map(textOf).join('\n'));
    }
    const { state, steered, by, where, error } = event;
    if (this._index.has(key)) {
      this._change<IPromptEntry>(key, () => ({ state, ...(error && { error }) }));
    } else if (state === 'running' || TERMINAL_PROMPT_STATES.includes(state)) {
      const text = this._waiting.get(key) ?? '';
      this._add({
        kind: 'prompt',
        key,
        prompt: event.prompt,
        text,
        state,
        steered,
        by,
        where,
        error
      });
    }
    if (state !== 'queued') {
      this._waiting.delete(key);
    }
  }

  private _notice(seq: number, level: string, text: string, error?: IProblem): void {
    this._add({ kind: 'notice', key: `notice:${seq}`, level, text, error });
  }

  private _add(entry: Entry): void {
    this._index.set(entry.key, this._entries.length);
    this._entries.push(entry);
  }

  private _change<T extends Entry>(key: string, change: (entry: T) => Partial<T>): void {
    const index = this._index.get(key);
    if (index !== undefined) {
      const entry = this._entries[index] as T;
      this._entries[index] = { ...entry, ...change(entry) };
    }
  }

  /** What was open before a gap may have ended inside it. */
  private _closeRequests(why: string): void {
    for (const entry of [...this._entries]) {
      if (entry.kind === 'request' && entry.outcome === 'open') {
        this._change<IRequestEntry>(entry.key, () => ({ outcome: 'withdrawn', why }));
      }
    }
  }

  /** A retry says a message anew: the old words are emptied, their place is kept. */
  private _remove(...keys: string[]): void {
    keys.forEach(key => this._change<IMessageEntry>(key, () => ({ text: '' })));
  }

  private _entries: Entry[] = [];
  private _index = new Map<string, number>();
  private _waiting = new Map<string, string>(); // texts of prompts that have not run
  private _seq = 0;
}

/** What a content block says in a line of text. */
export function textOf(content: IContent | undefined): string {
  return content?.text ?? (content ? `[${content.name ?? content.uri ?? content.type}]` : '');
}
