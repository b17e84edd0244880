import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { IContent, IProblem } from '../model/events.gen';
import { IAnswer, ICli, IDirectory, IEventPage, IHealth, IMachine, INewSession } from './types';
import { IChanges, IConversation, IDifference, IExamination, IFile, IHit } from './types';
import { IMachineInfo, ITerminal } from './types';
import { IPrompt, IRequest, ISession, ISessionChange, ISessionUsage } from './types';

const BASE = 'api/codecast/v1';

const ME = 'codecast:me'; // where the browser keeps it

type Query = { [name: string]: string };

/** A failure with the words for a person: what happened, why, what to do. */
export class CodecastError extends Error {
  constructor(readonly problem: IProblem) {
    super(problem.message);
  }

  /** Total: whatever was thrown becomes a problem one can show. */
  static problem(error: unknown): IProblem {
    return error instanceof CodecastError
      ? error.problem
      : { code: 'internal', message: error instanceof Error ? error.message : String(error) };
  }
}

/** The REST side of the server extension. Every method throws `CodecastError`. */
export class Api {
  constructor(readonly settings: ServerConnection.ISettings) {}

  clis(machine: string): Promise<ICli[]> {
    return this._call('GET', ['machines', machine, 'clis']);
  }

  directories(machine: string, path: string, hidden = false): Promise<IDirectory> {
    const query = hidden ? { path, hidden: 'true' } : { path };
    return this._call('GET', ['machines', machine, 'directories'], undefined, query as Query);
  }

  connect(machine: string): Promise<IMachine> {
    return this._call('POST', ['machines', machine, 'connect'], {});
  }

  acceptHostKey(machine: string, fingerprint: string): Promise<IMachine> {
    return this._call('POST', ['machines', machine, 'host-key'], { fingerprint });
  }

  giveSecret(machine: string, prompt: string, value: string): Promise<IMachine> {
    return this._call('POST', ['machines', machine, 'secret'], { prompt, value });
  }

  start(session: INewSession): Promise<ISession> {
    return this._call('POST', ['sessions'], session);
  }

  destroy(session: string): Promise<void> {
    return this._call('DELETE', ['sessions', session]);
  }

  prompts(session: string): Promise<IPrompt[]> {
    return this._call('GET', ['sessions', session, 'prompts']);
  }

  /** Send a prompt; resolves once it is stored. Sending the same `id` again changes nothing. */
  prompt(session: string, id: string, content: IContent[], steer = false): Promise<IPrompt> {
    const more = steer ? { steer } : {};
    const body = { id, content, ...more };
    return this._call<IPrompt>('POST', ['sessions', session, 'prompts'], body).then(prompt => {
      this._learn(prompt.by);
      return prompt;
    });
  }

  editPrompt(session: string, prompt: string, content: IContent[]): Promise<IPrompt> {
    return this._call('PATCH', ['sessions', session, 'prompts', prompt], { content });
  }

  /** In front of another one that waits, or to the end; the same `id` again is the same move. */
  movePrompt(session: string, prompt: string, before: string | null, id: string): Promise<IPrompt> {
    return this._call('POST', ['sessions', session, 'prompts', prompt, 'move'], { before, id });
  }

  cancelPrompt(session: string, prompt: string): Promise<void> {
    return this._call('DELETE', ['sessions', session, 'prompts', prompt]);
  }

  interrupt(session: string): Promise<ISession> {
    return this._call('POST', ['sessions', session, 'interrupt'], {});
  }

  stop(session: string): Promise<ISession> {
    return this._call('POST', ['sessions', session, 'stop'], {});
  }

  resume(session: string): Promise<ISession> {
    return this._call('POST', ['sessions', session, 'resume'], {});
  }

  /** Name, mode, model, budget. */
  change(session: string, change: ISessionChange): Promise<ISession> {
    return this._call('PATCH', ['sessions', session], change);
  }

  rename(session: string, name: string): Promise<ISession> {
    return this.change(session, { name });
  }

  requests(session: string): Promise<IRequest[]> {
    return this._call('GET', ['sessions', session, 'requests']);
  }

  usage(session: string): Promise<ISessionUsage> {
    return this._call('GET', ['sessions', session, 'usage']);
  }

  /** The events that come before one, in their order. */
  eventsBefore(session: string, before: number, limit: number): Promise<IEventPage> {
    const query = { before: String(before), limit: String(limit) };
    return this._call('GET', ['sessions', session, 'events'], undefined, query);
  }

  health(): Promise<IHealth> {
    return this._call('GET', ['health']);
  }

  /** Bring a file for a prompt; resolves to the block with which a prompt sends it. */
  attach(session: string, name: string, file: Blob): Promise<IContent> {
    const query = { name, ...(file.type ? { mime_type: file.type } : {}) };
    return this._call('POST', ['sessions', session, 'attachments'], file, query);
  }

  /** A file of the session's machine; `path` may be an attachment's uri. */
  async download(session: string, path: string): Promise<Blob> {
    const response = await this._ask('GET', ['sessions', session, 'files'], undefined, { path });
    return response.blob();
  }

  // -- machines

  putMachine(machine: string, settings: object): Promise<IMachine> {
    return this._call('PUT', ['machines', machine], settings);
  }

  removeMachine(machine: string): Promise<void> {
    return this._call('DELETE', ['machines', machine]);
  }

  disconnect(machine: string): Promise<IMachine> {
    return this._call('POST', ['machines', machine, 'disconnect'], {});
  }

