import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { EventStream } from '../connection/stream';
import { SessionEvent } from './events.gen';
import { apply, initial, ISessionState } from './state';
import { Transcript } from './transcript';

/** Everything a page knows of one session: its state and its transcript, both folds. */
export class SessionModel implements IDisposable {
  constructor(
    readonly id: string,
    stream: EventStream
  ) {
    this._subscription = stream.subscribe(id, this);
  }

  readonly state: ISessionState = initial();
  readonly transcript = new Transcript();

  /** Whether the history has arrived. */
  get isLoaded(): boolean {
    return this.state.seq >= this._known;
  }

  /** Emitted after each batch of events. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Of the stream. */
  events(events: SessionEvent[]): void {
    for (const event of events) {
      apply(this.state, event);
      this.transcript.apply(event);
    }
    this._changed.emit();
  }

  /** Of the stream. */
  subscribed(lastSeq: number): void {
    this._known = lastSeq;
    this._changed.emit();
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._subscription.dispose();
      Signal.clearData(this);
    }
  }

  private _subscription: IDisposable;
  private _known = Infinity;
  private _changed = new Signal<this, void>(this);
  private _isDisposed = false;
}

/** Hands out one model a session, however many views show it. */
export class SessionModels {
  constructor(private _stream: EventStream) {}

  /** The model of a session; give it back with `release`. */
  acquire(id: string): SessionModel {
    const entry = this._models.get(id) ?? { model: new SessionModel(id, this._stream), users: 0 };
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
