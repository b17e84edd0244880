/**
 * The transcript: events folded into the entries that a person reads, in order.
 *
 * It is the fold of one stretch of neighbouring events, which may begin anywhere: what is heard
 * of something that began before the stretch is kept, and `prepend` joins an earlier stretch to
 * this one. So a long session is read from its end, page by page, and folded once: a stretch
 * joined of any pages equals the fold of all their events.
 *
 * An entry that changes is replaced by a new object, so that a view can tell by identity which
 * ones to draw again.
 */
import { Entry, IMessageEntry, IPromptEntry, IRequestEntry, IToolEntry, joined } from './entries';
import { textOf } from './entries';
import { IContent, IProblem, SessionEvent, TERMINAL_PROMPT_STATES } from './events.gen';
import { overBudget } from './state';

export * from './entries';

/** Told by the state, or by another event too. */
const SILENT = new Set([
  'plan',
  'available_commands_update',
  'config_option_update',
  'session_info_update',
  'usage_update',
  'budget_update',
  'background'
]);

/** What was heard of an entry that is not here. */
type Late = Pick<IRequestEntry, 'outcome' | 'resolution' | 'why'> | { fresh: true };

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
    this._time = event.time;
    switch (event.type) {
      case 'user_message_chunk':
        return this._append('user', event.message, event.content, event.parent);
      case 'agent_message_chunk':
        return this._append('message', event.message, event.content, event.parent);
      case 'agent_thought_chunk':
        return this._append('thought', event.message, event.content, event.parent);
      case 'message_discarded':
        return this._discard(`message:${event.message}`, `thought:${event.message}`);
      case 'tool_call':
      case 'tool_call_update':
        return this._tool(event);
      case 'tool_output_delta':
        this._call(event.call, event.parent);
        return this._change<IToolEntry>(`tool:${event.call}`, tool => ({
          output: tool.output + event.text,
          until: event.time
        }));
      case 'prompt_state':
        return this._prompt(event);
      case 'request_opened': {
        const key = `request:${event.request}`;
        return this._add({ ...this._place(key), kind: 'request', request: event, outcome: 'open' });
      }
      case 'request_resolved':
        return this._request(event.request, {
          outcome: 'resolved',
          resolution: event,
          why: undefined
        });
      case 'request_withdrawn':
        return this._request(event.request, {
          outcome: 'withdrawn',
          resolution: undefined,
          why: event.why
        });
      case 'turn_started':
        return this._add({
          ...this._place(`turn:${event.seq}`),
          kind: 'turn',
          turn: event.turn
        });
      case 'turn_ended': {
        const { turn, reason, duration, usage, cost_usd: cost, error } = event;
        if (error || reason !== 'end_turn') {
          this._notice(error ? 'error' : 'info', reason, error);
        }
        const place = this._place(`end:${event.seq}`);
        return this._add({ ...place, kind: 'end', turn, reason, duration, usage, cost });
      }
      case 'session_state':
        if (event.state === 'exited' || event.state === 'stopped' || event.state === 'failed') {
          const level = event.state === 'stopped' ? 'info' : 'error';
          this._notice(level, event.state, event.error);
        }
        return;
      case 'retry':
        return this._notice('warning', event.text ?? `retry ${event.attempt}`);
      case 'notice':
        return this._notice(event.level, event.text);
      case 'budget_reached':
        return this._notice('warning', overBudget(event));
      case 'gap':
        this._closeRequests(event.why);
        this._gap ??= event.why;
        return this._notice('warning', `${event.first}–${event.last}: ${event.why}`);
      default:
        return this._unknown(event);
    }
  }

  /** Join the stretch of events that ends where this one begins. `older` is used up. */
  prepend(older: Transcript): void {
    const { _entries: entries, _index: index } = older;
    const kept: Entry[] = [];
    for (const entry of this._entries) {
      const at = index.get(entry.key);
      if (at !== undefined) {
        entries[at] = joined(entries[at], entry);
        continue;
      }
      if (entry.kind === 'prompt') {
        const content = entry.content ?? older._queued.get(entry.key);
        kept.push(content === entry.content ? entry : { ...entry, content });
      } else if ('images' in entry && older._late.has(entry.key)) {
        kept.push({ ...entry, fresh: true });
      } else {
        kept.push(entry);
      }
    }
    for (const [key, late] of this._late) {
      if (!index.has(key)) {
        older._late.set(key, late);
      } else if (this._index.has(key)) {
        continue; // heard before what is here, which has replaced it
      } else if ('outcome' in late) {
        older._change<IRequestEntry>(key, () => late);
      } else {
        older._change<IMessageEntry>(key, () => ({ text: '', images: [], fresh: true }));
      }
    }
    if (this._gap !== undefined) {
      older._closeRequests(this._gap, this._index);
    }
    for (const [key, content] of older._queued) {
      if (!this._queued.has(key) && !this._index.has(key)) {
        this._queued.set(key, content);
      }
    }
    this._gap = older._gap ?? this._gap;
    this._late = older._late;
    this._entries = [...entries, ...kept];
    this._index = new Map(this._entries.map((entry, at) => [entry.key, at]));
  }

  private _append(
    kind: IMessageEntry['kind'],
    message: string,
    content: IContent | undefined,
    parent?: string
  ): void {
    const key = `${kind}:${message}`;
    const isImage = content?.type === 'image' && !content.text;
    const text = isImage ? '' : textOf(content);
    const images = isImage ? [content!] : [];
    if (this._index.has(key)) {
      this._change<IMessageEntry>(key, entry => ({
        text: entry.text + text,
        images: isImage ? [...entry.images, ...images] : entry.images
      }));
    } else {
      const fresh = this._late.has(key) ? { fresh: true } : {};
      this._add({ ...this._place(key), kind, text, images, parent, ...fresh });
    }
  }

  /** The entry of a tool call, made when there is none. */
  private _call(call: string, parent: string | undefined): void {
    const key = `tool:${call}`;
    if (!this._index.has(key)) {
      const place = this._place(key);
      this._add({ ...place, kind: 'tool', call, output: '', parent, until: this._time });
    }
  }

  private _tool(event: SessionEvent & { type: 'tool_call' | 'tool_call_update' }): void {
    this._call(event.call, event.parent);
    this._change<IToolEntry>(`tool:${event.call}`, tool => ({
      title: event.title ?? tool.title,
      toolKind: event.kind ?? tool.toolKind,
      status: event.status ?? tool.status,
      content: event.content ?? tool.content,
      locations: event.locations ?? tool.locations,
      input: event.raw_input ?? tool.input,
      until: event.time
    }));
  }

  /** A prompt stands where it began to run; one that never ran, where it ended. */
  private _prompt(event: SessionEvent & { type: 'prompt_state' }): void {
    const key = `prompt:${event.prompt}`;
    if (event.content) {
      this._queued.set(key, event.content);
    }
    const { prompt, state, steered, by, where, error } = event;
    if (this._index.has(key)) {
      this._change<IPromptEntry>(key, entry => ({
        state: state === 'queued' ? entry.state : state,
        ...(error && { error })
      }));
    } else if (state === 'running' || TERMINAL_PROMPT_STATES.includes(state)) {
      const content = this._queued.get(key);
      const place = this._place(key);
      this._add({ ...place, kind: 'prompt', prompt, content, state, steered, by, where, error });
    }
    if (state !== 'queued') {
      this._queued.delete(key);
    }
  }

  private _request(request: string, end: Exclude<Late, { fresh: true }>): void {
    const key = `request:${request}`;
    if (this._index.has(key)) {
      this._change<IRequestEntry>(key, () => end);
    } else {
      this._late.set(key, end);
    }
  }

  private _notice(level: string, text: string, error?: IProblem): void {
    this._add({ ...this._place(`notice:${this._seq}`), kind: 'notice', level, text, error });
  }

  private _unknown(event: SessionEvent): void {
    const { type } = event as { type: string };
    if (!SILENT.has(type)) {
      this._add({ ...this._place(`unknown:${this._seq}`), kind: 'unknown', type, event });
    }
  }

  private _place(key: string): { key: string; seq: number; time: number } {
    return { key, seq: this._seq, time: this._time };
  }

  private _add(entry: Entry): void {
    const at = this._index.get(entry.key);
    if (at !== undefined) {
      const { seq, time } = this._entries[at];
      this._entries[at] = { ...entry, seq, time };
      return;
    }
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

  /** What was open before a gap may have ended inside it, but for what was `opened` later. */
  private _closeRequests(why: string, opened?: Map<string, number>): void {
    for (const entry of [...this._entries]) {
      if (entry.kind === 'request' && entry.outcome === 'open' && !opened?.has(entry.key)) {
        this._change<IRequestEntry>(entry.key, () => ({ outcome: 'withdrawn', why }));
      }
    }
  }

  /** A retry says a message anew: the old words are emptied, their place is kept. */
  private _discard(...keys: string[]): void {
    for (const key of keys) {
      this._change<IMessageEntry>(key, () => ({ text: '', images: [], fresh: true }));
      if (!this._index.has(key)) {
        this._late.set(key, { fresh: true });
      }
    }
  }

  private _entries: Entry[] = [];
  private _index = new Map<string, number>();
  private _queued = new Map<string, IContent[]>(); // of prompts that have not run
  private _late = new Map<string, Late>();
  private _gap: string | undefined; // why the first gap of this stretch is there
  private _seq = 0;
  private _time = 0;
}
