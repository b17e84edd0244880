import { ReactWidget } from '@jupyterlab/apputils';
import { Widget } from '@lumino/widgets';
import React from 'react';

import { Context, IContext } from './context';

/**
 * A modal dialog that stays open until its content closes it or the person presses Escape.
 *
 * The browser's own `<dialog>`: it traps focus, gives it back, and hides the page from readers.
 */
export class Overlay extends ReactWidget {
  private constructor(
    private _context: IContext,
    private _content: (close: () => void) => JSX.Element,
    private _host: HTMLDialogElement
  ) {
    super();
    this.addClass('jp-Codecast-overlay');
  }

  /**
   * @param label - what it is, for who hears the page
   * @param name - the end of its CSS class; one of a name is open at a time
   */
  static open(
    context: IContext,
    label: string,
    name: string,
    content: (close: () => void) => JSX.Element
  ): void {
    const kind = `jp-Codecast-${name}Dialog`;
    const open = document.querySelector<HTMLDialogElement>(`dialog.${kind}`);
    if (open) {
      open.close();
    }
    const host = document.createElement('dialog');
    host.className = `jp-Codecast-dialog ${kind}`;
    host.setAttribute('aria-label', label);
    document.body.append(host);
    const overlay = new Overlay(context, content, host);
    Widget.attach(overlay, host);
    host.addEventListener('close', () => {
      overlay.dispose();
      host.remove();
    });
    host.addEventListener('mousedown', event => {
      // what is outside belongs to the dialog's backdrop
      if (event.target === host) {
        host.close();
      }
    });
    host.showModal();
  }

  protected override render(): JSX.Element {
    const content = this._content(() => this._host.close());
    return React.createElement(Context.Provider, { value: this._context }, content);
  }
}
