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

if TYPE_CHECKING:
    from jupyter_events import EventLogger

    from ..control.hub import Hub

SCHEMAS = Path(__file__).parent / "event_schemas"
SESSION = "https://events.codecast.dev/session/v1"
MACHINE = "https://events.codecast.dev/machine/v1"
ACTIVE_EVERY = 30.0  # seconds between signs of activity


def register(logger: EventLogger) -> None:
    for schema in sorted(SCHEMAS.glob("*.yaml")):
        logger.register_event_schema(schema)


class Lifecycle:
    """Watches the hub; `run` is a task for as long as the hub lives."""

    def __init__(
        self, hub: Hub, emit: Callable[[str, dict[str, Any]], None], activity: dict[str, datetime]
    ) -> None:
        self.hub = hub
        self.emit = emit
        self.activity = activity
        self._sessions: dict[str, dict[str, Any]] = {}
        self._machines: dict[str, str] = {}

    async def run(self) -> None:
        for machine in self.hub.machines.list():
            self._machines[machine.name] = machine.to_json()["state"]
        for session in await self.hub.sessions.list():
            self._sessions[session["id"]] = session
        ticking = asyncio.create_task(self._tick())
        try:
            async for change in self.hub.feed.watch():
                self.take(change)
        finally:
            ticking.cancel()

    async def _tick(self) -> None:
        while True:
            self.mark()
            await asyncio.sleep(ACTIVE_EVERY)

    def mark(self) -> None:
        """Tell Jupyter's culler when an agent is at work."""
        if any(busy(session) for session in self._sessions.values()):
            self.activity["codecast"] = datetime.now(timezone.utc)

    def take(self, change: dict[str, Any]) -> None:
        """One change of the feed."""
        kind = change["type"]
        if kind == "session":
            self._session(change["session"])
        elif kind == "session_removed":
            session = self._sessions.pop(change["id"], None)
            if session is not None:
                self.emit(SESSION, {**about(session), "action": "removed"})
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

    def _session(self, session: dict[str, Any]) -> None:
        before = self._sessions.get(session["id"])
        self._sessions[session["id"]] = session
        who = about(session)
        if before is None:
            self.emit(SESSION, {**who, "action": "created"})
        elif before["state"]["status"] != session["state"]["status"]:
            self.emit(SESSION, {**who, "action": "status"})
        was = before["state"]["requests"] if before else {}
        now = session["state"]["requests"]
        for request in now.keys() - was.keys():
            title = str(now[request].get("title", ""))
            self.emit(
                SESSION, {**who, "action": "request_opened", "request": request, "title": title}
            )
        for request in was.keys() - now.keys():
            self.emit(SESSION, {**who, "action": "request_closed", "request": request})
        if busy(session) or (before is not None and busy(before)):
            self.activity["codecast"] = datetime.now(timezone.utc)


def about(session: dict[str, Any]) -> dict[str, Any]:
    return {
        "session": session["id"],
        "name": session["name"],
        "machine": session["machine"],
        "cli": session["cli"],
        "status": session["state"]["status"],
    }


def busy(session: dict[str, Any]) -> bool:
    """Whether an agent works: a turn is open and waits for nobody, or work goes on behind it."""
    state = session["state"]
    return state["status"] == "running" or bool(state.get("background"))
