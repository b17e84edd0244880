import { RenderMimeRegistry, standardRendererFactories } from '@jupyterlab/rendermime';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { DisposableDelegate } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import { vi } from 'vitest';

import { IDirectory, IEventPage, IMachine, IPrompt, ISession } from '../connection/types';
import { IContent } from '../model/events.gen';
import { Losses } from '../connection/losses';
import { HubModel } from '../model/hub';
import { SessionModels } from '../model/session';
import { initial } from '../model/state';
import { IContext } from './context';

/** A server in memory: what it `says` reaches the models, what is asked of it is on `api`. */
export class FakeServer {
  readonly api = {
    connect: vi.fn(async (machine: string) => ({ name: machine })),
    acceptHostKey: vi.fn(async (machine: string, _fingerprint: string) => ({ name: machine })),
    giveSecret: vi.fn(async (machine: string, _prompt: string, _value: string) => ({
      name: machine
    })),
    prompt: vi.fn(async (session: string, id: string, content: IContent[], _steer?: boolean) => ({
      session,
      id,
      content
    })),
    editPrompt: vi.fn(async (_session: string, id: string, content: IContent[]) => ({
      id,
      content
    })),
    start: vi.fn(async (session: any): Promise<any> => ({ ...session, state: initial() })),
    clis: vi.fn(async (_machine: string): Promise<any[]> => [
      { cli: 'claude', name: 'Claude Code', found: true, version: '2.1' },
      { cli: 'codex', name: 'Codex', found: false }
    ]),
    putMachine: vi.fn(async (name: string, _settings: object) => ({ name })),
    machineInfo: vi.fn(async (_machine: string): Promise<any> => ({})),
    doctor: vi.fn(async (machine: string): Promise<any> => ({ machine, checks: [] })),
    conversations: vi.fn(async (_machine: string, _query?: string): Promise<any[]> => []),
    change: vi.fn(async (id: string, _change: object) => ({ id })),
    answer: vi.fn(async (_session: string, request: string, _answer: object) => ({ request })),
    requests: vi.fn(async (_session: string): Promise<object[]> => []),
    directories: vi.fn(async (_machine: string, path: string): Promise<IDirectory> => ({
      path,
      entries: []
    })),
    usage: vi.fn(async (_session: string): Promise<object> => ({ total: {} })),
    attach: vi.fn(async (_session: string, name: string, _file: Blob): Promise<IContent> => ({
      type: 'resource_link',
      name,
      uri: `attachment:12345678/${name}`
    })),
    download: vi.fn(async (_session: string, _path: string) => new Blob(['x'])),
    eventsBefore: vi.fn(
      async (_session: string, _before: number, _limit: number): Promise<IEventPage> => ({
        events: [],
        last_seq: 0,
        more: false
      })
    ),
    prompts: vi.fn(async (_session: string): Promise<IPrompt[]> => []),
    cancelPrompt: vi.fn(async (_session: string, _prompt: string) => undefined),
    movePrompt: vi.fn(
      async (_session: string, _prompt: string, _before: string | null, _id: string) => undefined
    )
  };
  readonly context: IContext;

  constructor() {
    const stream = {
      isConnected: true,
      subscribe: (session: string, subscriber: any) => {
        this._subscribers.set(session, subscriber);
        return new DisposableDelegate(() => {
          this._subscribers.delete(session);
          this._last.delete(session);
        });
      }
    } as any;
    stream.frame = this._frame = new Signal<object, any>(stream);
    stream.connectionChanged = this._connection = new Signal<object, boolean>(stream);
    const { api } = this as any;
    this.context = {
      codecast: {
        api,
        stream,
        hub: new HubModel(stream),
        sessions: new SessionModels(stream, api),
        losses: new Losses(stream, { health: async () => undefined })
      },
      commands: new CommandRegistry(),
      rendermime: new RenderMimeRegistry({ initialFactories: standardRendererFactories }),
      trans: nullTranslator.load('codecast_jupyter'),
      user: { identity: null } as any
    };
  }

  say(frame: object): void {
    this._frame.emit(frame);
  }

  /** The socket came back. */
  reconnect(): void {
    this._connection.emit(false);
    this._connection.emit(true);
  }

  machine(fields: Partial<IMachine> & { name: string }): void {
    const machine = { kind: 'ssh', source: 'ssh_config', state: 'offline', sessions: 0, ...fields };
    this.say({ type: 'machine', machine });
  }

  session(id: string, machine: string, fields: Partial<ISession> = {}): void {
    const session = { id, name: id, machine, cli: 'demo', cwd: '/work', mode: null, model: null };
    const more = { created: 1, link: 'online', delivery: 'started', state: initial(), last_seq: 0 };
    this.say({ type: 'session', session: { ...session, ...more, ...fields } });
  }

  /** More events of a session that a view shows, numbered from 1. */
  events(session: string, ...events: object[]): void {
    const last = this._last.get(session) ?? 0;
    const numbered = events.map((event, at) => ({ seq: last + at + 1, time: last + at, ...event }));
    this._last.set(session, last + events.length);
    const subscriber = this._subscribers.get(session)!;
    subscriber.subscribed({ after: last, last_seq: last + events.length });
    subscriber.events(numbered);
  }

  /** A session that begins in its middle, as long ones do. */
  begin(session: string, after: number, state: object, events: object[] = []): void {
    const subscriber = this._subscribers.get(session)!;
    subscriber.subscribed({ after, last_seq: after + events.length, state });
    if (events.length) {
      subscriber.events(events);
    }
  }

  private _frame: Signal<object, any>;
  private _connection: Signal<object, boolean>;
  private _subscribers = new Map<string, any>();
  private _last = new Map<string, number>(); // the newest event of a session
}

/** Puts a widget on the page. */
export function show<T extends Widget>(widget: T): T {
  document.body.replaceChildren();
  Widget.attach(widget, document.body);
  return widget;
}

/** The element, once it is there. */
export function find<T extends HTMLElement>(widget: Widget, selector: string): Promise<T> {
  return vi.waitFor(() => {
    const found = widget.node.querySelector<T>(selector);
    if (!found) {
      throw new Error(`no ${selector} in ${widget.node.innerHTML}`);
    }
    return found;
  }, 5000);
}

/** The button that says so, once it is there. */
export function button(widget: Widget, label: string): Promise<HTMLButtonElement> {
  return vi.waitFor(() => {
    const all = [...widget.node.querySelectorAll('button')];
    const found = all.find(({ textContent }) => textContent === label);
    if (!found) {
      throw new Error(`no button ${label} in ${widget.node.innerHTML}`);
    }
    return found;
  }, 5000);
}

/** Write into a field as a person does. */
export function type(field: HTMLInputElement, value: string): void {
  const setter = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')!.set!;
  setter.call(field, value);
  field.dispatchEvent(new Event('input', { bubbles: true }));
}
