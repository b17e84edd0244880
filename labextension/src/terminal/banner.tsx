import { ReactWidget } from '@jupyterlab/apputils';
import React from 'react';

import { Banner } from '../ui/banner';
import { Context, IContext, useCodecast } from '../ui/context';
import { useSignal } from '../ui/hooks';
import { TerminalModel } from './model';

/** Says above a terminal what became of it; there only while there is something to say. */
export class TerminalBanner extends ReactWidget {
  /**
   * @param again - opens another one in its place
   */
  constructor(
    private _context: IContext,
    private _model: TerminalModel,
    private _again: () => void
  ) {
    super();
    this.addClass('jp-Codecast-terminalBanner');
    _model.changed.connect(this._look, this);
    this._look();
  }

  protected override render(): JSX.Element {
    return (
      <Context.Provider value={this._context}>
        <Words model={this._model} again={this._again} />
      </Context.Provider>
    );
  }

  private _look(): void {
    this.setHidden(!['silent', 'lost'].includes(this._model.state));
  }
}

function Words(props: { model: TerminalModel; again: () => void }): JSX.Element {
  const { model, again } = props;
  const { trans } = useCodecast();
  useSignal(model.changed);
  const { machine } = model.about;
  const isLost = model.state === 'lost';
  const words = isLost
    ? trans.__('The connection to %1 has ended, and this shell with it.', machine)
    : model.isServerLost
      ? trans.__('The Jupyter server does not answer.')
      : trans.__('%1 does not answer. What you type arrives when it is back.', machine);
  return (
    <Banner loss={isLost ? 'server' : 'machine'} words={words}>
      {isLost && (
        <button type="button" className="jp-Codecast-link" onClick={again}>
          {trans.__('Open a New One')}
        </button>
      )}
    </Banner>
  );
}
