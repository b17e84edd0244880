import { IMachineInfo } from '../connection/types';
import { Model } from '../model/base';
import { HubModel } from '../model/hub';

const EVERY = 5000; // milliseconds between two looks at a machine

/**
 * What the machines' hardware does, asked for while somebody looks: of machines that are
 * connected, one question at a time each, and none while the page is hidden.
 */
export class Figures extends Model {
  constructor(
    private _hub: HubModel,
    private _api: { machineInfo(machine: string): Promise<IMachineInfo> }
  ) {
    super();
    _hub.changed.connect(this._look, this);
    document.addEventListener('visibilitychange', this._onVisibility);
  }

  /** The last known figures; none of a machine that is not connected. */
  of(machine: string): IMachineInfo | undefined {
    return this._hub.machines.get(machine)?.state === 'online'
      ? this._known.get(machine)?.info
      : undefined;
  }

  /** Whether somebody looks. */
  set isWatched(watched: boolean) {
    this._isWatched = watched;
    this._look();
  }

  protected override release(): void {
    window.clearTimeout(this._timer);
    document.removeEventListener('visibilitychange', this._onVisibility);
  }

  private _onVisibility = (): void => this._look();

  private _look(): void {
    window.clearTimeout(this._timer);
    if (!this._isWatched || this.isDisposed || document.hidden) {
      return;
    }
    const now = Date.now();
    for (const { name, state } of this._hub.machines.values()) {
      const asked = this._known.get(name)?.asked ?? 0;
      if (state === 'online' && !this._asking.has(name) && now - asked >= EVERY) {
        void this._ask(name);
      }
    }
    this._timer = window.setTimeout(() => this._look(), EVERY);
  }

  private async _ask(machine: string): Promise<void> {
    this._asking.add(machine);
    const info = await this._api.machineInfo(machine).catch(() => undefined);
    this._asking.delete(machine);
    this._known.set(machine, { info, asked: Date.now() });
    if (!this.isDisposed) {
      this._changed.emit();
    }
  }

  private _isWatched = false;
  private _known = new Map<string, { info?: IMachineInfo; asked: number }>();
  private _asking = new Set<string>();
  private _timer = 0;
}

/** A GPU that is at work. */
export function isBusy(gpu: { utilization?: number | null }): boolean {
  return (gpu.utilization ?? 0) >= 10;
}

/** Bytes as a person reads them: `1.5 GB`, `640 MB`. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let unit = 0;
  while (count >= 999.5 && unit < units.length - 1) {
    count /= 1000;
    unit += 1;
  }
  return `${count < 9.95 && unit > 1 ? count.toFixed(1) : Math.round(count)} ${units[unit]}`;
}

/** How much of something is used, from 0 to 1; undefined where it is not told. */
export function share(used?: number | null, total?: number | null): number | undefined {
  return typeof used === 'number' && total ? Math.min(1, Math.max(0, used / total)) : undefined;
}
