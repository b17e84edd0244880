"""Journals of connected machines, copied into the store and told to the feed.

Each session of a link is a stream: its blocks wait in a list, and one task takes them to the
store slice by slice, so that the loop breathes and sessions share the writer. A little that
comes to a stream with nothing under way is stored at once when the store can
(`Store.at_once`), and what comes together with it in one transaction behind it: an event of a
quiet session waits for no thread. What waits beyond HIGH bytes pauses the whole link: the
machine's journal is the buffer, not our memory.

Resuming proves continuity. A stream asks from one record before its cursor; that record must
equal the stored one. Where it does not, the stream compares from the journal's start, and the
store tells the place of parting by a `gap` event. A hole is asked for again once; when the
journal really begins later (old segments were dropped), that is a `gap` event, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any

from codecast_agent.protocol.errors import CodecastError

from .ingest import SLICE, Diverged, Hole, Ingest, Taken
from .store import Store

log = logging.getLogger(__name__)

LITTLE = 16 << 10  # bytes of a stream that are stored at once
HIGH = 32 << 20  # bytes waiting on one link before it is paused, and resumed below a quarter
ACK_EVERY = 2.0  # seconds
ACK_AFTER = 1 << 20  # bytes of a session: machines drop whole segments of some MiB
AT_ONCE = 16  # subscriptions being made on one link
RETRY = 1.0  # seconds before a failed store is tried again

OnTaken = Callable[[str, Taken], None]


class Mirror:
    """`on_taken(session id, taken)` is called after each slice is in the store."""

    def __init__(self, store: Store, on_taken: OnTaken) -> None:
        self._store = store
        self._on_taken = on_taken
        self._ingest = Ingest()
        self._links: dict[Any, _Followed] = {}

    async def follow(self, link: Any, session: str, num: int) -> None:
        """Mirror a session over a link until the link ends or `forget`. Safe to repeat.

        Raises CodecastError, `link_lost` above all.
        """
        followed = self._links.get(link)
        if followed is None:
            if link.closed.done():
                raise CodecastError("link_lost", "The connection to the machine was lost.")
            followed = self._links[link] = _Followed(self, link)
            link.closed.add_done_callback(lambda _: self._drop(link))
        stream = followed.streams.get(session)
        if stream is not None:
            await asyncio.shield(stream.opened)
            return
        stream = followed.streams[session] = _Stream(followed, session, num)
        try:
            async with followed.opening:
                await stream.open()
            stream.opened.set_result(None)
        except BaseException as error:
            followed.streams.pop(session, None)
            problem = (
                error
                if isinstance(error, CodecastError)
                else CodecastError("link_lost", "The connection to the machine was lost.")
            )
            stream.end()
            stream.opened.set_exception(problem)
            stream.opened.exception()
            raise

    def follows(self, link: Any, session: str) -> bool:
        followed = self._links.get(link)
        return followed is not None and session in followed.streams

    async def forget(self, session: str) -> None:
        """Take no more of a session that is being removed."""
        for followed in list(self._links.values()):
            stream = followed.streams.pop(session, None)
            if stream is not None:
                stream.end()
                with contextlib.suppress(CodecastError):
                    await followed.link.unsubscribe(session)

    async def close(self) -> None:
        streams = [s for followed in self._links.values() for s in followed.streams.values()]
        for link in list(self._links):
            self._drop(link)
        for stream in streams:
            await stream.done()

    def _drop(self, link: Any) -> None:
        followed = self._links.pop(link, None)
        if followed is not None:
            followed.end()

    async def take(self, num: int, data: bytes, **how: Any) -> Taken:
        def job(db: sqlite3.Connection) -> Taken:
            return self._ingest.take(db, num, data, **how)

        return await self._store.write(job)

    async def reset(self, num: int, last: int) -> Taken:
        return await self._store.write(lambda db: self._ingest.reset(db, num, last))


class _Followed:
    """The streams of one link."""

    def __init__(self, mirror: Mirror, link: Any) -> None:
        self.mirror, self.link = mirror, link
        self.streams: dict[str, _Stream] = {}
        self.opening = asyncio.Semaphore(AT_ONCE)
        self.waiting = 0
        self.paused = False
        self._loop = asyncio.get_running_loop()
        self._due: list[_Stream] = []  # with a little to be stored at once
        self._gathering = False  # more may be read before the loop's next turn
        self._acks = asyncio.create_task(self._acknowledge())

    def weigh(self, size: int) -> None:
        self.waiting += size
        if not self.paused and self.waiting > HIGH:
            self.paused = True
            self.link.pause()
        elif self.paused and self.waiting < HIGH // 4:
            self.paused = False
            if not self.link.closed.done():
                self.link.resume()

    def first(self, stream: _Stream, data: bytes) -> bool:
        """Store what a quiet stream brings now, if it is the first in this turn of the loop;
        False when it is to wait for what comes together with it (see `little`)."""
        if self._gathering:
            return False
        self._gathering = True
        try:
            return self._at_once([(stream, data)])
        finally:
            self._loop.call_soon(self._gathered)

    def little(self, stream: _Stream) -> None:
        """A stream has a little, to be stored when all is read that came together with it."""
        self._due.append(stream)

    def _gathered(self) -> None:
        self._gathering = False
        if not self._due:
            return
        pieces = [(each, each.slice()) for each in self._due if each.is_quiet()]
        self._due = []
        if not self._at_once(pieces):
            # in the thread each is stored, or told what is wrong with it, by itself
            for each, data in pieces:
                each.put_back(data)

    def _at_once(self, pieces: list[tuple[_Stream, bytes]]) -> bool:
        take = self.mirror._ingest.take_more
        try:
            taken = self.mirror._store.at_once(
                lambda db: [take(db, each.num, data) for each, data in pieces]
            )
        except Exception:
            return False
        for (each, data), one in zip(pieces, taken, strict=True):
            each.took(data, one)
        return True

    def end(self) -> None:
        self._acks.cancel()
        for stream in self.streams.values():
            stream.end()
        self.streams.clear()

    async def _acknowledge(self) -> None:
        """Tell the machine what is on our disk; only then may it drop old segments."""
        while True:
            await asyncio.sleep(ACK_EVERY)
            streams = self.streams.values()
            due = [(s, s.stored, s.unacked) for s in streams if s.unacked >= ACK_AFTER]
            if not due:
                continue
            try:
                await self.mirror._store.sync()
                for stream, seq, size in due:
                    await self.link.call("session/ack", {"session": stream.session, "seq": seq})
                    stream.unacked -= size
            except CodecastError as error:
                log.debug("acknowledging failed: %s", error)


class _Stream:
    """One session on one link."""

    def __init__(self, followed: _Followed, session: str, num: int) -> None:
        self.followed, self.session, self.num = followed, session, num
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.stored = 0  # the machine's number
        self.unacked = 0  # bytes stored that the machine was not told of
        self._blocks: list[bytes] = []
        self._size = 0
        self._how: dict[str, Any] = {}
        self._hole = (0, 0)
        self._pump: asyncio.Task[None] | None = None
        self._era = 0  # blocks of an earlier subscription are not taken
        self._over = False

    async def open(self) -> None:
        """Subscribe from the cursor, with proof."""
        cursor, shift, epoch = await self._place()
        # The record of a gap event is ours alone: there is nothing on the machine to compare.
        proof = cursor > epoch and cursor - shift > 0
        self._how = {"prove": proof}
        answer = await self._subscribe(cursor - shift - int(proof))
        last = int(answer.get("last_seq", 0))
        # where it ends just before our cursor, it has nothing to prove or disprove that with
        if answer.get("reset") or last < cursor - shift:
            await self._compare(last)

    async def _place(self) -> tuple[int, int, int]:
        def job(db: sqlite3.Connection) -> tuple[int, int, int]:
            row = db.execute(
                "SELECT cursor, shift, epoch FROM sessions WHERE num = ?", (self.num,)
            ).fetchone()
            if row is None:
                raise CodecastError("not_found", "The session is gone.")
            return row["cursor"], row["shift"], row["epoch"]

        return await self.followed.mirror._store.read(job)

    async def _subscribe(self, after: int) -> dict[str, Any]:
        self._era += 1
        self.followed.weigh(-self._size)
        self._blocks, self._size = [], 0
        answer: dict[str, Any] = await self.followed.link.subscribe(
            self.session, after, partial(self._sink, self._era)
        )
        return answer

    async def _compare(self, last: int) -> None:
        """The journal ends before our cursor, or differs at it: find out where they part."""
        log.warning("session %s: the machine's journal differs from ours", self.session)
        self._how = {"compare": True, "last": last}
        self.stored = self.unacked = 0
        answer = await self._subscribe(0)
        self._how["last"] = int(answer.get("last_seq", last))
        self._wake()

    def _sink(self, era: int, data: bytes) -> None:
        if era != self._era or self._over:
            return
        if not self._blocks and self._takes(len(data)) and self.followed.first(self, data):
            return
        self._blocks.append(data)
        self._size += len(data)
        self.followed.weigh(len(data))
        if self.is_quiet():
            if len(self._blocks) == 1:
                self.followed.little(self)
        else:
            self._wake()

    def is_quiet(self) -> bool:
        """Only a little waits, nothing is under way, nothing is in doubt."""
        return self._takes(self._size) and not self._over

    def _takes(self, size: int) -> bool:
        """Whether so many bytes may be stored at once, but for what waits before them."""
        idle = self._pump is None or self._pump.done()
        return idle and not self._how and 0 < size <= LITTLE

    def put_back(self, data: bytes) -> None:
        """A slice that is not stored; the pump does it."""
        self._blocks.insert(0, data)
        self._size += len(data)
        self.followed.weigh(len(data))
        self._wake()

    def _wake(self) -> None:
        if self._pump is None or self._pump.done():
            self._pump = asyncio.get_running_loop().create_task(self._work())

    def end(self) -> None:
        self._over = True
        self.followed.weigh(-self._size)
        self._blocks, self._size = [], 0

    async def done(self) -> None:
        """What was on its way into the store has been told."""
        if self._pump is not None:
            await asyncio.wait({self._pump}, timeout=10)

    async def _work(self) -> None:
        while (self._blocks or self._how.get("compare")) and not self._over:
            era, data = self._era, self.slice()
            try:
                await self._store_slice(data)
            except Hole as hole:
                await self._refill(hole)
            except Diverged:
                await self._again(self._compare(0))
            except ValueError as error:
                log.warning("session %s: %s; asking again", self.session, error)
                await asyncio.sleep(RETRY)
                await self._again(self.open())
            except CodecastError as error:
                if error.code == "not_found":
                    self._over = True
                    return
                log.warning("session %s: %s", self.session, error.message)
                await asyncio.sleep(RETRY)
                if era == self._era and data:
                    self.put_back(data)
            if not data and not self._blocks:
                return

    async def _store_slice(self, data: bytes) -> None:
        mirror, how = self.followed.mirror, dict(self._how)
        last = how.pop("last", None)
        if data:
            self.took(data, await mirror.take(self.num, data, **how))
            if not self._how:
                return
        if (
            last is not None and self.stored >= last
        ):  # all of its journal equals ours: ours is longer
            self._tell(await mirror.reset(self.num, last))
            self._how = {}

    def took(self, data: bytes, taken: Taken) -> None:
        """A slice is in the store."""
        self._tell(taken)
        if self._how:
            self._how = {k: v for k, v in self._how.items() if k in ("compare", "last")}
        if taken.parted:
            self._how = {}
        else:
            number = int(data[data.rfind(b"\n", 0, -1) + 1 :].split(b" ", 1)[0])
            self.stored = max(self.stored, number)
            self.unacked += len(data)

    def _tell(self, taken: Taken) -> None:
        self.followed.mirror._on_taken(self.session, taken)

    async def _refill(self, hole: Hole) -> None:
        """Ask again; a second time the same hole means that the journal begins behind it."""
        place = (hole.wanted, hole.found)
        if place == self._hole:
            why = "The machine no longer keeps these events (its journal begins later)."
            await self._again(self.open(), gap=why)
        else:
            self._hole = place
            await self._again(self.open())

    async def _again(self, opening: Any, gap: str = "") -> None:
        try:
            await opening
            if gap:
                self._how["gap"] = gap
        except CodecastError as error:  # the link ends, or is about to
            log.debug("session %s: %s", self.session, error)

    def slice(self) -> bytes:
        """Some waiting blocks, SLICE bytes or a single larger one."""
        count = size = 0
        for block in self._blocks:
            if count and size + len(block) > SLICE:
                break
            size += len(block)
            count += 1
        data = self._blocks[0] if count == 1 else b"".join(self._blocks[:count])
        del self._blocks[:count]
        self._size -= size
        self.followed.weigh(-size)
        return data
