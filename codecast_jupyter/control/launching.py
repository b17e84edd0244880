"""Bringing a stored session to life on its machine, once, however often it is asked for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from codecast_agent.protocol.errors import CodecastError

from . import rows, skills
from .rows import Found

if TYPE_CHECKING:
    from .hub import Hub

START_LIMIT = 180.0  # seconds: a first `npx` may download
AWAY = ("link_lost", "unreachable")  # the machine may come back
OverLink = Callable[[str, Callable[[Any], Awaitable[None]], float], Awaitable[None]]


class Launcher:
    """`over_link(machine, call, seconds)` calls over the machine's link, and the next ones."""

    def __init__(self, hub: Hub, over_link: OverLink) -> None:
        self._hub = hub
        self._over_link = over_link
        self._starting: dict[str, asyncio.Lock] = {}

    async def again(self, found: Found) -> None:
        """Launch it, unless that is going on or was done; nobody waits for the answer."""
        if found.id in self._starting:
            return
        async with self.one(found.id):
            row = await self._hub.store.read(lambda db: rows.by_id(db, found.id))
            if row is not None and not row["gone"] and row["delivery"] == "stored":
                await self.launch(found, keep=True)

    async def launch(self, found: Found, keep: bool = False) -> skills.Report | None:
        """Start a stored session on its machine. Raises what keeps it from starting."""
        sent = False
        report: skills.Report | None = None

        async def call(link: Any) -> None:
            nonlocal sent, report
            params = await self._start_params(found)
            if params.pop("put_skills", False):
                report = report or await self._hub.skills.put(link, found.machine, params)
                told = skills.notice(report) if report else None
                params.update({"notices": [told]} if told else {})
            sent = True
            await link.call("session/start", params, timeout=START_LIMIT)
            await self._hub.mirror.follow(link, found.id, found.num)

        try:
            await self._over_link(found.machine, call, START_LIMIT)
        except CodecastError as error:
            if not keep:
                await self._not_started(found, sent and error.code == "link_lost")
                raise
            if error.code not in AWAY:
                await self._hub.store.write(partial(_failed, found.num, error), durable=True)
                self._hub.feed.changed(("session", found.id))
            return None
        finally:
            self._hub.progress(found.machine, found.id, "")
        there = await self._hub.store.write(lambda db: _started(db, found.num), durable=True)
        if not there:  # destroyed while it was starting
            await self._hub.outbox.discard(found)
            return None
        self._hub.keep(found.machine)
        self._hub.feed.changed(("session", found.id))
        self._hub.tell("created", {"session": found.id, "machine": found.machine})
        self._hub.outbox.kick(found.id)
        return report

    @contextlib.asynccontextmanager
    async def one(self, session: str) -> AsyncIterator[None]:
        """One start of a session at a time."""
        lock = self._starting.setdefault(session, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked():
                self._starting.pop(session, None)

    async def _start_params(self, found: Found) -> dict[str, Any]:
        row = await self._hub.store.read(lambda db: rows.by_id(db, found.id))
        if row is None or row["gone"]:
            raise CodecastError("not_found", "The session was removed while it was starting.")
        return rows.start_params(row, self._hub.agent(row["machine"], row["cli"]))

    async def _not_started(self, found: Found, ambiguous: bool) -> None:
        """Leave nothing behind; where the machine may have it, the outbox removes it there."""

        def job(db: sqlite3.Connection) -> None:
            if ambiguous:
                rows.change(db, found.num, gone=1)
            else:
                rows.delete(db, found.num)

        await self._hub.mirror.forget(found.id)
        await self._hub.store.write(job, durable=True)
        self._hub.feed.removed(found.id)
        if ambiguous:
            self._hub.keep(found.machine)


def _started(db: sqlite3.Connection, num: int) -> bool:
    row = db.execute("SELECT gone FROM sessions WHERE num = ?", (num,)).fetchone()
    return bool(row and not row[0]) and rows.change(db, num, delivery="started", error=None)


def _failed(num: int, error: CodecastError, db: sqlite3.Connection) -> None:
    problem = error.to_json()
    rows.change(db, num, delivery="failed", error=json.dumps(problem))
    db.execute(
        "UPDATE prompts SET state = 'failed', error = ? WHERE session = ? AND state = 'stored'",
        (json.dumps(problem), num),
    )
