"""A run: many sessions asked at once, and each task done exactly once.

Everything happens on the client's loop, so that a run goes on while the kernel does something
else, and nothing of it matters: a run whose kernel died is asked again by its name. `dispatch`
does it; here is what a person holds of it.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent import futures
from typing import TYPE_CHECKING

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.commands.render.markdown import code, esc
from codecast_jupyter.commands.render.markdown import table as markdown_table
from codecast_jupyter.commands.words import dollars, duration, one_line

from . import connection
from .dispatch import BADLY, Dispatch, Terms
from .errors import Interrupted
from .ledger import Ledger
from .ongoing import Ongoing, View
from .result import Result
from .session import Session
from .table import Table
from .task import Task

if TYPE_CHECKING:
    import pandas

    from .timeline import Picture

AFTER = ("stop", "keep", "remove")
MARKS = {"done": "✓", "failed": "✗", "cancelled": "✗", "unknown": "?", "running": "▶"}
CANCELLED_WITHIN = 10.0  # seconds in which cancelled turns are waited for


class Run(Ongoing):
    """Made by `cc.map`; `cc.run(name)` finds an earlier one.

    `results` has one Result a task, in order; iterating gives them as they come. `wait()`
    blocks and `await run` waits for the end of all; neither raises what a task failed with:
    `run.failed` tells. Interrupting the cell cancels the run, and asking again finishes it.
    """

    def __init__(self, name: str, tasks: Sequence[Task], terms: Terms) -> None:
        super().__init__()
        self.ledger = Ledger(name)
        self.name = name
        self.tasks = list(tasks)
        self.terms = terms
        self.started = time.time()
        self.ended: float | None = None
        known = self.ledger.done()
        self.results: Table[Result] = Table(
            [Result.of(task, name, known.get(task.session(name))) for task in self.tasks],
            Result.cells,
            "No task.",
            Result.to_json,
        )
        self._dispatch = Dispatch(self.ledger, self.results, terms)

    # -- how it stands

    @property
    def counts(self) -> dict[str, int]:
        """How many tasks are waiting, running, done, failed, cancelled or unknown."""
        found: dict[str, int] = {}
        for result in self.results:
            found[result.state] = found.get(result.state, 0) + 1
        return found

    @property
    def cost(self) -> float:
        """US dollars so far, of all tasks."""
        return self._dispatch.cost

    @property
    def seconds(self) -> float:
        return (self.ended or time.time()) - self.started

    @property
    def failed(self) -> Table[Result]:
        """Those that ended otherwise than well."""
        found = [r for r in self.results if r.state in BADLY]
        return Table(found, Result.cells, "No task failed.", Result.to_json)

    @property
    def sessions(self) -> list[Session]:
        """The sessions that are there, in the order of the tasks."""
        known = {data["id"]: data for data in connection.client().sessions(all=True)}
        ids = [result.session for result in self.results]
        return [Session(known[id]) for id in ids if id in known]

    # -- doing

    def start(self) -> Run:
        if self.done:
            self.started, self.ended = time.time(), None
            asked = {
                "created": self.started,
                "tasks": [task._asdict() for task in self.tasks],
                "after": self.terms.after,
            }
            self.ledger.write("asked", asked)
            self._done = connection.submit(self._all())
        return self

    async def _all(self) -> None:
        try:
            await self._dispatch.all()
        finally:
            self.ended = time.time()

    def _ended(self) -> Run:
        self.view.finish()
        if self._done is not None:
            self._done.result()
        return self

    def _interrupted(self) -> Interrupted:
        self.cancel()
        return Interrupted(
            f"{self.name}: {self.counts.get('done', 0)} of {len(self.tasks)} tasks are done."
            " Ask again by the same name to finish the others."
        )

    def _view(self) -> View:
        from .progress import view

        return view(self)

    async def _interrupt(self) -> None:
        await self._dispatch.cancel()

    def __iter__(self) -> Iterator[Result]:
        """Results in the order of their ends; those of an earlier asking come first."""
        came, given = self._dispatch.came, 0
        try:
            for _ in itertools.chain(self._looks(), [None]):
                while given < len(came):
                    given += 1
                    yield came[given - 1]
        except KeyboardInterrupt:
            raise self._interrupted() from None
        self._ended()

    async def __aiter__(self) -> AsyncIterator[Result]:
        came, given = self._dispatch.came, 0
        async for _ in self._looks_beside():
            while given < len(came):
                given += 1
                yield came[given - 1]
        for result in came[given:]:
            yield result
        self._ended()

    def cancel(self) -> Run:
        """Begin no more and interrupt what runs; asking again finishes it."""
        with contextlib.suppress(KeyboardInterrupt):
            connection.run(self._interrupt())
            if self._done is not None:
                futures.wait([self._done], CANCELLED_WITHIN)
        self.view.finish()
        return self

    def retry(self, unknown: bool = False) -> Run:
        """Do again what failed; with `unknown` also that of which nobody can tell."""
        if not self.done:
            raise CodecastError(
                "conflict", f"{self.name} still runs.", "Wait for it, or cancel it."
            )
        self._dispatch.again(unknown)
        return self.start()

    def forget(self) -> None:
        """Remove the run's sessions and all that is kept of it: asked again, it is all new."""
        if not self.done:
            self.cancel()
        for session in self.sessions:
            session.remove()
        self.ledger.forget()

    # -- as data and pictures

    def to_frame(self) -> pandas.DataFrame:
        """One line a task: the row's own columns, state, text, cost, seconds, tokens, ..."""
        from .frames import results

        return results(self)

    def events(self) -> pandas.DataFrame:
        """One line an event of the sessions that are there."""
        from .frames import events

        return events(self.sessions)

    def tool_calls(self) -> pandas.DataFrame:
        """One line a tool call."""
        from .frames import tool_calls

        return tool_calls(self.sessions)

    def timeline(self) -> Picture:
        """When each session worked and waited, and what it cost. Needs matplotlib."""
        from .timeline import timeline

        return timeline(self.sessions, {r.session: r.key for r in self.results})

    def summary(self) -> str:
        """`flaky: 5 of 24 done, 4 running, 1 failed · 2m 5s · $0.12`."""
        counts = self.counts
        parts = [f"{counts.get('done', 0)} of {len(self.tasks)} done"]
        parts += [
            f"{counts[state]} {state}"
            for state in ("running", "waiting", "failed", "cancelled", "unknown")
            if counts.get(state)
        ]
        took = duration(self.seconds) if self._done is not None else ""
        facts = [", ".join(parts), took, dollars(self.cost)]
        return f"{self.name}: " + " · ".join(fact for fact in facts if fact)

    def _repr_markdown_(self) -> str:
        rows = [
            [
                f"{MARKS.get(r.state, '')} {r.state}".strip(),
                code(r.key).replace("|", "\\|"),
                esc(r.name),
                duration(r.seconds) if r.seconds else "",
                esc(dollars(r.cost)),
                esc(one_line(r.text or (r.problem or {}).get("message", ""), 90)),
            ]
            for r in self.results
        ]
        heads = ["state", "task", "session", "time", "cost", "answer"]
        return f"**{esc(self.summary())}**\n\n{markdown_table(heads, rows)}"

    def __len__(self) -> int:
        return len(self.tasks)

    def __repr__(self) -> str:
        return f"<Run {self.summary()}>"
