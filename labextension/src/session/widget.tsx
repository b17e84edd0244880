// with the view, so that a page without a session does without them
import '../../style/transcript.css';
import '../../style/composer.css';
import '../../style/session.css';

import { ReactWidget } from '@jupyterlab/apputils';
import React from 'react';

import { SessionModel } from '../model/session';
import { Context, IContext } from '../ui/context';
import { SessionView } from './view';

/** A session in the main area. */
export class SessionWidget extends ReactWidget {
  constructor(
    readonly session: string,
    private _context: IContext
  ) {
    super();
    this.addClass('jp-Codecast-session');
    this._model = _context.codecast.sessions.acquire(session);
    _context.codecast.hub.changed.connect(this._retitle, this);
    this._retitle();
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    const { hub, sessions } = this._context.codecast;
    hub.changed.disconnect(this._retitle, this);
    sessions.release(this._model);
    super.dispose();
  }

  /** Go to an event. */
  reveal(seq: number): void {
    void this._model.reveal(seq);
  }

  protected override render(): JSX.Element {
    return (
      <Context.Provider value={this._context}>
        <SessionView model={this._model} />
      </Context.Provider>
    );
  }

  /** The tab says the name, and whether the session needs its person. */
  private _retitle(): void {
    const session = this._context.codecast.hub.sessions.get(this.session);
    if (session) {
      this.title.label = session.name;
      this.title.caption = `${session.cli} · ${session.machine}:${session.cwd}`;
      this.title.dataset = {
        ...this.title.dataset,
        codecastStatus: session.state.status,
        codecastSession: session.id
      };
    }
  }

  private _model: SessionModel;
}
