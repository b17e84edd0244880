"""Many sessions in a cell's output."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

import traitlets

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.commands.render.markdown import esc
from codecast_jupyter.commands.sessions import ENDED
from codecast_jupyter.commands.words import dollars, plural

from .. import connection, surroundings
from ..run import Run
from ..session import Session
from ..sessions import session, table
from .base import Shown, page_code


class FleetWidget(Shown):
    """A card a session, with progress, time, tokens, cost, and buttons where one needs you."""

    _esm = page_code("fleet")

    ids = traitlets.List(traitlets.Unicode()).tag(sync=True)  # empty: all that have not ended
    labels = traitlets.Dict().tag(sync=True)  # by id, where not the session's name
    machine = traitlets.Unicode().tag(sync=True)
    probe = traitlets.Unicode().tag(sync=True)  # a session that the right server has
    counts = traitlets.Dict().tag(sync=True)  # of a run: total, done, seconds, ...; see `count`
    kernel = traitlets.Unicode().tag(sync=True)  # its id, for the page to interrupt it

    def __init__(
        self, sessions: Iterable[Session | str] | Run | None = None, *, machine: str | None = None
    ) -> None:
        self._of_run = sessions if isinstance(sessions, Run) else None
        self._found: dict[str, Any] = {}  # summaries by id
        self._changed = True
        known = connection.client().sessions(all=True)
        if isinstance(sessions, Run):
            ids = [result.session for result in sessions.results]
            labels = {result.session: result.key for result in sessions.results}
            title = sessions.name
        else:
            ids = [] if sessions is None else [_id(each) for each in sessions]
            labels = {}
            title = f"Sessions on {machine}" if machine else "Sessions"
        there = [str(data["id"]) for data in known]
        super().__init__(
            ids=ids,
            labels=labels,
            title=title,
            machine=machine or "",
            kernel=surroundings.kernel_id(),
            probe=next((id for id in [*ids, *there] if id in there), ""),
        )
        for data in known:
            self._keep_one(data)
        self.count()
        self._run(self._follow())

    def owns(self, session: str) -> bool:
        return session in self._found

    def known(self) -> list[dict[str, Any]]:
        return [{"type": "session", "session": data} for data in self._found.values()]

    def describe(self) -> str:
        if self._of_run is not None:
            self.count()
            return self._of_run._repr_markdown_()
        if not self._changed:
            return ""
        self._changed = False
        found = table(Session(data) for data in self._found.values())
        needs = [
            d for d in self._found.values() if (d.get("state") or {}).get("status") == "waiting"
        ]
        cost = sum(float((d.get("state") or {}).get("cost_usd") or 0) for d in self._found.values())
        facts = [
            plural(len(found), "session"),
            f"{len(needs)} need{'s' * (len(needs) == 1)} you" if needs else "",
            dollars(cost),
        ]
        head = f"**{esc(self.title)}** {esc(' · '.join(fact for fact in facts if fact))}"
        return f"{head}\n\n{found._repr_markdown_()}"

    def count(self) -> None:
        """Tell pages how far a run is; they count sessions themselves, but not tasks."""
        run = self._of_run
        if run is not None:
            counts: dict[str, Any] = {
                "total": len(run.tasks),
                **run.counts,
                "seconds": int(run.seconds),
                "cancellable": not run.done,
                "awaited": run.awaited,  # by a cell, which an interrupt ends
            }
            if run.terms.budget is not None:
                counts["budget"] = run.terms.budget
            if counts != self.counts:
                self.counts = counts

    def _wanted(self, data: Any) -> bool:
        if self.ids:
            return data["id"] in self.ids
        status = (data.get("state") or {}).get("status")
        here = not self.machine or data.get("machine") == self.machine
        return here and (data["id"] in self._found or status not in ENDED)

    def _keep_one(self, data: Any) -> bool:
        if not self._wanted(data):
            return False
        self._found[data["id"]] = data
        self._changed = True
        return True

    async def _follow(self) -> None:
        changes: Any = connection.client().aio.watch()
        with contextlib.suppress(CodecastError):
            async with contextlib.aclosing(changes):
                async for change in changes:
                    self._take(change)

    def _take(self, change: dict[str, Any]) -> None:
        if change["type"] == "session":
            if self._keep_one(change["session"]):
                self.feed(change)
        elif change["type"] == "session_removed" and change.get("id") in self._found:
            del self._found[change["id"]]
            self._changed = True
            self.feed(change)

    def _heard(self, widget: Any, message: dict[str, Any], buffers: Any) -> None:
        if message.get("type") == "cancel" and self._of_run is not None:
            connection.submit(self._of_run._interrupt())
        else:
            super()._heard(widget, message, buffers)

    def __repr__(self) -> str:
        return f"<fleet: {self.title}>"


def _id(which: Session | str) -> str:
    return which.id if isinstance(which, Session) else session(which).id
