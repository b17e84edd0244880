"""What is told to the surfaces: events by cursor, and summaries that changed.

Nobody has a queue. A subscriber holds a cursor and asks for what comes after it: from a
small tail kept in memory while it is near the head, from the store while it is behind. A
slow one slows itself alone, and costs no memory. Watchers hold a set of what changed since
they last looked, so a thousand changes of one session are one summary.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.waiting import within

from .ingest import Row
from .store import Store

TAIL = 2000  # events kept in memory for a session that somebody watches
TAIL_BYTES = 4 << 20
BATCH = 500  # events a subscriber gets at once
BATCH_BYTES = 1 << 20
BREATH = 0.05  # seconds within which changes of a summary become one

# ("session" | "session_removed" | "machine" | "prompt" | "progress", id)
Key = tuple[str, str]
Render = Callable[[list[Key]], Awaitable[list[dict[str, Any]]]]


class _Topic:
    """A session that is watched."""

    def __init__(self, num: int, head: int) -> None:
        self.num, self.head = num, head
        self.tail: list[Row] = []
        self.size = 0
        self.users = 0
        self.moved = asyncio.Event()
        self.over = False

    def advance(self, head: int, rows: list[Row]) -> None:
        if rows:
            if self.tail and self.tail[-1].seq + 1 != rows[0].seq:
                self.tail, self.size = [], 0
            if rows[-1].seq - rows[0].seq == len(rows) - 1:
                self.tail.extend(rows)
                self.size += _size(rows)
                if len(self.tail) > 2 * TAIL or self.size > 2 * TAIL_BYTES:
                    self.tail = _last(self.tail)
                    self.size = _size(self.tail)
            else:  # a gap inside: read it from the store
                self.tail, self.size = [], 0
        self.head = max(self.head, head)
        self.wake()

    def wake(self) -> None:
        self.moved.set()
        self.moved = asyncio.Event()

    def after(self, cursor: int) -> list[Row] | None:
        """What follows `cursor`, when memory has it."""
        if not self.tail or not self.tail[0].seq <= cursor + 1 <= self.tail[-1].seq:
            return None
        start = cursor + 1 - self.tail[0].seq
        return _cut(self.tail[start : start + BATCH])


class Feed:
    """`render` (set by the hub) turns keys of changed things into the summaries to send."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._topics: dict[str, _Topic] = {}
        self._watchers: set[_Watcher] = set()
        self.render: Render = _nothing
        self.everything: Callable[[], Awaitable[list[Key]]] = _no_keys
        self._closed = False

    async def subscribe(
        self, session: str, after: int = 0
    ) -> AsyncGenerator[list[dict[str, Any]], None]:
        """The events of a session (by id) after a cursor, then those to come, in order and
        without a hole that no `gap` event tells; `{seq, time, type, ...}` each.
        Ends when the session is removed or the hub closes. Raises CodecastError("not_found").
        """
        batches = self.subscribe_rows(session, after)
        try:
            async for rows in batches:
                yield [row.event().to_json() for row in rows]
        finally:
            await batches.aclose()

    async def subscribe_rows(self, session: str, after: int = 0) -> AsyncGenerator[list[Row], None]:
        """The same as stored; `Row.text()` is the API's JSON without a parse."""
        topic = await self._enter(session)
        try:
            cursor = after
            while not topic.over:
                moved = topic.moved
                if cursor < topic.head:
                    rows = topic.after(cursor)
                    if rows is None:
                        rows = await self._store.read(partial(read, topic.num, cursor))
                    if rows:
                        cursor = rows[-1].seq
                        yield rows
                        continue
                await moved.wait()
        finally:
            self._leave(session, topic)

    async def page(
        self, session: str, after: int = 0, limit: int = 500, types: set[str] | None = None
    ) -> list[dict[str, Any]]:
        """Stored events after a cursor, `limit` at most. Raises CodecastError("not_found")."""

        def job(db: sqlite3.Connection) -> list[dict[str, Any]]:
            num, _ = _place(db, session)
            return [row.event().to_json() for row in _page(db, num, after, limit, types)]

        return await self._store.read(job)

    async def before(
        self, session: str, before: int, limit: int, most: int, types: set[str] | None = None
    ) -> tuple[list[Row], bool]:
        """Stored events that come before one, the nearest `limit` or those that make up `most`
        bytes, in their order; and whether older ones exist. Raises CodecastError("not_found").
        """

        def job(db: sqlite3.Connection) -> tuple[list[Row], bool]:
            num, _ = _place(db, session)
            return _back(db, num, before, limit, most, types or set())

        return await self._store.read(job)

    async def heads(self, session: str, limit: float) -> AsyncIterator[int]:
        """The last seq now and whenever it moves, for `limit` seconds at most."""
        topic = await self._enter(session)
        end = time.monotonic() + limit
        try:
            while not topic.over:
                moved = topic.moved
                yield topic.head
                await within(moved.wait(), max(end - time.monotonic(), 0))
        except asyncio.TimeoutError:
            return
        finally:
            self._leave(session, topic)

    def watch(self) -> AsyncGenerator[dict[str, Any], None]:
        """Summaries of all machines and sessions, `{type: watching}`, then each that changes:
        `{type: machine, machine}`, `{type: session, session}`, `{type: session_removed, id}`,
        `{type: prompt, prompt}`, `{type: progress, machine, session?, text}`. Nothing
        that changes after the call is missed.
        """
        watcher = _Watcher()
        self._watchers.add(watcher)
        return self._watch(watcher)

    async def _watch(self, watcher: _Watcher) -> AsyncGenerator[dict[str, Any], None]:
        try:
            for summary in await self.render(await self.everything()):
                yield summary
            yield {"type": "watching"}
            while True:
                await watcher.ready.wait()
                if self._closed:
                    return
                for summary in await self.render(watcher.take()):
                    yield summary
                await asyncio.sleep(BREATH)
        finally:
            self._watchers.discard(watcher)

    # -- what the hub tells

    def moved(self, session: str, head: int, rows: list[Row]) -> None:
        """Events were stored."""
        topic = self._topics.get(session)
        if topic is not None:
            topic.advance(head, rows)

    def changed(self, *keys: Key) -> None:
        """Summaries look different now."""
        for watcher in self._watchers:
            watcher.add(keys)

    def removed(self, session: str) -> None:
        """The session is no more."""
        topic = self._topics.pop(session, None)
        if topic is not None:
            topic.over = True
            topic.wake()
        self.changed(("session_removed", session))

    async def refresh(self) -> None:
        """Another hub wrote: look where everybody is."""
        topics = list(self._topics.items())
        if topics:
            numbers = [topic.num for _, topic in topics]
            heads = await self._store.read(lambda db: _heads(db, numbers))
            for (session, topic), head in zip(topics, heads, strict=True):
                if head is None:
                    self.removed(session)
                elif head > topic.head:
                    topic.advance(head, [])

    def close(self) -> None:
        """End every iteration."""
        self._closed = True
        for topic in self._topics.values():
            topic.over = True
            topic.wake()
        for watcher in self._watchers:
            watcher.ready.set()

    async def _enter(self, session: str) -> _Topic:
        topic = self._topics.get(session)
        if topic is None:
            num, head = await self._store.read(lambda db: _place(db, session))
            topic = self._topics.setdefault(session, _Topic(num, head))
            # events stored between the read and now were told to nobody
            topic.users += 1
            now = (await self._store.read(lambda db: _heads(db, [num])))[0]
            topic.head = max(topic.head, now or 0)
            return topic
        topic.users += 1
        return topic

    def _leave(self, session: str, topic: _Topic) -> None:
        topic.users -= 1
        if not topic.users and self._topics.get(session) is topic:
            del self._topics[session]


