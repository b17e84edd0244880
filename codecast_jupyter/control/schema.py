"""The shape of the hub's file, and the way from every older shape to this one.

Every step is safe to repeat (a crash in the middle runs it again) and two hubs that open
one new file at once wait for each other on a lock beside it. A file written by a newer hub
is refused: its meaning is not known here.

`events` is keyed by the session's number, not its id, and has no rowid: a row of 200 bytes
would otherwise spend a third of itself on keys. `messages` is what search reads: whole
messages, prompts and tool calls, folded from events behind `sessions.indexed`.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from codecast_agent.protocol import state as fold
from codecast_agent.protocol.errors import CodecastError

from . import usage

Step = Callable[[Database], None]


def _first(db: Database) -> None:
    def table(name: str) -> Any:
        return db[name]

    table("meta").create({"key": str, "value": str}, pk="key", if_not_exists=True)
    table("machines").create(
        {"name": str, "hello": str, "seen": float}, pk="name", if_not_exists=True
    )
    table("sessions").create(
        {
            "num": int,
            "id": str,
            "name": str,
            "machine": str,
            "cli": str,
            "cwd": str,
            "mode": str,
            "model": str,
            "spec": str,  # JSON: create_directory, native, fork
            "owner": str,
            "created": float,
            "delivery": str,  # stored, started or failed: did its start reach the machine?
            "error": str,  # JSON of a CodecastError: not started, or lost on the machine
            "gone": int,  # 0 here; 1 to be removed on the machine; 2 rows being deleted
            "cursor": int,  # the last event stored
            "shift": int,  # our seq minus the machine's, see mirror
            "epoch": int,  # our seq of the last reset
            "updated": float,
            "state": str,  # JSON of the fold; its seq and updated are the two columns above
            "version": int,  # raised by every change a summary shows
            "indexed": int,  # events up to here are in `messages`
        },
        pk="num",
        not_null={"id", "name", "machine", "cursor"},
        defaults={"gone": 0, "cursor": 0, "shift": 0, "epoch": 0, "version": 0, "indexed": 0},
        if_not_exists=True,
    )
    table("sessions").create_index(["id"], unique=True, if_not_exists=True)
    table("sessions").create_index(["machine"], if_not_exists=True)
    db.execute(
        "CREATE UNIQUE INDEX IF NOT EXISTS sessions_name ON sessions(name COLLATE NOCASE)"
        " WHERE gone = 0"
    )
    db.execute(
        "CREATE TABLE IF NOT EXISTS events (session INTEGER NOT NULL, seq INTEGER NOT NULL,"
        " time INTEGER NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL,"
        " PRIMARY KEY (session, seq)) WITHOUT ROWID"
    )
    table("prompts").create(
        {
            "num": int,  # the order of sending, until they are moved
            "id": str,
            "session": int,
            "content": str,
            "state": str,
            "steer": int,
            "tried": int,  # it was sent at least once: it may be there
            "created": float,
            "by": str,
            "where": str,
            "error": str,
        },
        pk="num",
        not_null={"id", "session", "content", "state"},
        defaults={"steer": 0, "tried": 0},
        if_not_exists=True,
    )
    table("prompts").create_index(["session", "id"], unique=True, if_not_exists=True)
    table("prompts").create_index(["id"], if_not_exists=True)
    db.execute(
        "CREATE INDEX IF NOT EXISTS prompts_waiting ON prompts(session) WHERE state = 'stored'"
    )
    table("requests").create(
        {
            "session": int,
            "request": str,
            "seq": int,
            "opened": float,
            "body": str,  # the fields of request_opened
            "outcome": str,  # open, resolved or withdrawn
            "resolution": str,
        },
        pk=("session", "request"),
        if_not_exists=True,
    )
    db.execute(
        "CREATE INDEX IF NOT EXISTS requests_open ON requests(session) WHERE outcome = 'open'"
    )
    table("messages").create(
        {
            "num": int,
            "session": int,
            "kind": str,  # prompt, message, thought, user or tool
            "key": str,
            "seq": int,
            "time": float,
            "text": str,
        },
        pk="num",
        if_not_exists=True,
    )
    table("messages").create_index(["session", "kind", "key"], unique=True, if_not_exists=True)
    if not table("messages_fts").exists():
        table("messages").enable_fts(
            ["text"], create_triggers=True, tokenize="unicode61 remove_diacritics 2"
        )
    # ids of removed sessions: a machine's list taken before the removal must not bring them back
    table("removed").create({"id": str, "time": float}, pk="id", if_not_exists=True)


def _turns(db: Database) -> None:
    """What turns took, also those that are stored already."""
    table: Any = db["turns"]
    table.create(
        {
            "session": int,
            "seq": int,  # of its turn_started
            "turn": int,
            "started": float,
            "ended": float,
            "reason": str,
            "usage": str,  # JSON, of turn_ended
            "cost_usd": float,
            "told": int,  # the CLI itself told the turn's cost
            "seconds": float,  # in which it ran and waited for nobody
            "cost_before": float,  # of the session
            "worked_before": float,
        },
        pk=("session", "seq"),
        if_not_exists=True,
    )
    state, session = fold.initial(), None
    marks = ", ".join("?" * len(fold.FOLDED))
    for row in db.execute(
        "SELECT session, seq, time, type, body FROM events"
        f" WHERE type IN ({marks}) ORDER BY session, seq",
        sorted(fold.FOLDED),
    ).fetchall():
        num, seq, micros, type, body = row
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            continue
        if num != session:
            state, session = fold.initial(), num
        fold.apply(state, seq, micros / 1e6, type, data)
        if type in usage.TYPES:
            usage.follow(db.conn, num, seq, micros / 1e6, type, data, state)


def _moves(db: Database) -> None:
    """Moves of prompts that were made here; those a machine made it knows itself."""
    table: Any = db["moves"]
    table.create({"session": int, "id": str}, pk=("session", "id"), if_not_exists=True)


STEPS: list[Step] = [_first, _turns]
# what an older hub does without: made whenever it lacks, so that the file keeps its number
EXTRAS: list[Step] = [_moves]


def prepare(path: Path) -> None:
    """Make the file, owner-only, and bring it to this shape. Raises CodecastError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
        connection = sqlite3.connect(path, timeout=30)
        try:
            _migrate(connection, path)
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        raise CodecastError(
            "internal",
            f"The session store {path} cannot be opened: {error}.",
            "If the file is damaged, move it away; machines keep their journals and sessions"
            " are taken up again from there.",
        ) from error
    finally:
        os.close(lock)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(STEPS):
        raise CodecastError(
            "protocol_mismatch",
            f"The session store {path} was written by a newer codecast-jupyter"
            f" (shape {version}, this one knows {len(STEPS)}).",
            "Upgrade codecast-jupyter, or give it another data directory.",
        )
    db = Database(connection)
    for number, step in enumerate(STEPS[version:], version + 1):
        step(db)
        connection.execute(f"PRAGMA user_version = {number}")
        connection.commit()
    for extra in EXTRAS:
        extra(db)
    connection.commit()
