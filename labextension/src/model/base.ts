import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

/** What is given up at some time, and from then on tells nothing and is told nothing. */
export abstract class Disposable implements IDisposable {
  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this.release();
      Signal.clearData(this); // its own signals, and those it is connected to
    }
  }

  /** Let go of what signals are not: timers, listeners of the page, sockets. */
  protected release(): void {}

  private _isDisposed = false;
}

/** What a view shows, and looks at again whenever it has changed. */
export abstract class Model<T = void> extends Disposable {
  get changed(): ISignal<this, T> {
    return this._changed;
  }

  protected _changed = new Signal<this, T>(this);
}