  doctor(machine: string): Promise<IExamination> {
    return this._call('GET', ['machines', machine, 'doctor']);
  }

  /** What its hardware does now. */
  machineInfo(machine: string): Promise<IMachineInfo> {
    return this._call('GET', ['machines', machine, 'info']);
  }

  /** Conversations that the CLIs keep there, the newest first. */
  conversations(machine: string, query = ''): Promise<IConversation[]> {
    return this._call('GET', ['machines', machine, 'history'], undefined, query ? { query } : {});
  }

  /** Where these words were said, in all sessions. */
  search(q: string, limit: number): Promise<IHit[]> {
    return this._call('GET', ['search'], undefined, { q, limit: String(limit) });
  }

  // -- files, changes, terminals

  tree(session: string, path: string): Promise<IFile> {
    return this._call('GET', ['sessions', session, 'tree'], undefined, { path });
  }

  /** A file and when it was last written, in seconds. */
  async readFile(session: string, path: string): Promise<{ data: Blob; mtime: number }> {
    const response = await this._ask('GET', ['sessions', session, 'files'], undefined, { path });
    const mtime = Number(response.headers.get('X-Codecast-Mtime'));
    return { data: await response.blob(), mtime };
  }

  /** Write a file; `mtime` is that of the one that was read, and `conflict` tells of another. */
  saveFile(session: string, path: string, data: Blob, mtime?: number | null): Promise<IFile> {
    const query: { [name: string]: string } = { path };
    if (mtime !== undefined) {
      query.mtime = mtime === null ? 'none' : String(mtime);
    }
    return this._call('PUT', ['sessions', session, 'files'], data, query);
  }

  makeFile(session: string, path: string, kind: 'file' | 'directory'): Promise<IFile> {
    return this._call('POST', ['sessions', session, 'files'], { path, kind });
  }

  renameFile(session: string, path: string, to: string): Promise<IFile> {
    return this._call('PATCH', ['sessions', session, 'files'], { path, to });
  }

  deleteFile(session: string, path: string): Promise<void> {
    return this._call('DELETE', ['sessions', session, 'files'], undefined, { path });
  }

  /** Where a browser may download something of a session. */
  address(session: string, what: string, query: { [name: string]: string }): string {
    const parts = ['sessions', session, what].map(encodeURIComponent);
    const url = URLExt.join(this.settings.baseUrl, BASE, ...parts);
    return url + URLExt.objectToQueryString(query);
  }

  changes(session: string): Promise<IChanges> {
    return this._call('GET', ['sessions', session, 'changes']);
  }

  diff(session: string, path: string, from?: string): Promise<IDifference> {
    const query = { path, ...(from ? { from } : {}) };
    return this._call('GET', ['sessions', session, 'diff'], undefined, query);
  }

  /** The transcript as the text of a file. */
  async exported(session: string, format: 'ipynb' | 'md'): Promise<string> {
    const response = await this._ask('GET', ['sessions', session, 'export'], undefined, { format });
    return response.text();
  }

  openTerminal(where: { machine: string } | { session: string }): Promise<ITerminal> {
    return this._call('POST', ['terminals'], where);
  }

  terminal(name: string): Promise<ITerminal> {
    return this._call('GET', ['terminals', name]);
  }

  answer(session: string, request: string, answer: IAnswer): Promise<IRequest> {
    const path = ['sessions', session, 'requests', request, 'answer'];
    return this._call<IRequest>('POST', path, answer).then(answered => {
      this._learn(answered.resolution?.by);
      return answered;
    });
  }

  /** How the server calls the person at this page; undefined until it has said so. */
  get me(): string | undefined {
    return this._me ?? localStorage.getItem(ME) ?? undefined;
  }

  private _learn(by: unknown): void {
    if (typeof by === 'string' && by && by !== this._me) {
      this._me = by;
      try {
        localStorage.setItem(ME, by);
      } catch {
        // known as long as the page is
      }
    }
  }

  private _me: string | undefined;

  private async _call<T>(method: string, path: string[], body?: object, query?: Query): Promise<T> {
    const response = await this._ask(method, path, body, query);
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  /** The answer, which is no failure. */
  private async _ask(
    method: string,
    path: string[],
    body?: object,
    query?: Query
  ): Promise<Response> {
    let url = URLExt.join(this.settings.baseUrl, BASE, ...path.map(encodeURIComponent));
    if (query) {
      url += URLExt.objectToQueryString(query);
    }
    // 'no-store', the default, makes Lab add a number to the address, which the API refuses
    const init: RequestInit = {
      method,
      cache: 'no-cache',
      headers: { 'X-Codecast-Surface': 'lab' }
    };
    if (body instanceof Blob) {
      init.body = body;
      init.headers = { ...init.headers, 'Content-Type': 'application/octet-stream' };
    } else if (body) {
      init.body = JSON.stringify(body);
    }
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(url, init, this.settings);
    } catch (error) {
      throw new CodecastError({
        code: 'link_lost',
        message: 'The Jupyter server does not answer.',
        hint: 'Nothing was lost. Try again when it is back.',
        detail: String(error)
      });
    }
    if (!response.ok) {
      throw new CodecastError(await problemOf(response));
    }
    return response;
  }
}

async function problemOf(response: Response): Promise<IProblem> {
  try {
    const body = await response.json();
    if (typeof body?.message === 'string') {
      return { ...body, code: body.code ?? String(response.status) };
    }
  } catch {
    // not JSON: a proxy's page, say
  }
  return {
    code: String(response.status),
    message: `The server answered ${response.status} ${response.statusText}.`
  };
}
