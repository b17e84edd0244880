"""What the rest of Jupyter hears of us: life-cycle events, and that somebody is at work.

Life-cycle is told as jupyter_events (rare, validated, fanned out to every listener; never
the stream of an answer). While an agent runs, the server counts as active, so that a culler
leaves it alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .base import closing

if TYPE_CHECKING:
    from jupyter_events import EventLogger

    from ..control.hub import Hub

SCHEMAS = Path(__file__).parent / "event_schemas"
SESSION = "https://events.codecast.dev/session/v1"
MACHINE = "https://events.codecast.dev/machine/v1"
ACTIVE_EVERY = 30.0  # seconds between signs of activity
TOLD = ("session", "machine", "state", "request", "kind", "title", "by", "where")


def register(logger: EventLogger) -> None:
    for schema in sorted(SCHEMAS.glob("*.yaml")):
        logger.register_event_schema(schema)


class Lifecycle:
    """Listens to a started hub; `run` is a task for as long as the hub lives."""

    def __init__(
        self, hub: Hub, emit: Callable[[str, dict[str, Any]], None], activity: dict[str, datetime]
    ) -> None:
        self.hub = hub
        self.emit = emit
        self.activity = activity
        self._busy: set[str] = set()
        self._machines = {machine.name: machine.state for machine in hub.machines.list()}
        hub.on_lifecycle = self.heard

    def heard(self, action: str, info: dict[str, Any]) -> None:
        """A step in a session's life."""
        data = {key: str(info[key]) for key in TOLD if info.get(key) is not None}
        error = info.get("error")
        if isinstance(error, dict) and "code" in error:
            data["code"] = str(error["code"])
        self.emit(SESSION, {**data, "action": action})

    async def run(self) -> None:
        ticking = asyncio.create_task(self._tick())
        try:
            async with closing(self.hub.feed.watch()) as changes:
                async for change in changes:
                    self.take(change)
        finally:
            ticking.cancel()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(ACTIVE_EVERY)
            if self._busy:
                self.mark()

    def mark(self) -> None:
        """Tell Jupyter's culler that the server is needed."""
        self.activity["codecast"] = datetime.now(timezone.utc)

    def take(self, change: dict[str, Any]) -> None:
        """One change of the feed."""
        kind = change["type"]
        if kind == "session":
            session = change["session"]
            if busy(session):
                self._busy.add(session["id"])
                self.mark()
            elif session["id"] in self._busy:
                self._busy.discard(session["id"])
                self.mark()
        elif kind == "session_removed":
            self._busy.discard(change["id"])
        elif kind == "machine":
            machine = change["machine"]
            self._machine(machine["name"], machine["state"], machine.get("error"))
        elif kind == "machine_removed":
            self._machine(change["name"], "removed", None)

    def _machine(self, name: str, state: str, error: dict[str, Any] | None) -> None:
        if self._machines.get(name) == state:
            return
        self._machines[name] = state
        code = {"code": error["code"]} if error and state == "failed" else {}
        self.emit(MACHINE, {"machine": name, "state": state, **code})


def busy(session: dict[str, Any]) -> bool:
    """Whether an agent works: a turn is open and waits for nobody, or work goes on behind it."""
    state = session["state"]
    return state["status"] == "running" or bool(state.get("background"))
