"""The hub's file: one writer thread, readers beside it.

Every change is a function that runs in the writer thread inside a transaction. Jobs that
wait together are committed together, each under its own savepoint, so that one that fails
takes no other with it. A `durable` job is on the disk (fsync) when `write` answers; the
others survive a killed process but may be lost with the power, together with the cursors
that say so. Readers have connections of their own and never wait for the writer (WAL).

A thread costs two hops, which is more than a small job itself: `at_once` runs one in the
loop's thread, on the writer's connection, when nothing else waits or works there and the
loop has time to spare (`Allowance`). It never waits for a lock, a disk's fsync or a checkpoint.

Another hub may use the same file: the writer takes the lock when it begins, jobs read what
they rely on inside the transaction, and a change made by the other is told to `on_foreign`.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from codecast_agent.protocol.errors import CodecastError

from . import schema
from .allowance import Allowance

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]

BATCH = 32  # jobs a transaction
FOREIGN_EVERY = 0.5  # seconds between looks at what another hub wrote
READERS = 4
BUSY = 30.0  # seconds to wait for another hub's transaction
CHECKPOINT = 8192  # pages: it costs two fsyncs, so let some 32 MiB gather before one


class NotNow(Exception):
    """The store cannot run a job at once: submit it."""


class _Work(NamedTuple):
    job: Job[Any]
    durable: bool
    future: asyncio.Future[Any]


Outcome = tuple["asyncio.Future[Any]", Any, "BaseException | None"]


class Store:
    """`await Store.open(path)`; every method is for the loop's thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hub_id = ""
        self.on_foreign: Callable[[], None] = lambda: None
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="codecast-read")
        self._thread = threading.Thread(target=self._run, name="codecast-store", daemon=True)
        self._closed = False
        self._writer = _connect(path)
        self._using = threading.Lock()  # whoever uses the writer's connection
        self._manner = ""  # what it is set to
        self._open_jobs = 0  # submitted and not settled
        self._allowance = Allowance()

    @classmethod
    async def open(cls, path: Path) -> Store:
        """Raises CodecastError when the file cannot be used."""
        await asyncio.to_thread(schema.prepare, path)
        store = cls(path)
        store._thread.start()
        store.hub_id = await store.write(_hub_id, durable=True)
        return store

    async def write(self, job: Job[T], durable: bool = False) -> T:
        """Run `job` in the writer's transaction. What it raises undoes it and is raised here.

        Raises CodecastError("disk_full") when the disk is.
        """
        return await self.submit(job, durable)

    def submit(self, job: Job[T], durable: bool = False) -> asyncio.Future[T]:
        """`write` for callers that do not wait at once; the order of calls is kept."""
        if self._closed:
            raise CodecastError("internal", "The session store is closed.")
        future: asyncio.Future[T] = self._loop.create_future()
        self._open_jobs += 1
        self._queue.put(_Work(job, durable, future))
        return future

    def at_once(self, job: Job[T]) -> T:
        """Run a small job here and now, in a transaction that is committed when this returns.

        Raises NotNow, with nothing done, when somebody else is at it or the loop has no time.
        What the job raises undoes it and is raised here. Not durable.
        """
        if self._open_jobs or self._closed or not self._allowance:
            raise NotNow
        if not self._using.acquire(blocking=False):
            raise NotNow
        try:
            with self._allowance:
                return self._quickly(job)
        finally:
            self._using.release()

    def _quickly(self, job: Job[T]) -> T:
        connection = self._writer
        self._set("quick")
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:  # another hub writes
            raise NotNow from None
        try:
            value = job(connection)
            connection.execute("COMMIT")
            return value
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    async def read(self, job: Job[T]) -> T:
        """Run `job` on a reader's connection, in a thread of its own."""
        if self._closed:
            raise CodecastError("internal", "The session store is closed.")
        return await self._loop.run_in_executor(self._readers, self._read, job)

    async def sync(self) -> None:
        """Everything written so far is on the disk when this returns."""
        await self.write(_touch, durable=True)

    async def close(self) -> None:
        """Finish what was submitted, then end."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._readers.shutdown)
        for connection in [*self._connections, self._writer]:
            connection.close()

    # -- reader threads

    def _read(self, job: Job[T]) -> T:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = _connect(self.path)
            connection.execute("PRAGMA query_only = ON")
            self._local.connection = connection
            self._connections.append(connection)
        connection.execute("BEGIN")
        try:
            return job(connection)
        finally:
            connection.execute("COMMIT")

    # -- the writer thread

    def _run(self) -> None:
        seen = _data_version(self._writer)
        open_ = True
        while open_:
            try:
                work = self._queue.get(timeout=FOREIGN_EVERY)
            except queue.Empty:
                with self._using:
                    now = _data_version(self._writer)
                if now != seen:
                    seen = now
                    self._tell(lambda: self.on_foreign())
                continue
            batch = []
            while work is not None:
                batch.append(work)
                if len(batch) == BATCH or self._queue.empty():
                    break
                work = self._queue.get()
            open_ = work is not None
            if batch:
                with self._using:
                    outcomes = self._transaction(self._writer, batch)
                self._tell(lambda o=outcomes: self._settle(o))  # type: ignore[misc]

    def _set(self, manner: str) -> None:
        """Make the writer's connection `durable`, `plain`, or `quick`: nothing to wait for."""
        if manner == self._manner:
            return
        self._manner = ""
        quick, execute = manner == "quick", self._writer.execute
        execute(f"PRAGMA synchronous = {'FULL' if manner == 'durable' else 'NORMAL'}")
        execute(f"PRAGMA busy_timeout = {0 if quick else int(BUSY * 1000)}")
        execute(f"PRAGMA wal_autocheckpoint = {0 if quick else CHECKPOINT}")
        self._manner = manner

    def _transaction(self, connection: sqlite3.Connection, batch: list[_Work]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        try:
            self._set("durable" if any(work.durable for work in batch) else "plain")
            connection.execute("BEGIN IMMEDIATE")
            for work in batch:
                connection.execute("SAVEPOINT job")
                try:
                    outcomes.append((work.future, work.job(connection), None))
                except Exception as error:
                    if not connection.in_transaction:
                        raise  # SQLite gave the whole transaction up (disk full, I/O error)
                    connection.execute("ROLLBACK TO job")
                    outcomes.append((work.future, None, _plain(error)))
                connection.execute("RELEASE job")
            connection.execute("COMMIT")
        except Exception as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            problem = _plain(error)
            return [(work.future, None, problem) for work in batch]
        return outcomes

    def _settle(self, outcomes: list[Outcome]) -> None:
        self._open_jobs -= len(outcomes)
        for future, value, error in outcomes:
            if future.done():  # its caller was cancelled; the change stands
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)

    def _tell(self, call: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone; nobody waits any more
            self._loop.call_soon_threadsafe(call)


def storable(value: object) -> str:
    """As text SQLite takes: lone surrogates, which JSON may bring, become question marks."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA cache_size = -16384")
    connection.execute("PRAGMA recursive_triggers = ON")
    return connection


def _data_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def _plain(error: Exception) -> Exception:
    """SQLite's words as an error a person can act on; others as they are."""
    if not isinstance(error, sqlite3.OperationalError):
        return error
    if "full" in str(error):
        return CodecastError(
            "disk_full",
            "The disk of the hub is full: nothing more can be stored.",
            "Free space where codecast keeps its data; nothing that was accepted is lost.",
        )
    return CodecastError("internal", f"The session store failed: {error}.")


def _hub_id(connection: sqlite3.Connection) -> str:
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('hub', ?)", (str(uuid.uuid4()),))
    return str(connection.execute("SELECT value FROM meta WHERE key = 'hub'").fetchone()[0])


def _touch(connection: sqlite3.Connection) -> None:
    connection.execute(
        "INSERT INTO meta VALUES ('sync', '1') ON CONFLICT(key) DO UPDATE SET value = value + 1"
    )
