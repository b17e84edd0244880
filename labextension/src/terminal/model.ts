import { ISignal } from '@lumino/signaling';

import { CodecastError } from '../connection/api';
import { ICodecast } from '../connection/tokens';
import { ITerminal } from '../connection/types';
import { Model } from '../model/base';

/** Of Lab's terminal session, what we look at. */
export interface ISession {
  readonly isDisposed: boolean;
  readonly disposed: ISignal<unknown, void>;
  readonly messageReceived: ISignal<unknown, { type: string }>;
  dispose(): void;
}

/**
 * How a terminal is: alive; silent, while its machine or the server cannot be reached; ended, as
 * shells end; or lost, with the connection that it lived on.
 */
export type TerminalState = 'alive' | 'silent' | 'ended' | 'lost';

/** Tells how a terminal is, from what its socket, the machine and the server say. */
export class TerminalModel extends Model<TerminalState> {
  constructor(
    readonly about: ITerminal,
    private _session: ISession,
    private _codecast: Pick<ICodecast, 'api' | 'hub' | 'stream'>
  ) {
    super();
    const { hub, stream } = _codecast;
    _session.messageReceived.connect(this._onMessage, this);
    _session.disposed.connect(this._look, this);
    hub.changed.connect(this._look, this);
    stream.connectionChanged.connect(this._onConnection, this);
    this._look();
  }

  get state(): TerminalState {
    return this._state;
  }

  /** Whether it is the server that cannot be reached, not the machine. */
  get isServerLost(): boolean {
    return !this._codecast.hub.isConnected;
  }

  private _onMessage(_: unknown, { type }: { type: string }): void {
    this._hasEnded ||= type === 'ended';
  }

  /** The server is back, perhaps another one: shells live no longer than it. */
  private async _onConnection(_: unknown, connected: boolean): Promise<void> {
    this._look();
    if (connected && !this._session.isDisposed) {
      try {
        await this._codecast.api.terminal(this.about.name);
      } catch (error) {
        if (CodecastError.problem(error).code === 'not_found') {
          this._session.dispose();
        }
      }
    }
  }

  private _look(): void {
    const { hub } = this._codecast;
    const machine = hub.machines.get(this.about.machine);
    const state = this._session.isDisposed
      ? this._hasEnded
        ? 'ended'
        : 'lost'
      : hub.isConnected && machine?.state === 'online'
        ? 'alive'
        : 'silent';
    if (state !== this._state && !this.isDisposed) {
      this._state = state;
      this._changed.emit(state);
    }
  }

  private _hasEnded = false;
  private _state: TerminalState = 'alive';
}
