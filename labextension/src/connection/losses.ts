import { Model } from '../model/base';
import { EventStream } from './stream';

const EVERY = 3000; // milliseconds between two questions whether the server answers
const PATIENCE = 5000; // until it has answered: behind a cut wire nothing ever does

/**
 * What of the way to the server is lost: nothing; the socket alone, while the server answers
 * (a proxy cut it, or the page slept); the server; or the network of this computer.
 */
export type Loss = 'nothing' | 'socket' | 'server' | 'network';

/** Tells the losses apart, and has the socket come back as soon as there is reason to hope. */
export class Losses extends Model<Loss> {
  constructor(
    private _stream: EventStream,
    private _server: { health(): Promise<unknown> }
  ) {
    super();
    _stream.connectionChanged.connect(this._onConnection, this);
    window.addEventListener('online', this._onDoubt);
    window.addEventListener('offline', this._onDoubt);
    document.addEventListener('visibilitychange', this._onDoubt);
  }

  get loss(): Loss {
    return this._loss;
  }

  protected override release(): void {
    window.clearTimeout(this._timer);
    window.removeEventListener('online', this._onDoubt);
    window.removeEventListener('offline', this._onDoubt);
    document.removeEventListener('visibilitychange', this._onDoubt);
  }

  private _onConnection = (): void => {
    window.clearTimeout(this._timer);
    if (this._stream.isConnected) {
      this._set('nothing');
    } else {
      if (!navigator.onLine) {
        this._set('network'); // at once; a server on this very computer may answer all the same
      }
      void this._look();
    }
  };

  /** The network is gone or back, or somebody looks at the page again: is what seems so, true? */
  private _onDoubt = (): void => {
    if (this._stream.isConnected) {
      this._stream.check(PATIENCE);
    } else if (!navigator.onLine) {
      this._onConnection();
    } else if (!document.hidden) {
      this._stream.reconnect();
    }
  };

  private async _look(): Promise<void> {
    const number = ++this._number;
    const answers = await this._answers();
    if (this.isDisposed || this._stream.isConnected || number !== this._number) {
      return;
    }
    this._set(answers ? 'socket' : navigator.onLine ? 'server' : 'network');
    window.clearTimeout(this._timer);
    this._timer = window.setTimeout(() => void this._look(), EVERY);
  }

  private _answers(): Promise<boolean> {
    const health = this._server.health().then(
      () => true,
      () => false
    );
    const silence = new Promise<boolean>(done => setTimeout(() => done(false), PATIENCE));
    return Promise.race([health, silence]);
  }

  private _set(loss: Loss): void {
    if (loss !== this._loss) {
      const wasGone = this._loss === 'server' || this._loss === 'network';
      this._loss = loss;
      this._changed.emit(loss);
      if (wasGone && loss === 'socket') {
        this._stream.reconnect(); // it is there again: no need to wait for the next try
      }
    }
  }

  private _loss: Loss = 'nothing';
  private _timer = 0;
  private _number = 0; // of the newest look
}
