import { ISignal, Signal } from '@lumino/signaling';

import { ISession } from '../connection/types';
import { Disposable } from '../model/base';
import { HubModel, statusOf } from '../model/hub';

/** Something that a person wants to hear of although they look elsewhere. */
export interface INotice {
  /** The same for the same happening, on every page. */
  id: string;
  session: string;
  kind: 'needs' | 'paused' | 'ended' | 'failed';
  /** What is asked, or how it went. */
  text: string;
}

interface IKnown {
  requests: Set<string>;
  turn: number | null;
  status: string;
}

/**
 * Tells what happens to sessions: each once, and nothing that was so when the page was loaded.
 *
 * A fold over summaries: what happened while the socket was lost is told when it is back.
 */
export class Notices extends Disposable {
  constructor(private _hub: HubModel) {
    super();
    _hub.changed.connect(this._look, this);
    this._look();
  }

  get happened(): ISignal<this, INotice> {
    return this._happened;
  }

  /** A request has been answered, by whomever, or its session is gone: no need to look. */
  get settled(): ISignal<this, string> {
    return this._settled;
  }

  private _look(): void {
    if (!this._hub.isLoaded) {
      return;
    }
    const first = !this._began;
    this._began = true;
    for (const session of this._hub.sessions.values()) {
      const before = this._known.get(session.id);
      const now = known(session);
      this._known.set(session.id, now);
      if (!first) {
        this._compare(session, before ?? NEW, now);
      }
    }
    for (const [id, { requests }] of this._known) {
      if (!this._hub.sessions.has(id)) {
        this._known.delete(id);
        requests.forEach(request => this._settled.emit(`${id}/${request}`));
      }
    }
  }

  private _compare(session: ISession, before: IKnown, now: IKnown): void {
    const tell = (kind: INotice['kind'], about: string, text: string) =>
      this._happened.emit({ id: `${session.id}/${about}`, session: session.id, kind, text });
    for (const request of now.requests) {
      if (!before.requests.has(request)) {
        tell('needs', request, session.state.requests[request].title);
      }
    }
    for (const request of before.requests) {
      if (!now.requests.has(request)) {
        this._settled.emit(`${session.id}/${request}`);
      }
    }
    const error = session.error ?? session.state.error;
    if (now.status === 'failed' && before.status !== 'failed') {
      tell('failed', `failed ${session.state.seq}`, error?.message ?? '');
    } else if (now.status === 'paused' && before.status !== 'paused') {
      tell('paused', `paused ${session.state.seq}`, '');
    } else if (before.turn !== null && now.turn !== before.turn && now.status !== 'paused') {
      tell('ended', `turn ${before.turn}`, session.state.title ?? '');
    }
  }

  private _began = false;
  private _known = new Map<string, IKnown>();
  private _happened = new Signal<this, INotice>(this);
  private _settled = new Signal<this, string>(this);
}

const NEW: IKnown = { requests: new Set(), turn: null, status: 'starting' };

function known(session: ISession): IKnown {
  const { requests, turn } = session.state;
  return {
    requests: new Set(Object.keys(requests)),
    turn: turn?.turn ?? null,
    status: statusOf(session)
  };
}
