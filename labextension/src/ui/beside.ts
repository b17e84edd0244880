import { JupyterFrontEnd } from '@jupyterlab/application';
import { WidgetTracker } from '@jupyterlab/apputils';
import { JSONObject } from '@lumino/coreutils';
import { Widget } from '@lumino/widgets';

/** How a widget is made again: `command` with what `args` tells of it. */
export interface IAgain<T extends Widget> {
  command: string;
  args(widget: T): JSONObject;
  name(widget: T): string;
}

interface IKept {
  command: string;
  args: JSONObject;
}

interface IPlace {
  widgets: IKept[]; // the one that was seen is the last
  seen: boolean;
}

/**
 * What stands beside the document comes back after a reload, where the application itself puts
 * nothing back: Notebook 7. Kept for this page of this browser tab alone, as other tabs show
 * other documents.
 */
export class Beside {
  constructor(
    private _app: JupyterFrontEnd,
    page = location.pathname
  ) {
    this._key = `codecast-beside:${page}`;
    const before = this._read();
    void _app.restored.then(() => this._putBack(before));
    window.addEventListener('pagehide', this._save);
  }

  /** From now on widgets of the tracker come back. */
  restore<T extends Widget>(tracker: WidgetTracker<T>, again: IAgain<T>): void {
    this._kept.push(widget =>
      tracker.has(widget) ? { command: again.command, args: again.args(widget as T) } : undefined
    );
    tracker.widgetAdded.connect((_, widget) => {
      this._save();
      widget.disposed.connect(this._save);
    });
  }

  private async _putBack(before: IPlace): Promise<void> {
    const { commands, shell } = this._app;
    for (const { command, args } of before.widgets) {
      try {
        await commands.execute(command, args);
      } catch (error) {
        console.warn(`${command} could not be done again:`, error);
      }
    }
    if (before.widgets.length && !before.seen) {
      (shell as { collapseRight?: () => void }).collapseRight?.();
    }
    this._isBack = true;
    this._save();
  }

  private _read(): IPlace {
    try {
      const { widgets = [], seen = false } = JSON.parse(sessionStorage.getItem(this._key) ?? '{}');
      return { widgets, seen };
    } catch {
      return { widgets: [], seen: false };
    }
  }

  private _save = (): void => {
    if (!this._isBack) {
      return; // what is not back yet would be forgotten
    }
    const open = [...this._app.shell.widgets('right')]
      .filter(widget => !widget.isDisposed)
      .sort((a, b) => Number(a.isVisible) - Number(b.isVisible));
    const kept = open.map(widget => this._kept.map(keep => keep(widget)).find(Boolean));
    const widgets = kept.filter(each => each !== undefined);
    const seen =
      kept.length > 0 && kept[kept.length - 1] !== undefined && open[open.length - 1].isVisible;
    sessionStorage.setItem(this._key, JSON.stringify({ widgets, seen }));
  };

  private _key: string;
  private _kept: ((widget: Widget) => IKept | undefined)[] = [];
  private _isBack = false;
}
