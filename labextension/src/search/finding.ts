import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { CodecastError } from '../connection/api';
import { IHit } from '../connection/types';
import { IProblem } from '../model/events.gen';

const PAUSE = 200; // milliseconds without a key before it is looked for
const MOST = 60; // hits

/** A search while one types: the answer to the last words wins, however late others come. */
export class Finding implements IDisposable {
  constructor(private _api: { search(q: string, limit: number): Promise<IHit[]> }) {}

  hits: IHit[] = [];
  problem: IProblem | null = null;
  /** Whether an answer to what is written now is on its way. */
  isLooking = false;
  /** The words that the hits are of. */
  found = '';

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  get words(): string {
    return this._words;
  }

  set words(words: string) {
    this._words = words;
    window.clearTimeout(this._timer);
    this._number += 1;
    this.problem = null;
    this.isLooking = !!words.trim();
    if (this.isLooking) {
      this._timer = window.setTimeout(() => void this._look(this._number), PAUSE);
    } else {
      this.hits = [];
      this.found = '';
    }
    this._changed.emit();
  }

  dispose(): void {
    this._isDisposed = true;
    window.clearTimeout(this._timer);
    Signal.clearData(this);
  }

  private async _look(number: number): Promise<void> {
    const words = this._words;
    let hits: IHit[] = [];
    let problem: IProblem | null = null;
    try {
      hits = await this._api.search(words, MOST);
    } catch (error) {
      problem = CodecastError.problem(error);
    }
    if (number === this._number && !this._isDisposed) {
      this.hits = hits;
      this.problem = problem;
      this.found = words;
      this.isLooking = false;
      this._changed.emit();
    }
  }

  private _words = '';
  private _number = 0;
  private _timer = 0;
  private _changed = new Signal<this, void>(this);
  private _isDisposed = false;
}

/** A snippet cut where marks begin and end: `[text, is it marked]`. */
export function marked(snippet: string, marks: number[][] = []): [string, boolean][] {
  const parts: [string, boolean][] = [];
  let at = 0;
  for (const [start, end] of marks) {
    if (start >= at && end <= snippet.length) {
      parts.push([snippet.slice(at, start), false], [snippet.slice(start, end), true]);
      at = end;
    }
  }
  parts.push([snippet.slice(at), false]);
  return parts.filter(([text]) => text);
}
