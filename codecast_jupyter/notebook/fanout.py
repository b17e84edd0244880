"""`cc.map`: one prompt, or one a row, to many sessions; `cc.fleet`: many sessions at a glance."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from codecast_agent.protocol.errors import CodecastError

from . import ledger, surroundings
from .dispatch import Terms
from .machine import Machine
from .request import Policy
from .run import AFTER, Run
from .session import Budget, Session
from .table import Table
from .task import Prompt, Task, tasks
from .widgets import needed

if TYPE_CHECKING:
    from .widgets.fleet import FleetWidget


def map(
    prompt: Prompt,
    rows: Any = None,
    *,
    machines: str | Machine | Sequence[str | Machine] = "local",
    cli: str | Sequence[str] | None = None,
    repeat: int = 1,
    spread: bool = False,
    directory: str = "~",
    create: bool = False,
    mode: str | None = None,
    model: str | None = None,
    name: str | None = None,
    max_parallel: int = 4,
    budget: float | None = None,
    each: Budget | None = None,
    on_request: Policy | None = None,
    after: str = "stop",
    show: bool = True,
    wait: bool | None = None,
) -> Run:
    """Ask many sessions at once; a named run asked again finishes what is missing.

    >>> run = cc.map("Fix {file}.", frame, machines=["gpu-1", "gpu-2"], cli=["claude", "codex"],
    ...              directory="~/try/{task}", create=True, name="fixes")
    >>> run.to_frame()

    Every row is asked of every CLI, `repeat` times, on every machine; with `spread` each task
    goes to one machine, in turn. `rows` is a DataFrame, a list of dicts or of values; prompt
    and directory are templates of its columns ({value} for plain values) and of {machine},
    {cli}, {repeat}, {row} and {task}; without rows the prompt is taken as it is.

    `budget` is US dollars for the whole run, `each` the limits of every session (max_cost,
    max_turns, max_minutes). `on_request` answers what agents ask, see `Session.ask`. A session
    that is done is stopped (`after`: stop, keep or remove). A task is told by the run's name and
    all that it is: with another prompt or mode it is another task. It blocks, shown live,
    except in code that awaits; `wait=False` returns at once, and `for result in run` gives
    results as they come.

    Raises CodecastError("bad_request") before anything is begun.
    """
    awaited = surroundings.awaits()
    if after not in AFTER or max_parallel < 1:
        raise CodecastError(
            "bad_request",
            f"`after` is one of {', '.join(AFTER)}, and `max_parallel` 1 or more.",
        )
    clis: list[str | None] = [cli] if cli is None or isinstance(cli, str) else list(cli)
    places = [machines] if isinstance(machines, (str, Machine)) else list(machines)
    made = tasks(
        prompt,
        rows,
        machines=[str(place) for place in places],
        clis=clis,
        repeat=repeat,
        spread=spread,
        directory=directory,
        mode=mode,
        model=model,
    )
    terms = Terms(max_parallel, budget, each, on_request, after, create)
    run = Run(name or _invented(), made, terms)
    run.start()
    if show:
        run.show()
    return run.wait() if (not awaited if wait is None else wait) else run


def _invented() -> str:
    return f"run-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


def run(name: str) -> Run:
    """An earlier run of this computer: its results, and `retry()` for what failed.

    Raises CodecastError("not_found").
    """
    asked = ledger.Ledger(name).asked()
    if not asked:
        known = ledger.names()
        raise CodecastError(
            "not_found",
            f"There is no run {name!r} on this computer.",
            f"There are {', '.join(known[:10])}."
            if known
            else "`cc.map(..., name=...)` makes one.",
        )
    found = [Task(**task) for task in asked["tasks"]]
    return Run(name, found, Terms(after=asked.get("after", "stop")))


def runs() -> Table[Run]:
    """The runs of this computer, the newest first."""
    found = [run(name) for name in ledger.names() if ledger.Ledger(name).asked()]
    return Table(found, _row, "No run yet: `cc.map(..., name=...)` makes one.")


def _row(found: Run) -> dict[str, Any]:
    counts = found.counts
    return {
        "run": found.name,
        "tasks": len(found),
        "done": counts.get("done", 0),
        "cost": found.cost,
    }


def fleet(
    sessions: Iterable[Session | str] | Run | None = None, *, machine: str | None = None
) -> FleetWidget:
    """Many sessions at once, live: a grid with progress, who needs you, and buttons to answer.

    >>> cc.fleet()
    >>> cc.fleet(cc.sessions(machine="gpu-1"))

    Without `sessions` it shows all that have not ended, of one machine where that is named, and
    those that come. Raises CodecastError without anywidget.
    """
    needed()
    from .widgets.fleet import FleetWidget

    return FleetWidget(sessions, machine=machine)
