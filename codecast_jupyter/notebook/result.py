"""What became of one task of a run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from codecast_jupyter.commands.words import dollars, duration, one_line

from .session import Session
from .task import Task
from .turn import Turn

Json = Mapping[str, Any]
KEPT = (
    "state", "session", "name", "machine", "text", "cost", "usage", "seconds", "tools", "diff",
    "began", "ended", "problem", "prompt",
)  # fmt: skip


class Result:
    """`state` is waiting, running, done, failed, cancelled or unknown; `text` the answer, `diff`
    what was changed, `cost` in US dollars, `seconds` of work, `usage` in tokens, `tools` how many
    tool calls, `problem` what it failed with.
    """

    def __init__(self, task: Task, run: str) -> None:
        self.task = task
        self.session = task.session(run)  # its id
        self.turn: Turn | None = None  # while this kernel follows it, and after that
        self.machine = task.machine
        self.reset()

    def reset(self) -> None:
        self.state = "waiting"
        self.name = ""  # of the session
        self.text = ""
        self.diff = ""
        self.cost: float | None = None
        self.usage: dict[str, int] = {}
        self.seconds = 0.0
        self.tools = 0
        self.began: float | None = None
        self.ended: float | None = None
        self.problem: Json | None = None
        self.prompt = ""  # its id

    @classmethod
    def of(cls, task: Task, run: str, kept: Json | None) -> Result:
        """As the ledger has it; only what was done is done."""
        made = cls(task, run)
        if kept is not None and kept.get("state") == "done":
            made.load(kept)
        return made

    def load(self, kept: Json) -> None:
        for name in KEPT:
            if name in kept:
                setattr(self, name, kept[name])

    @property
    def key(self) -> str:
        return self.task.key

    @property
    def row(self) -> Mapping[str, Any]:
        """The row of the table that it was asked for."""
        return self.task.row

    @property
    def ok(self) -> bool:
        return self.state == "done"

    def open(self) -> Session:
        """The session it was done in. Raises CodecastError("not_found") once that is removed."""
        from .sessions import session

        return session(self.session)

    # -- told by the run

    def begin(self) -> None:
        self.state, self.began = "running", time.time()

    def at(self, session: Any) -> None:
        self.name = str(session.get("name") or "")
        self.machine = str(session.get("machine") or self.machine)

    def take(self, turn: Turn) -> None:
        self.prompt, self.text, self.diff = turn.prompt, turn.text, str(turn.diff)
        self.usage, self.seconds, self.tools = turn.usage, turn.seconds, len(turn.tools)

    def end(self, state: str, problem: Json | None = None) -> None:
        self.state, self.problem, self.ended = state, problem or None, time.time()

    # -- as data

    def to_json(self) -> dict[str, Any]:
        kept = {name: getattr(self, name) for name in KEPT}
        task = self.task
        asked = {"key": task.key, "cli": task.cli, "repeat": task.repeat, "asked": task.prompt}
        return {**asked, "row": dict(task.row), "directory": task.directory, **kept}

    def cells(self) -> Json:
        return {
            "task": self.key,
            "state": self.state,
            "session": self.name,
            "machine": self.machine,
            "time": duration(self.seconds) if self.seconds else "",
            "cost": dollars(self.cost),
            "answer": one_line(self.text or (self.problem or {}).get("message", ""), 60),
        }

    def __repr__(self) -> str:
        words = one_line(self.text or (self.problem or {}).get("message", ""), 60)
        return f"<Result {self.key}: {self.state} {words!r}>"