class _Watcher:
    def __init__(self) -> None:
        self.keys: dict[Key, None] = {}
        self.ready = asyncio.Event()

    def add(self, keys: Any) -> None:
        for key in keys:
            self.keys[key] = None
        self.ready.set()

    def take(self) -> list[Key]:
        keys, self.keys = list(self.keys), {}
        self.ready.clear()
        return keys


def read(session: int, after: int, db: sqlite3.Connection, limit: int = BATCH) -> list[Row]:
    """Stored events after a cursor: `limit` of them, or fewer that make up BATCH_BYTES."""
    rows, size = [], 0
    for found in db.execute(
        "SELECT session, seq, time, type, body FROM events WHERE session = ? AND seq > ?"
        " ORDER BY seq LIMIT ?",
        (session, after, limit),
    ):
        rows.append(Row(*found))
        size += len(found[4])
        if size > BATCH_BYTES:
            break
    return rows


def _back(
    db: sqlite3.Connection, session: int, before: int, limit: int, most: int, types: set[str]
) -> tuple[list[Row], bool]:
    rows: list[Row] = []
    size = 0
    for found in db.execute(
        "SELECT session, seq, time, type, body FROM events WHERE session = ? AND seq < ?"
        f"{_of(types)} ORDER BY seq DESC LIMIT ?",
        (session, before, *sorted(types), limit + 1),
    ):
        if len(rows) == limit or size > most:
            return rows[::-1], True
        rows.append(Row(*found))
        size += len(found[4])
    return rows[::-1], False


def _of(types: set[str] | None) -> str:
    return f" AND type IN ({','.join('?' * len(types))})" if types else ""


def _page(
    db: sqlite3.Connection, session: int, after: int, limit: int, types: set[str] | None
) -> list[Row]:
    found = db.execute(
        "SELECT session, seq, time, type, body FROM events WHERE session = ? AND seq > ?"
        f"{_of(types)} ORDER BY seq LIMIT ?",
        (session, after, *sorted(types or ()), limit),
    )
    return [Row(*row) for row in found]


def _place(db: sqlite3.Connection, session: str) -> tuple[int, int]:
    row = db.execute(
        "SELECT num, cursor FROM sessions WHERE id = ? AND gone = 0", (session,)
    ).fetchone()
    if row is None:
        raise CodecastError("not_found", f"There is no session {session!r}.")
    return row[0], row[1]


def _heads(db: sqlite3.Connection, numbers: list[int]) -> list[int | None]:
    found = []
    for num in numbers:
        row = db.execute(
            "SELECT cursor FROM sessions WHERE num = ? AND gone = 0", (num,)
        ).fetchone()
        found.append(row[0] if row else None)
    return found


def _size(rows: list[Row]) -> int:
    return sum(len(row.body) for row in rows)


def _cut(rows: list[Row]) -> list[Row]:
    size = 0
    for index, row in enumerate(rows, 1):
        size += len(row.body)
        if size > BATCH_BYTES:
            return rows[:index]
    return rows


def _last(rows: list[Row]) -> list[Row]:
    """The newest that fit into the tail."""
    size, start = 0, len(rows)
    while start > 0 and len(rows) - start < TAIL:
        size += len(rows[start - 1].body)
        if size > TAIL_BYTES:
            break
        start -= 1
    return rows[start:]


async def _nothing(keys: list[Key]) -> list[dict[str, Any]]:
    return []


async def _no_keys() -> list[Key]:
    return []
