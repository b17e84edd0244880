// Made by scripts/generate_types.py from codecast_agent.protocol.events: do not edit.

/**
 * A content block, ACP's: `type` text (text), image (data, mime_type) or resource_link (uri). The
 * uri `attachment:DIGITS/NAME` is a file sent with the prompt, also of an image then without
 * data.
 */
export interface IContent {
  type: string;
  text?: string;
  data?: string;
  mime_type?: string;
  uri?: string;
  name?: string;
}

/** What a tool call shows: `type` text (text) or diff (path, diff: unified, created, deleted). */
export interface IToolContent {
  type: string;
  text?: string;
  path?: string;
  diff?: string;
  created?: boolean;
  deleted?: boolean;
}

/** A file a tool call touches. */
export interface ILocation {
  path: string;
  line?: number;
}

/** A line of the to-do list; status pending, in_progress or completed. */
export interface IPlanEntry {
  content: string;
  status: string;
  priority?: string;
}

/** A slash command or skill the CLI offers. */
export interface ICommand {
  name: string;
  description?: string;
  hint?: string;
}

/** One value of a setting. */
export interface IChoice {
  value: string;
  name?: string;
  description?: string;
  class?: string;
}

/**
 * A setting of the CLI: `model`, `mode` (its own list; `class` is our auto, code, plan or ask) or
 * another.
 */
export interface ISetting {
  value?: string;
  choices?: IChoice[];
}

/**
 * An answer to a permission request. `kind` is ACP's: allow_once, allow_always, reject_once,
 * reject_always. `rule` is the text of what `always` would allow; `ends_turn` tells that choosing
 * it stops the CLI.
 */
export interface IOption {
  id: string;
  kind: string;
  label: string;
  scope?: string;
  rule?: string;
  ends_turn?: boolean;
}

/** A choice. */
export interface IQuestionOption {
  label: string;
  description?: string;
}

/** A question to the person; `multiple` allows several labels, `free_text` an own answer. */
export interface IQuestion {
  id: string;
  header?: string;
  text: string;
  options: IQuestionOption[];
  multiple: boolean;
  free_text: boolean;
}

/** Tokens of a turn or message. */
export interface IUsage {
  input_tokens?: number;
  output_tokens?: number;
  cache_read_tokens?: number;
  cache_write_tokens?: number;
}

/** See `protocol.errors`; `status` is the HTTP status of a model API. */
export interface IProblem {
  code: string;
  message: string;
  hint?: string;
  detail?: string;
  data?: unknown;
  status?: number;
  retryable?: boolean;
}

/** Who did it, and on which surface (lab, notebook, shell, telegram, ...). */
export interface IPerson {
  by?: string;
  where?: string;
}

/** What every event has: its number, its time in seconds, and what may be added. */
export interface IRecord {
  seq: number;
  time: number;
  turn?: number;
  parent?: string;
  raw?: unknown;
  history?: boolean;
}

/**
 * What the CLI was told, where it was not one of our prompts (adopted history, a turn of its
 * own).
 */
export interface IUserMessageChunkEvent extends IRecord {
  type: 'user_message_chunk';
  message: string;
  content: IContent;
}

/** Text of the answer; chunks of one `message` append. */
export interface IAgentMessageChunkEvent extends IRecord {
  type: 'agent_message_chunk';
  message: string;
  content: IContent;
}

/** Text of the reasoning; chunks of one `message` append. */
export interface IAgentThoughtChunkEvent extends IRecord {
  type: 'agent_thought_chunk';
  message: string;
  content: IContent;
}

/**
 * A tool call, by id: an upsert. `kind` is ACP's (read, edit, delete, move, search, execute,
 * think, fetch, other), `status` pending, in_progress, completed or failed.
 */
export interface IToolCallEvent extends IRecord {
  type: 'tool_call';
  call: string;
  title: string;
  kind: string;
  status: string;
  content?: IToolContent[];
  locations?: ILocation[];
  raw_input?: unknown;
  raw_output?: unknown;
}

/** Changed fields of a tool call; one never seen before is created by it. */
export interface IToolCallUpdateEvent extends IRecord {
  type: 'tool_call_update';
  call: string;
  title?: string;
  kind?: string;
  status?: string;
  content?: IToolContent[];
  locations?: ILocation[];
  raw_input?: unknown;
  raw_output?: unknown;
}

/** More output of a running tool call. */
export interface IToolOutputDeltaEvent extends IRecord {
  type: 'tool_output_delta';
  call: string;
  text: string;
}

/** The whole to-do list, each time. */
export interface IPlanEvent extends IRecord {
  type: 'plan';
  entries: IPlanEntry[];
}

/** The slash commands now offered. */
export interface IAvailableCommandsUpdateEvent extends IRecord {
  type: 'available_commands_update';
  commands: ICommand[];
}

/**
 * Settings that changed, by name (`model`, `mode`, ...); `class` is the mode in our words.
 * `chosen` has, by name, what a person set and the CLI took: it is started with that again.
 * `asked` has what only its next start can show; null takes it back.
 */
export interface IConfigOptionUpdateEvent extends IRecord {
  type: 'config_option_update';
  settings: unknown;
  class?: string;
  chosen?: unknown;
  asked?: unknown;
  by?: string;
  where?: string;
}

/** `native` is the CLI's own session id: journaled before its first event is shown. */
export interface ISessionInfoUpdateEvent extends IRecord {
  type: 'session_info_update';
  native?: string;
  title?: string;
  cwd?: string;
  cli?: string;
  cli_version?: string;
  name?: string;
}

