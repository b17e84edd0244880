import { CodecastError } from '../connection/api';
import { IChange, IChanges, IDifference } from '../connection/types';
import { Model } from '../model/base';
import { IProblem } from '../model/events.gen';
import { HubModel } from '../model/hub';

interface IChangesApi {
  changes(session: string): Promise<IChanges>;
  diff(session: string, path: string, from?: string): Promise<IDifference>;
}

/** What changed in a session's directory, looked at again after each of its turns. */
export class ChangesModel extends Model {
  constructor(
    readonly session: string,
    private _hub: HubModel,
    private _api: IChangesApi
  ) {
    super();
    this._turns = this._turnsNow();
    _hub.changed.connect(this._onHub, this);
    void this.refresh();
  }

  changes: IChanges | null = null;
  problem: IProblem | null = null;
  isLooking = false;
  /** The path of the file whose difference is shown. */
  chosen: string | null = null;
  difference: IDifference | null = null;
  diffProblem: IProblem | null = null;

  /** Ask again; what is shown stays until the answer. */
  async refresh(): Promise<void> {
    const number = ++this._number;
    this.isLooking = true;
    this._changed.emit();
    let changes = this.changes;
    let problem: IProblem | null = null;
    try {
      changes = await this._api.changes(this.session);
    } catch (error) {
      problem = CodecastError.problem(error);
    }
    if (number !== this._number || this.isDisposed) {
      return;
    }
    this.isLooking = false;
    this.changes = changes;
    this.problem = problem;
    const files = changes?.files ?? [];
    const again = files.find(({ path }) => path === this.chosen) ?? files[0];
    if (again) {
      void this.choose(again);
    } else {
      this.chosen = this.difference = this.diffProblem = null;
    }
    this._changed.emit();
  }

  /** Show how a file differs. */
  async choose(file: IChange): Promise<void> {
    if (this.chosen !== file.path) {
      this.difference = null;
    }
    this.chosen = file.path;
    this.diffProblem = null;
    this._changed.emit();
    let difference: IDifference | null = null;
    let problem: IProblem | null = null;
    try {
      difference = await this._api.diff(this.session, file.path, file.from);
    } catch (error) {
      problem = CodecastError.problem(error);
    }
    if (this.chosen === file.path && !this.isDisposed) {
      this.difference = difference;
      this.diffProblem = problem;
      this._changed.emit();
    }
  }

  private _onHub(): void {
    const turns = this._turnsNow();
    if (turns !== this._turns) {
      this._turns = turns;
      void this.refresh();
    }
  }

  private _turnsNow(): string {
    const state = this._hub.sessions.get(this.session)?.state;
    return `${state?.turns ?? 0} ${state?.turn === null}`;
  }

  private _turns: string;
  private _number = 0;
}

/** The part of a diff that shows lines, without git's head. */
export function bodyOf(diff: string): string {
  const start = diff.startsWith('@@') ? 0 : diff.indexOf('\n@@') + 1;
  return start > 0 || diff.startsWith('@@') ? diff.slice(start) : '';
}
