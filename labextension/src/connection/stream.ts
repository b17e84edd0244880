import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { DisposableDelegate, IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { Disposable } from '../model/base';
import { SessionEvent } from '../model/events.gen';
import { ISubscribed, ServerFrame } from './types';

const FIRST_WAIT = 500; // milliseconds before the first new try
const LONGEST_WAIT = 15000;
const QUIET = 25000; // without a word of the server, before it is asked for one
const PATIENCE = 15000; // until it has answered, or the socket is open: else it leads nowhere

/** Who watches one session. */
export interface ISubscriber {
  /** Events in order, each once. */
  events(events: SessionEvent[]): void;
  /** Where the server begins, and what it knows; events up to that may still be on their way. */
  subscribed(begin: ISubscribed): void;
}

interface ISubscription {
  begin: number | undefined; // how many of the newest events to begin with; all when undefined
  last: number; // the last event that was handed on
  following: boolean; // false until the server has said where it goes on
  hole: number; // where a frame left events out; asked for again once
  subscriber: ISubscriber;
}

/**
 * The page's only socket. It comes back by itself after a loss, and every subscription goes on
 * after the last event that was seen, so that nothing is missed and nothing comes twice.
 */
export class EventStream extends Disposable {
  constructor(private _settings: ServerConnection.ISettings) {
    super();
    this._open();
  }

  /** Summaries: sessions, machines, prompts. */
  get frame(): ISignal<this, ServerFrame> {
    return this._frame;
  }

  /** Whether the socket is open; emitted at each change. */
  get connectionChanged(): ISignal<this, boolean> {
    return this._connectionChanged;
  }

  get isConnected(): boolean {
    return this._socket?.readyState === 1;
  }

  /** When the next try to connect is made, milliseconds since 1970; 0 while connected. */
  get nextTry(): number {
    return this.isConnected ? 0 : this._nextTry;
  }

  /** Try now instead of later. */
  reconnect(): void {
    const { readyState } = this._socket ?? { readyState: 3 };
    if (!this.isDisposed && readyState > 1) {
      window.clearTimeout(this._timer);
      this._wait = FIRST_WAIT;
      this._open();
    }
  }

  /**
   * Find out whether the socket still leads to the server: a cut wire closes nothing.
   *
   * Without an answer in time it counts as lost. It is done by itself when the server has been
   * quiet for long.
   *
   * @param patience - milliseconds to wait for any word
   */
  check(patience = PATIENCE): void {
    if (this.isConnected) {
      this._send({ type: 'ping' });
      this._expect(patience);
    }
  }

  /**
   * Hear every event of a session, from the first one or from the newest on; dispose to stop.
   *
   * @param session - its id, not its name
   * @param last - how many of the newest events to begin with
   */
  subscribe(session: string, subscriber: ISubscriber, last?: number): IDisposable {
    if (this._subscriptions.has(session)) {
      throw new Error(`${session} is subscribed already: share its model`);
    }
    const subscription = { begin: last, last: 0, following: false, hole: 0, subscriber };
    this._subscriptions.set(session, subscription);
    this._follow(session, subscription);
    return new DisposableDelegate(() => {
      this._subscriptions.delete(session);
      this._send({ type: 'unsubscribe', session });
    });
  }

  protected override release(): void {
    window.clearTimeout(this._timer);
    window.clearTimeout(this._due);
    this._socket?.close();
  }

  private _open(): void {
    const { wsUrl, token, appendToken, WebSocket } = this._settings;
    let url = URLExt.join(wsUrl, 'api/codecast/v1/stream');
    if (appendToken && token) {
      url += `?token=${encodeURIComponent(token)}`;
    }
    const socket = (this._socket = new WebSocket(url));
    socket.onopen = () => {
      if (socket === this._socket) {
        this._nextTry = 0;
        this._wait = FIRST_WAIT;
        this._heard();
        this._send({ type: 'watch' });
        this._subscriptions.forEach((subscription, id) => this._follow(id, subscription));
        this._connectionChanged.emit(true);
      }
    };
    socket.onmessage = message => {
      if (socket === this._socket) {
        this._heard();
        this._take(JSON.parse(message.data));
      }
    };
    socket.onclose = () => this._lost(socket);
    this._expect(PATIENCE);
  }

  private _lost(socket: WebSocket): void {
    if (socket !== this._socket || this.isDisposed) {
      return; // it was given up before
    }
    this._socket = null;
    window.clearTimeout(this._due);
    this._timer = window.setTimeout(() => this._open(), this._wait);
    this._nextTry = Date.now() + this._wait;
    this._wait = Math.min(this._wait * 2, LONGEST_WAIT);
    this._connectionChanged.emit(false);
  }

  /** The server has said something, so it is there; later it is asked. */
  private _heard(): void {
    window.clearTimeout(this._due);
    this._due = window.setTimeout(() => this.check(), QUIET);
  }

  /** A word by then, or the socket is given up. */
  private _expect(patience: number): void {
    const socket = this._socket!;
    window.clearTimeout(this._due);
    this._due = window.setTimeout(() => {
      this._lost(socket);
      socket.close(); // which takes its time where nobody answers
    }, patience);
  }

  private _follow(session: string, subscription: ISubscription): void {
    subscription.following = false;
    const { begin, last } = subscription;
    const from = begin === undefined ? { after: last } : { last: begin };
    this._send({ type: 'subscribe', session, ...from });
  }

  private _take(frame: ServerFrame): void {
    const subscription = 'session' in frame && this._subscriptions.get(String(frame.session));
    if (frame.type === 'events') {
      // what was on its way before the server took a new subscription belongs to the old one
      if (subscription && subscription.following) {
        this._hand(frame.session, subscription, frame.events);
      }
    } else if (frame.type === 'subscribed') {
      if (subscription && subscription.begin !== undefined && frame.state) {
        subscription.begin = undefined;
        subscription.last = frame.after;
      }
      if (subscription && frame.after <= subscription.last && subscription.begin === undefined) {
        subscription.following = true;
        subscription.subscriber.subscribed(frame);
      }
    } else {
      this._frame.emit(frame);
    }
  }

  private _hand(session: string, subscription: ISubscription, events: SessionEvent[]): void {
    const fresh = events.filter(event => event.seq > subscription.last);
    if (!fresh.length) {
      return;
    }
    const next = subscription.last + 1;
    if (fresh[0].seq !== next && fresh[0].type !== 'gap' && subscription.hole !== next) {
      subscription.hole = next;
      this._follow(session, subscription);
      return;
    }
    subscription.last = fresh[fresh.length - 1].seq;
    subscription.subscriber.events(fresh);
  }

  private _send(frame: object): void {
    if (this.isConnected) {
      this._socket!.send(JSON.stringify(frame));
    }
  }

  private _socket: WebSocket | null = null;
  private _subscriptions = new Map<string, ISubscription>();
  private _frame = new Signal<this, ServerFrame>(this);
  private _connectionChanged = new Signal<this, boolean>(this);
  private _wait = FIRST_WAIT;
  private _timer = 0;
  private _due = 0;
  private _nextTry = 0;
}
