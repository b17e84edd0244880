import { CodecastError } from '../connection/api';
import { IHit } from '../connection/types';
import { Model } from '../model/base';
import { IProblem } from '../model/events.gen';

const PAUSE = 200; // milliseconds without a key before it is looked for
const MOST = 60; // hits

/** A search while one types: the answer to the last words wins, however late others come. */
export class Finding extends Model {
  constructor(private _api: { search(q: string, limit: number): Promise<IHit[]> }) {
    super();
  }

  hits: IHit[] = [];
  problem: IProblem | null = null;
  /** Whether an answer to what is written now is on its way. */
  isLooking = false;
  /** The words that the hits are of. */
  found = '';

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

  protected override release(): void {
    window.clearTimeout(this._timer);
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
    if (number === this._number && !this.isDisposed) {
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
