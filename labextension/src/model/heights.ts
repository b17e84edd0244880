/** How tall rows are, measured or guessed, and so where each stands in a long list. */
export class Heights {
  /** Name the rows, in order. What is known of a key stays known. */
  setKeys(keys: readonly string[]): void {
    this._keys = keys;
    this._valid = 0;
  }

  /** Take a measured height in pixels; whether it is new. */
  measure(key: string, height: number): boolean {
    const known = this._measured.get(key);
    if (known !== undefined && Math.abs(known - height) < 0.5) {
      return false;
    }
    this._measured.set(key, height);
    this._sum += height - (known ?? 0);
    this._valid = 0;
    return true;
  }

  get count(): number {
    return this._keys.length;
  }

  get total(): number {
    return this.top(this._keys.length);
  }

  /** Where a row begins; that of the end for an index behind the last. */
  top(index: number): number {
    this._lay(index);
    return this._tops[index];
  }

  /** The row at a place, within the list. */
  at(place: number): number {
    this._lay(this._keys.length);
    let low = 0;
    let high = Math.max(0, this._keys.length - 1);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this._tops[middle] <= place) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  /** Guessed for a row that was never drawn: what rows have on average. */
  get guess(): number {
    const { size } = this._measured;
    return size ? Math.max(8, this._sum / size) : 60;
  }

  private _lay(upTo: number): void {
    if (this._valid > upTo) {
      return;
    }
    if (this._tops.length < this._keys.length + 1) {
      this._tops = new Float64Array(2 * this._keys.length + 64);
    }
    const guess = this.guess;
    let top = 0;
    for (let at = 0; at < this._keys.length; at++) {
      this._tops[at] = top;
      top += this._measured.get(this._keys[at]) ?? guess;
    }
    this._tops[this._keys.length] = top;
    this._valid = this._keys.length + 1;
  }

  private _keys: readonly string[] = [];
  private _measured = new Map<string, number>();
  private _sum = 0;
  private _tops = new Float64Array(64);
  private _valid = 0;
}
