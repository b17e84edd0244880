import { EventStream } from '../connection/stream';
import { IMachine, IPrompt, ISession, ServerFrame } from '../connection/types';
import { Model } from './base';
import { Status } from './state';

/** What a person is told of a session: one that never began has failed. */
export function statusOf(session: ISession): Status {
  return session.delivery === 'failed' ? 'failed' : session.state.status;
}

/** How far a prompt is; nothing follows an end. */
function stepOf({ state }: IPrompt): number {
  const step = ['stored', 'delivered', 'queued', 'running'].indexOf(state);
  return step < 0 ? Infinity : step;
}

/** What the server says of all machines, sessions and prompts, live. */
export class HubModel extends Model {
  constructor(private _stream: EventStream) {
    super();
    _stream.frame.connect(this._take, this);
    _stream.connectionChanged.connect(this._onConnection, this);
  }

  readonly machines = new Map<string, IMachine>();
  readonly sessions = new Map<string, ISession>();

  /** Prompts that were seen to change, by id. */
  readonly prompts = new Map<string, IPrompt>();

  /** Whether the first account of everything is complete. */
  isLoaded = false;

  get isConnected(): boolean {
    return this._stream.isConnected;
  }

  /** What a machine, or one that waits for a session to start, is busy with; '' when nothing. */
  doing(machine: string, session = ''): string {
    const known = this.machines.get(machine);
    const connecting = known?.state === 'online' ? '' : (known?.progress ?? '');
    return this._doing.get(`${machine}\n${session}`) ?? connecting;
  }

  /** Take in what an answer of the REST side said, ahead of the stream. */
  learn(session: ISession): void {
    this.sessions.set(session.id, session);
    this._changed.emit();
  }

  /** Likewise of prompts; what the stream has said of them since is kept. */
  learnPrompts(prompts: IPrompt[]): void {
    for (const prompt of prompts) {
      const known = this.prompts.get(prompt.id);
      if (!known || stepOf(known) <= stepOf(prompt)) {
        this.prompts.set(prompt.id, prompt);
      }
    }
    this._changed.emit();
  }

  private _take(_: EventStream, frame: ServerFrame): void {
    switch (frame.type) {
      case 'session':
        this.sessions.set(frame.session.id, frame.session);
        this._told.add(frame.session.id);
        break;
      case 'session_removed':
        this.sessions.delete(frame.id);
        break;
      case 'machine':
        this.machines.set(frame.machine.name, frame.machine);
        this._told.add(frame.machine.name);
        break;
      case 'machine_removed':
        this.machines.delete(frame.name);
        break;
      case 'prompt':
        this.prompts.set(frame.prompt.id, frame.prompt);
        break;
      case 'progress': {
        const about = `${frame.machine}\n${frame.session ?? ''}`;
        if (frame.text) {
          this._doing.set(about, frame.text);
        } else {
          this._doing.delete(about);
        }
        break;
      }
      case 'watching':
        this._forgetUntold();
        this.isLoaded = true;
        break;
      default:
        return;
    }
    this._changed.emit();
  }

  /** What was removed while the socket was lost is not told again. */
  private _forgetUntold(): void {
    for (const known of [this.sessions, this.machines]) {
      for (const name of [...known.keys()]) {
        if (!this._told.has(name)) {
          known.delete(name);
        }
      }
    }
  }

  private _onConnection(): void {
    this._told.clear();
    this._doing.clear();
    this._changed.emit();
  }

  private _doing = new Map<string, string>(); // by machine and session
  private _told = new Set<string>(); // since the socket was opened
}
