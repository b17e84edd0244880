import { Contents, ServerConnection } from '@jupyterlab/services';
import { ISignal, Signal } from '@lumino/signaling';

import { Api, CodecastError } from '../connection/api';
import { IFile, IFileEntry, ISession } from '../connection/types';
import { Disposable } from '../model/base';

/** The name before the colon of our paths: `Codecast:brave-otter/src/train.py`. */
export const DRIVE = 'Codecast';

/** What the drive needs to know of sessions. */
export interface ISessions {
  readonly sessions: ReadonlyMap<string, ISession>;
}

/**
 * The directories of all sessions as one drive: a directory a session at the top, and below it
 * what is there on the machine.
 *
 * A file is saved only if it still is the one that was read last; else the server says so.
 */
export class SessionDrive extends Disposable implements Contents.IDrive {
  constructor(
    private _api: Api,
    private _hub: ISessions
  ) {
    super();
  }

  readonly name = DRIVE;

  get serverSettings(): ServerConnection.ISettings {
    return this._api.settings;
  }

  get fileChanged(): ISignal<this, Contents.IChangedArgs> {
    return this._fileChanged;
  }

  async get(localPath: string, options: Contents.IFetchOptions = {}): Promise<Contents.IModel> {
    const { session, path } = this._split(localPath);
    if (!session) {
      return this._top();
    }
    const found = await this._do(() => this._api.tree(session, path || '.'));
    this._seen.set(localPath, found.mtime);
    const model = modelOf(found, localPath);
    if (found.kind === 'directory') {
      const content = (found.entries ?? []).map(each => modelOf(each, join(localPath, each.name)));
      return options.content === false ? model : { ...model, format: 'json', content };
    }
    return options.content === false ? model : this._read(session, path, model, options);
  }

  async getDownloadUrl(localPath: string): Promise<string> {
    const { session, path } = this._split(localPath);
    return this._api.address(session, 'files', { path });
  }

  async newUntitled(options: Contents.ICreateOptions = {}): Promise<Contents.IModel> {
    const { type = 'file', path: directory = '' } = options;
    const [stem, ext] =
      type === 'directory'
        ? ['Untitled Folder', '']
        : type === 'notebook'
          ? ['Untitled', '.ipynb']
          : ['untitled', options.ext ?? '.txt'];
    const { content } = await this.get(directory);
    const taken = new Set((content as Contents.IModel[]).map(({ name }) => name));
    let name = stem + ext;
    for (let number = 1; taken.has(name); number += 1) {
      name = type === 'directory' ? `${stem} ${number}` : `${stem}${number}${ext}`;
    }
    const localPath = join(directory, name);
    if (type === 'notebook') {
      const content = { cells: [], metadata: {}, nbformat: 4, nbformat_minor: 5 };
      return this.save(localPath, { type: 'notebook', format: 'json', content });
    }
    const { session, path } = this._split(localPath);
    const kind = type === 'directory' ? 'directory' : 'file';
    const made = await this._do(() => this._api.makeFile(session, path, kind));
    return this._changed('new', null, modelOf(made, localPath), made.mtime);
  }

  async delete(localPath: string): Promise<void> {
    const { session, path } = this._split(localPath);
    await this._do(() => this._api.deleteFile(session, path));
    this._seen.delete(localPath);
    this._fileChanged.emit({ type: 'delete', oldValue: { path: localPath }, newValue: null });
  }

  async rename(oldLocalPath: string, newLocalPath: string): Promise<Contents.IModel> {
    const from = this._split(oldLocalPath);
    const to = this._split(newLocalPath);
    if (from.session !== to.session) {
      throw new Error('A file cannot be moved from one session to another.');
    }
    const renamed = await this._do(() => this._api.renameFile(from.session, from.path, to.path));
    this._seen.delete(oldLocalPath);
    const model = modelOf(renamed, newLocalPath);
    return this._changed('rename', { path: oldLocalPath }, model, renamed.mtime);
  }

  async save(localPath: string, options: Partial<Contents.IModel> = {}): Promise<Contents.IModel> {
    const { session, path } = this._split(localPath);
    if (options.type === 'directory') {
      const made = await this._do(() => this._api.makeFile(session, path, 'directory'));
      return this._changed('new', null, modelOf(made, localPath), made.mtime);
    }
    const data = await bytesOf(options);
    const seen = this._seen.get(localPath);
    const saved = await this._do(() => this._api.saveFile(session, path, data, seen));
    const model = modelOf(saved, localPath, options.type);
    return this._changed('save', null, model, saved.mtime);
  }

  async copy(localPath: string, toLocalDir: string): Promise<Contents.IModel> {
    const { session, path } = this._split(localPath);
    const target = this._split(toLocalDir);
    const { data } = await this._do(() => this._api.readFile(session, path));
    const { content } = await this.get(toLocalDir);
    const taken = new Set((content as Contents.IModel[]).map(({ name }) => name));
    const [, stem, ext] = /^(.*?)(\.[^.]*)?$/.exec(path.slice(path.lastIndexOf('/') + 1))!;
    let name = `${stem}${ext ?? ''}`;
    for (let number = 1; taken.has(name); number += 1) {
      name = `${stem}-Copy${number}${ext ?? ''}`;
    }
    const made = join(target.path, name);
    const saved = await this._do(() => this._api.saveFile(target.session, made, data, null));
    return this._changed('new', null, modelOf(saved, join(toLocalDir, name)), saved.mtime);
  }

