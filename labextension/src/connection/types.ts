/** The objects of the API; `codecast_jupyter/api/openapi.yaml` describes every field. */
import { IContent, IProblem, IRequestOpenedEvent, SessionEvent } from '../model/events.gen';
import { ISessionState } from '../model/state';

export interface IMachine {
  name: string;
  kind: 'local' | 'ssh';
  source: string;
  host?: string | null;
  user?: string | null;
  port?: number | null;
  state: 'offline' | 'connecting' | 'online' | 'reconnecting' | 'failed';
  error?: IProblem | null;
  /** What is being done while it is connected. */
  progress?: string;
  latency_ms?: number | null;
  hello?: { [key: string]: unknown } | null;
  sessions: number;
  defaults?: { cwd?: string; cli?: string; mode?: string; [key: string]: unknown };
  since?: number | null;
}

export interface ISession {
  id: string;
  name: string;
  machine: string;
  cli: string;
  cwd: string;
  mode: string | null;
  model: string | null;
  created: number;
  link: 'online' | 'offline';
  delivery: 'stored' | 'started' | 'failed';
  state: ISessionState;
  last_seq: number;
  error?: IProblem | null;
}

export interface IPrompt {
  id: string;
  session: string;
  text: string;
  content: IContent[];
  state: string;
  created: number;
  by?: string | null;
  where?: string | null;
  error?: IProblem | null;
}

export interface IRequest extends Omit<IRequestOpenedEvent, 'type' | 'time'> {
  session: string;
  opened: number;
  outcome: 'open' | 'resolved' | 'withdrawn';
  resolution?: { [key: string]: unknown } | null;
}

export interface ICli {
  cli: string;
  name?: string;
  found: boolean;
  version?: string | null;
  logged_in?: boolean | null;
  login_hint?: string | null;
  install?: string | null;
  note?: string | null;
}

export interface IDirectory {
  path: string;
  parent?: string | null;
  entries: { name: string; is_dir: boolean }[];
}

export interface INewSession {
  id: string;
  machine: string;
  cwd: string;
  cli?: string;
  mode?: string;
  model?: string;
  name?: string;
  prompt?: string;
  create_directory?: boolean;
}

/** The answer to a request: one of `option`, `answers`, `declined`. */
export interface IAnswer {
  option?: string;
  answers?: { [question: string]: string[] };
  declined?: true;
  message?: string;
}

/** What the server says on the stream. */
export type ServerFrame =
  | { type: 'subscribed'; session: string; requested: string; after: number; last_seq: number }
  | { type: 'events'; session: string; events: SessionEvent[] }
  | { type: 'unsubscribed'; session: string }
  | { type: 'watching' }
  | { type: 'session'; session: ISession }
  | { type: 'session_removed'; id: string }
  | { type: 'machine'; machine: IMachine }
  | { type: 'machine_removed'; name: string }
  | { type: 'prompt'; prompt: IPrompt }
  | { type: 'progress'; machine: string; session?: string; text: string }
  | ({ type: 'error'; session?: string } & IProblem);