/** Cost in US dollars of the whole session so far, and the context window in tokens. */
export interface IUsageUpdateEvent extends IRecord {
  type: 'usage_update';
  usage?: IUsage;
  cost_usd?: number;
  context_used?: number;
  context_size?: number;
}

/**
 * The whole budget, each time: US dollars, turns, and minutes in which a turn ran and nobody was
 * waited for. What is absent is unlimited. It lifts `budget_reached`.
 */
export interface IBudgetUpdateEvent extends IRecord {
  type: 'budget_update';
  max_cost?: number;
  max_turns?: number;
  max_minutes?: number;
  by?: string;
  where?: string;
}

/**
 * `limit` is max_cost, max_turns or max_minutes. The session is `paused`: the running turn is
 * interrupted, no prompt is begun, what waits stays queued, until the budget is raised.
 */
export interface IBudgetReachedEvent extends IRecord {
  type: 'budget_reached';
  limit: string;
  value: number;
  max: number;
}

/**
 * The CLI's process: `starting`, `ready`, `exited` (by itself or killed: the next prompt resumes
 * it), `stopped` (by a person) or `failed` (it never became ready).
 */
export interface ISessionStateEvent extends IRecord {
  type: 'session_state';
  state: string;
  pid?: number;
  code?: number;
  signal?: number;
  resumed?: boolean;
  error?: IProblem;
  by?: string;
  where?: string;
}

/** `prompts` is empty for a turn the CLI began by itself. */
export interface ITurnStartedEvent extends IRecord {
  type: 'turn_started';
  turn: number;
  prompts: string[];
}

/** `reason` is end_turn, cancelled, refusal, error, max_tokens or max_turn_requests. */
export interface ITurnEndedEvent extends IRecord {
  type: 'turn_ended';
  turn: number;
  reason: string;
  error?: IProblem;
  usage?: IUsage;
  cost_usd?: number;
  duration?: number;
}

/**
 * `state` is queued (with the content, also when edited), running, done, failed, cancelled or
 * unknown (nobody can tell whether the CLI took it). `steered` marks one put into a running turn.
 * `before`, of a queued one, moves it in front of another queued one, or to the end where it is
 * empty; `move` is the id of that, by which it is done once, `mover` who did it.
 */
export interface IPromptStateEvent extends IRecord {
  type: 'prompt_state';
  prompt: string;
  state: string;
  content?: IContent[];
  steered?: boolean;
  before?: string;
  move?: string;
  mover?: IPerson;
  by?: string;
  where?: string;
  error?: IProblem;
}

/**
 * A permission request (`kind` permission: options) or a question (`kind` question: questions).
 * `call` is its tool call; title, content and raw_input suffice to show it without one.
 */
export interface IRequestOpenedEvent extends IRecord {
  type: 'request_opened';
  request: string;
  kind: string;
  title: string;
  call?: string;
  description?: string;
  tool_kind?: string;
  content?: IToolContent[];
  locations?: ILocation[];
  raw_input?: unknown;
  options?: IOption[];
  questions?: IQuestion[];
}

/**
 * The one answer. `option` for a permission; `answers` maps a question's id to labels and own
 * words; `declined` when the person would not answer.
 */
export interface IRequestResolvedEvent extends IRecord {
  type: 'request_resolved';
  request: string;
  option?: string;
  label?: string;
  answers?: unknown;
  declined?: boolean;
  message?: string;
  by?: string;
  where?: string;
}

/** Nobody can answer it any more. */
export interface IRequestWithdrawnEvent extends IRecord {
  type: 'request_withdrawn';
  request: string;
  why: string;
}

/** A retry starts this message's text anew. */
export interface IMessageDiscardedEvent extends IRecord {
  type: 'message_discarded';
  message: string;
}

/** The model API failed and is asked again. */
export interface IRetryEvent extends IRecord {
  type: 'retry';
  attempt: number;
  max?: number;
  delay_ms?: number;
  status?: number;
  text?: string;
}

/** Work that outlives or accompanies the turn; `state` running, completed, failed or stopped. */
export interface IBackgroundEvent extends IRecord {
  type: 'background';
  task: string;
  state: string;
  title?: string;
  text?: string;
}

/** Words for the person; `level` info, warning or error. Unknown native messages arrive so. */
export interface INoticeEvent extends IRecord {
  type: 'notice';
  level: string;
  text: string;
}

/** Events `first` to `last` cannot be had any more; said, never silent. */
export interface IGapEvent extends IRecord {
  type: 'gap';
  first: number;
  last: number;
  why: string;
}

/** An event of the vocabulary; readers pass over types they do not know. */
export type SessionEvent =
  | IUserMessageChunkEvent
  | IAgentMessageChunkEvent
  | IAgentThoughtChunkEvent
  | IToolCallEvent
  | IToolCallUpdateEvent
  | IToolOutputDeltaEvent
  | IPlanEvent
  | IAvailableCommandsUpdateEvent
  | IConfigOptionUpdateEvent
  | ISessionInfoUpdateEvent
  | IUsageUpdateEvent
  | IBudgetUpdateEvent
  | IBudgetReachedEvent
  | ISessionStateEvent
  | ITurnStartedEvent
  | ITurnEndedEvent
  | IPromptStateEvent
  | IRequestOpenedEvent
  | IRequestResolvedEvent
  | IRequestWithdrawnEvent
  | IMessageDiscardedEvent
  | IRetryEvent
  | IBackgroundEvent
  | INoticeEvent
  | IGapEvent;

/** States after which nothing more is heard of a prompt. */
export const TERMINAL_PROMPT_STATES: readonly string[] = ['cancelled', 'done', 'failed', 'unknown'];