  // What git or the machine keeps of old versions is theirs: there are no checkpoints.

  async createCheckpoint(localPath: string): Promise<Contents.ICheckpointModel> {
    const seen = this._seen.get(localPath) ?? 0;
    return { id: 'none', last_modified: iso(seen) };
  }

  async listCheckpoints(localPath: string): Promise<Contents.ICheckpointModel[]> {
    return [];
  }

  async restoreCheckpoint(localPath: string, checkpointID: string): Promise<void> {
    throw new Error('There are no checkpoints of files on machines.');
  }

  async deleteCheckpoint(localPath: string, checkpointID: string): Promise<void> {
    return undefined;
  }

  private async _read(
    session: string,
    path: string,
    model: Contents.IModel,
    options: Contents.IFetchOptions
  ): Promise<Contents.IModel> {
    const { data, mtime } = await this._do(() => this._api.readFile(session, path));
    this._seen.set(model.path, mtime);
    const read = { ...model, last_modified: iso(mtime), size: data.size };
    const isNotebook = options.type === 'notebook' || (!options.type && model.type === 'notebook');
    if (isNotebook) {
      const content = JSON.parse((await data.text()) || 'null');
      return { ...read, type: 'notebook', format: 'json', mimetype: '', content };
    }
    const text = options.format === 'base64' ? null : await textOf(data);
    if (text === null && options.format === 'text') {
      throw new Error(`${model.name} is no text (UTF-8).`);
    }
    return text === null
      ? { ...read, type: 'file', format: 'base64', content: await base64Of(data) }
      : { ...read, type: 'file', format: 'text', content: text };
  }

  /** The sessions, as directories. */
  private _top(): Contents.IModel {
    const now = iso(Date.now() / 1000);
    const content = [...this._hub.sessions.values()].map(({ name, state, created }) =>
      directory(name, name, iso(state.updated || created))
    );
    return { ...directory('', '', now), writable: false, format: 'json', content };
  }

  /** The session of a path, by the id it had when it was seen first: names may change. */
  private _split(localPath: string): { session: string; path: string } {
    const [name, ...rest] = localPath.split('/').filter(part => part);
    if (!name) {
      return { session: '', path: '' };
    }
    for (const session of this._hub.sessions.values()) {
      if (session.name === name) {
        this._ids.set(name, session.id);
      }
    }
    return { session: this._ids.get(name) ?? name, path: rest.join('/') };
  }

  private _changed(
    type: 'new' | 'rename' | 'save',
    oldValue: Contents.IChangedArgs['oldValue'],
    newValue: Contents.IModel,
    mtime: number
  ): Contents.IModel {
    this._seen.set(newValue.path, mtime);
    this._fileChanged.emit({ type, oldValue, newValue });
    return newValue;
  }

  /** What went wrong, with what to do: Lab shows the message alone. */
  private async _do<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      const { message, hint } = CodecastError.problem(error);
      throw new Error(hint ? `${message} ${hint}` : message);
    }
  }

  private _seen = new Map<string, number>(); // when files were last written, by local path
  private _ids = new Map<string, string>(); // sessions by the names they were seen under
  private _fileChanged = new Signal<this, Contents.IChangedArgs>(this);
}

function join(directory: string, name: string): string {
  return directory.replace(/\/+$/, '') ? `${directory.replace(/\/+$/, '')}/${name}` : name;
}

function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

function directory(name: string, path: string, time: string): Contents.IModel {
  const times = { created: time, last_modified: time };
  const kind = { type: 'directory', format: null, mimetype: '', content: null };
  return { name, path, writable: true, ...times, ...kind };
}

/** An entry as Lab has it, without its content. */
function modelOf(file: IFile | IFileEntry, path: string, type?: string): Contents.IModel {
  const time = iso(file.mtime);
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (file.kind === 'directory') {
    return { ...directory(name, path, time), writable: file.writable };
  }
  const isNotebook = name.endsWith('.ipynb');
  return {
    name,
    path,
    type: type ?? (isNotebook ? 'notebook' : 'file'),
    writable: file.writable,
    created: time,
    last_modified: time,
    mimetype: '',
    format: null,
    content: null,
    size: file.size
  };
}

/** What Lab wants to have saved. */
async function bytesOf({ type, format, content }: Partial<Contents.IModel>): Promise<Blob> {
  if (type === 'notebook' || format === 'json') {
    return new Blob([`${JSON.stringify(content, null, 1)}\n`]);
  }
  if (format === 'base64') {
    const text = atob(String(content).replace(/\s/g, ''));
    return new Blob([Uint8Array.from(text, char => char.charCodeAt(0))]);
  }
  return new Blob([String(content ?? '')]);
}

/** The text of a file; null where it is none. */
async function textOf(data: Blob): Promise<string | null> {
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const text = decoder.decode(await data.arrayBuffer());
    return text.includes('\0') ? null : text;
  } catch {
    return null;
  }
}

async function base64Of(data: Blob): Promise<string> {
  const bytes = new Uint8Array(await data.arrayBuffer());
  let text = '';
  for (let start = 0; start < bytes.length; start += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  }
  return btoa(text);
}
