import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { EventStream } from '../connection/stream';
import { IEventPage, ISubscribed } from '../connection/types';
import { Model } from './base';
import { IProblem, SessionEvent } from './events.gen';
import { apply, initial, ISessionState } from './state';
import { Transcript } from './transcript';

/** Events that a session begins with: enough for a first picture, and soon here. */
export const FIRST = 500;
const PAGE = 2000; // events of a page on the way back

/** Where older events come from: `Api`. */
export interface IHistory {
  eventsBefore(session: string, before: number, limit: number): Promise<IEventPage>;
}

/**
 * What a page knows of one session: its state, and the transcript of its newest events.
 *
 * It begins at the end. The server tells the state that all events make, so that this is whole
 * at once; older events come when somebody looks for them. It tells of each batch of events.
 */
export class SessionModel extends Model {
  constructor(
    readonly id: string,
    stream: EventStream,
    private _history: IHistory
  ) {
    super();
    this._subscription = stream.subscribe(id, this, FIRST);
  }

  readonly state: ISessionState = initial();
  readonly transcript = new Transcript();

  /** What kept older events from coming, the last time. */
  problem: IProblem | null = null;

  /** Whether the events that the server spoke of have arrived. */
  get isLoaded(): boolean {
    return this._begun && this._seen >= this._known;
  }

  /** Whether there are older events than those in the transcript. */
  get hasOlder(): boolean {
    return this._begun && this._from > 1;
  }

  /** The first event in the transcript. */
  get from(): number {
    return this._from;
  }

  /** Emitted only when more than words has come: the state, or that all is loaded. */
  get stateChanged(): ISignal<this, void> {
    return this._stateChanged;
  }

  /** Bring a page of older events; many callers bring one. Sets `problem`, never throws. */
  loadOlder(): Promise<void> {
    if (!this.hasOlder || this.isDisposed) {
      return Promise.resolve();
    }
    this._loading ??= this._load().finally(() => {
      this._loading = null;
    });
    return this._loading;
  }

  /** The event that somebody wants to see, until it is shown. */
  get goal(): number | null {
    return this._goal;
  }

  /** Go to an event, however old: the pages up to it are brought first. */
  async reveal(seq: number): Promise<void> {
    this._goal = seq;
    while (this._goal === seq && !this.isDisposed && !this.problem) {
      if (this.isLoaded && this._from <= seq) {
        break;
      }
      // the first events come by themselves
      await (this.isLoaded ? this.loadOlder() : new Promise(done => setTimeout(done, 50)));
    }
    if (!this.isDisposed) {
      this._changed.emit();
    }
  }

  /** It is shown. */
  reached(): void {
    this._goal = null;
  }

  get isLoading(): boolean {
    return this._loading !== null;
  }

  /** Of the stream. */
  events(events: SessionEvent[]): void {
    let changes = this._seen < this._known;
    for (const event of events) {
      changes = apply(this.state, event) || changes;
      this.transcript.apply(event);
    }
    this._seen = events[events.length - 1].seq;
    this._changed.emit();
    if (changes) {
      this._stateChanged.emit();
    }
  }

  /** Of the stream. */
  subscribed({ after, last_seq, state }: ISubscribed): void {
    if (!this._begun) {
      this._begun = true;
      this._seen = after;
      this._from = after + 1;
      Object.assign(this.state, state ?? {});
    }
    this._known = last_seq;
    this._changed.emit();
    this._stateChanged.emit();
  }

  protected override release(): void {
    this._subscription.dispose();
  }

  private async _load(): Promise<void> {
    try {
      const { events, more } = await this._history.eventsBefore(this.id, this._from, PAGE);
      const older = new Transcript();
      events.forEach(event => older.apply(event));
      this.transcript.prepend(older);
      this._from = more && events.length ? events[0].seq : 1;
      this.problem = null;
    } catch (error) {
      this.problem = problemOf(error);
    }
    if (!this.isDisposed) {
      this._changed.emit();
      this._stateChanged.emit();
    }
  }

  private _subscription: IDisposable;
  private _begun = false;
  private _known = 0;
  private _seen = 0;
  private _from = 1;
  private _goal: number | null = null;
  private _loading: Promise<void> | null = null;
  private _stateChanged = new Signal<this, void>(this);
}

function problemOf(error: unknown): IProblem {
  const { problem } = error as { problem?: IProblem };
  return problem ?? { code: 'internal', message: String(error) };
}

/** Hands out one model a session, however many views show it. */
export class SessionModels {
  constructor(
    private _stream: EventStream,
    private _history: IHistory
  ) {}

  /** The model of a session; give it back with `release`. */
  acquire(id: string): SessionModel {
    const entry = this._models.get(id) ?? {
      model: new SessionModel(id, this._stream, this._history),
      users: 0
    };
    entry.users += 1;
    this._models.set(id, entry);
    return entry.model;
  }

  release(model: SessionModel): void {
    const entry = this._models.get(model.id);
    if (entry && --entry.users === 0) {
      this._models.delete(model.id);
      model.dispose();
    }
  }

  private _models = new Map<string, { model: SessionModel; users: number }>();
}
