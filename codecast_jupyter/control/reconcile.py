"""When a machine comes (back): its sessions and our rows are brought together.

The machine's list is what exists; our rows are what was wanted. Sessions we do not know are
taken in, those marked gone are removed there, a start that a dead hub left half done is done
again, journals are followed from their cursors, and the outbox delivers.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from codecast_agent.protocol.errors import CodecastError

from . import names, rows
from .rows import Found
from .store import storable

if TYPE_CHECKING:
    from .hub import Hub

log = logging.getLogger(__name__)


class _Plan(NamedTuple):
    follow: list[Found]
    remove: list[Found]
    launch: list[Found]
    deliver: list[str]
    rename: list[Found]
    changed: list[str]


class Reconcile:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._locks: dict[str, asyncio.Lock] = {}

    async def machine(self, machine: Any, link: Any, sought: str = "") -> None:
        """Bring machine and store together over a new link, or because of a session `sought`,
        unless that has been found meanwhile. Raises CodecastError."""
        async with self._locks.setdefault(machine.name, asyncio.Lock()):
            if sought and await self._row(sought) is not None:
                return  # a machine tells of a thousand at once: the first list had them all
            asked = time.time()
            listing = await link.call("session/list", {}, timeout=60.0)
            known = {m.name for m in self._hub.machines.list()}
            plan = await self._hub.store.write(
                lambda db: _plan(db, machine.name, link.hello, listing, asked, known)
            )
            self._hub.feed.changed(*(("session", session) for session in plan.changed))
            await asyncio.gather(*(self._follow(link, found) for found in plan.follow))
        for found in plan.remove:
            self._hub.spawn(self._hub.outbox.remove(link, found))
        for found in plan.launch:
            self._hub.spawn(self._hub.sessions.launch_again(found))
        for found in plan.rename:
            self._hub.spawn(self._hub.sessions.tell_name(found.id, found.machine, found.name))
        for session in plan.deliver:
            self._hub.outbox.kick(session)
        self._hub.keep(machine.name)

    async def session(self, machine: Any, link: Any, session: str) -> None:
        """The machine says that a session of it came or went."""
        if self._hub.mirror.follows(link, session):
            return
        row = await self._row(session)
        if row is None:
            await self.machine(machine, link, session)
        elif not row["gone"] and row["machine"] == machine.name:
            await self._follow(link, _found(row))

    async def _row(self, session: str) -> sqlite3.Row | None:
        return await self._hub.store.read(lambda db: rows.by_id(db, session))

    async def _follow(self, link: Any, found: Found) -> None:
        try:
            await self._hub.mirror.follow(link, found.id, found.num)
        except CodecastError as error:
            log.info("session %s is not followed: %s", found.id, error.message)


def _plan(
    db: sqlite3.Connection,
    machine: str,
    hello: Mapping[str, Any],
    listing: list[dict[str, Any]],
    asked: float,
    known: set[str],
) -> _Plan:
    plan = _Plan([], [], [], [], [], [])
    db.execute(
        "INSERT INTO machines VALUES (?, ?, ?) ON CONFLICT(name) DO UPDATE SET"
        " hello = excluded.hello, seen = excluded.seen",
        (machine, json.dumps(dict(hello)), asked),
    )
    there = {str(entry["session"]): entry for entry in listing}
    for session, entry in there.items():
        row = rows.by_id(db, session)
        if row is None:
            row = _take_in(db, machine, session, entry, asked)
            if row is None:
                continue
            plan.changed.append(session)
        elif row["machine"] != machine and row["machine"] not in known:
            rows.change(db, row["num"], machine=machine)  # its old name for this host is gone
            row = rows.by_id(db, session)
            assert row is not None
        if row["machine"] != machine:
            continue  # the same host under two names: the first one has it
        found = _found(row)
        if row["gone"]:
            plan.remove.append(found)
            continue
        if row["delivery"] != "started" or row["error"]:
            rows.change(db, row["num"], delivery="started", error=None)
            plan.changed.append(session)
        plan.follow.append(found)
        told = (entry.get("meta") or {}).get("name")
        if told and told != row["name"]:
            plan.rename.append(found)
    for row in db.execute("SELECT * FROM sessions WHERE machine = ?", (machine,)).fetchall():
        if row["id"] not in there:
            _absent(db, plan, row, machine, asked)
    waiting = db.execute(
        "SELECT DISTINCT sessions.id FROM prompts JOIN sessions ON sessions.num = session"
        " WHERE prompts.state = 'stored' AND machine = ? AND gone = 0",
        (machine,),
    )
    plan.deliver.extend(row["id"] for row in waiting)
    return plan


def _absent(
    db: sqlite3.Connection, plan: _Plan, row: sqlite3.Row, machine: str, asked: float
) -> None:
    """A row of ours that the machine does not list."""
    if row["gone"]:
        plan.remove.append(_found(row))
    elif row["delivery"] == "stored":
        plan.launch.append(_found(row))
    elif row["delivery"] == "started" and not row["error"] and row["created"] < asked - 300:
        problem = CodecastError(
            "not_found",
            f"{machine} no longer has this session.",
            "Its history stays readable here. Start another one, or remove it.",
        )
        rows.change(db, row["num"], error=json.dumps(problem.to_json()))
        plan.changed.append(row["id"])


def _take_in(
    db: sqlite3.Connection, machine: str, session: str, entry: Mapping[str, Any], asked: float
) -> sqlite3.Row | None:
    """A row for a session found there, unless it was removed after the list was asked for."""
    removed = db.execute("SELECT time FROM removed WHERE id = ?", (session,)).fetchone()
    if removed is not None and removed["time"] >= asked:
        return None
    meta = entry.get("meta")
    if not isinstance(meta, dict):
        meta = {}
    try:
        name = names.distinct(names.check(str(meta.get("name"))), lambda n: rows.taken(db, n))
        if not meta.get("name"):
            raise CodecastError("bad_request", "no name")
    except CodecastError:
        name = names.invent(lambda n: rows.taken(db, n))
    created = meta.get("created")
    rows.insert(
        db,
        id=session,
        name=name,
        machine=machine,
        cli=storable(meta.get("cli") or "unknown"),
        cwd=storable(meta.get("cwd") or ""),
        mode=storable(meta.get("mode") or "code"),
        model=storable(meta["model"]) if meta.get("model") else None,
        spec={},
        owner=storable(meta.get("owner") or ""),
        created=float(created) if isinstance(created, (int, float)) else asked,
        delivery="started",
    )
    return rows.by_id(db, session)


def _found(row: sqlite3.Row) -> Found:
    return Found(
        row["num"],
        row["id"],
        row["name"],
        row["machine"],
        row["cli"],
        row["delivery"],
        row["cursor"],
    )
