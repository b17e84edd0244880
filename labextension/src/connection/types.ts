/**
 * The objects of the API, from `openapi.yaml` by way of `api.gen.ts` (`jlpm types`).
 *
 * What the file leaves open (a state, a block of content) is what the events' vocabulary says.
 */
import { IContent, IOption, IProblem, IQuestion, SessionEvent } from '../model/events.gen';
import { IRequestOpenedEvent } from '../model/events.gen';
import { ISessionState } from '../model/state';
import { components } from './api.gen';

type Schemas = components['schemas'];

/** A schema's named fields, without the unknown ones that a newer server may send. */
type Known<T> = { [K in keyof T as string extends K ? never : K]: T[K] };

/** The same with some fields told more exactly. */
type Precise<T, F> = Omit<Known<T>, keyof F> & F;

export type IMachine = Precise<
  Schemas['Machine'],
  {
    error?: IProblem | null;
    source: string;
    defaults?: {
      cwd?: string;
      cli?: string | null;
      mode?: string | null;
      model?: string | null;
      directories?: string[];
      budget?: IBudgetChange;
      [key: string]: unknown;
    };
  }
>;

export type ISession = Precise<
  Schemas['Session'],
  { state: ISessionState; error?: IProblem | null }
>;

export type IPrompt = Precise<
  Schemas['Prompt'],
  { content: IContent[]; state: string; error?: IProblem | null }
>;

export type IRequest = Precise<
  Schemas['Request'],
  { options?: IOption[]; questions?: IQuestion[] } & Omit<
    IRequestOpenedEvent,
    'type' | 'time' | 'options' | 'questions'
  >
>;

export type ICli = Known<Schemas['Cli']>;

export type IDirectory = Precise<Schemas['Directory'], { entries: IDirectoryEntry[] }>;

export type IDirectoryEntry = Known<Schemas['Directory']['entries'][number]>;

export type INewSession = Precise<
  Schemas['NewSession'],
  { id: string; mode?: string; skills?: boolean }
>;

export type IHealth = Schemas['Health'];

/** What a session may spend; null lifts a limit. */
export type IBudgetChange = Schemas['Budget'];

export type ISessionUsage = Known<Schemas['SessionUsage']>;

/** Events of a session, in order; `more` tells of others in the direction asked for. */
export type IEventPage = Precise<Schemas['EventPage'], { events: SessionEvent[] }>;

export type IExamination = Schemas['Examination'];

export type ICheck = Known<Schemas['Examination']['checks'][number]>;

export type IMachineInfo = Known<Schemas['MachineInfo']>;

export type IGpu = NonNullable<IMachineInfo['gpus']>[number];

export type IConversation = Known<Schemas['Conversation']>;

export type IHit = Known<Schemas['Hit']>;

export type IFileEntry = Known<Schemas['FileEntry']>;

export type IFile = Precise<Schemas['File'], { entries?: IFileEntry[] }>;

export type IChange = Known<Schemas['Changes']['files'][number]>;

export type IChanges = Precise<Schemas['Changes'], { files: IChange[] }>;

export type IDifference = Known<Schemas['Difference']>;

export type ITerminal = Schemas['Terminal'];

/** What can be changed of a session. */
export interface ISessionChange {
  name?: string;
  mode?: string;
  model?: string;
  budget?: IBudgetChange;
}

/** The answer to a request: one of `option`, `answers`, `declined`. */
export interface IAnswer {
  option?: string;
  answers?: { [question: string]: string[] };
  declined?: true;
  message?: string;
}

/** Where a subscription begins; `state` when only the last events were asked for. */
export interface ISubscribed {
  type: 'subscribed';
  session: string;
  requested: string;
  after: number;
  last_seq: number;
  state?: ISessionState;
}

/** What the server says on the stream. */
export type ServerFrame =
  | ISubscribed
  | { type: 'events'; session: string; events: SessionEvent[] }
  | { type: 'unsubscribed'; session: string }
  | { type: 'watching' }
  | { type: 'pong' }
  | { type: 'session'; session: ISession }
  | { type: 'session_removed'; id: string }
  | { type: 'machine'; machine: IMachine }
  | { type: 'machine_removed'; name: string }
  | { type: 'prompt'; prompt: IPrompt }
  | { type: 'progress'; machine: string; session?: string; text: string }
  | ({ type: 'error'; session?: string } & IProblem);
