import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { EventStream } from './stream';

const EVERY = 3000; // milliseconds between two questions whether the server answers

/**
 * What of the way to the server is lost: nothing; the socket alone, while the server answers
 * (a proxy cut it, or the page slept); the server; or the network of this computer.
 */
export type Loss = 'nothing' | 'socket' | 'server' | 'network';

/** Tells the losses apart, and has the socket come back as soon as there is reason to hope. */
export class Losses implements IDisposable {
  constructor(
    private _stream: EventStream,
    private _server: { health(): Promise<unknown> }
  ) {
    _stream.connectionChanged.connect(this._onConnection, this);
    window.addEventListener('online', this._onHope);
    window.addEventListener('offline', this._onConnection);
    document.addEventListener('visibilitychange', this._onHope);
  }

  get loss(): Loss {
    return this._loss;
  }

  get changed(): ISignal<this, Loss> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      window.clearTimeout(this._timer);
      window.removeEventListener('online', this._onHope);
      window.removeEventListener('offline', this._onConnection);
      document.removeEventListener('visibilitychange', this._onHope);
      Signal.clearData(this);
    }
  }

  private _onConnection = (): void => {
    window.clearTimeout(this._timer);
    if (this._stream.isConnected) {
      this._set('nothing');
    } else if (!navigator.onLine) {
      this._set('network');
    } else {
      void this._look();
    }
  };

  /** The network is back, or somebody looks at the page again. */
  private _onHope = (): void => {
    if (!this._stream.isConnected && !document.hidden) {
      this._stream.reconnect();
    }
  };

  private async _look(): Promise<void> {
    const answers = await this._server.health().then(
      () => true,
      () => false
    );
    if (this._isDisposed || this._stream.isConnected) {
      return;
    }
    this._set(navigator.onLine ? (answers ? 'socket' : 'server') : 'network');
    window.clearTimeout(this._timer);
    this._timer = window.setTimeout(() => void this._look(), EVERY);
  }

  private _set(loss: Loss): void {
    if (loss !== this._loss) {
      const wasServer = this._loss === 'server';
      this._loss = loss;
      this._changed.emit(loss);
      if (wasServer && loss === 'socket') {
        this._stream.reconnect(); // it is there again: no need to wait for the next try
      }
    }
  }

  private _loss: Loss = 'nothing';
  private _timer = 0;
  private _changed = new Signal<this, Loss>(this);
  private _isDisposed = false;
}
