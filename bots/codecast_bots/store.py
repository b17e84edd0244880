"""What the bots know beside the server: one SQLite file, owner-only.

Which place shows which session and what stands there already, what was received and is not done,
who was let in by a pairing code. Transcripts are not kept beyond what is still on its way to a
chat. Calls are short and synchronous.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from .platforms.contract import Place
from .spool import Spool

Json = Mapping[str, Any]
KEEP_EVENTS = 3 * 86400  # seconds for which a repeated event is known
KEEP_TOKENS = 30 * 86400
KEEP_PACES = 2 * 3600  # longer than any pause
CLEAN_EVERY = 6 * 3600.0

_SCHEMA = """
create table if not exists routes (place text primary key, kind text, session text, style text);
create table if not exists sent (place text, key text, block text, ref text, digest text,
    state text, edits integer, primary key (place, key));
create table if not exists replies (place text, key text, out text, primary key (place, key));
create table if not exists snapshots (place text primary key, session text, view text);
create table if not exists inbox (id text primary key, at real, event text, state text);
create table if not exists tokens (token text primary key, at real, what text);
create table if not exists picks (session text, request text, question text, labels text,
    primary key (session, request, question));
create table if not exists people (platform text, id text, role text, name text,
    primary key (platform, id));
create table if not exists taken (place text primary key, kind text, message text, at real);
create table if not exists made (place text primary key, kind text, message text, at real);
create table if not exists facts (name text primary key, value text);
"""


class Route(NamedTuple):
    place: Place
    session: str  # its id
    style: dict[str, Any]


class Sent(NamedTuple):
    """A message of ours. `state`: `sending ...` (nobody knows yet), sent, or gone."""

    key: str
    block: str
    ref: str
    digest: str
    state: str
    edits: int


def key_of(place: Place) -> str:
    return json.dumps([place.platform, place.account, place.chat, place.thread])


class Store:
    """`path` is made with its directory, readable by the owner alone."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.close(descriptor)
        self.directory = path.parent
        self.spool = Spool(self.directory)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=normal")
        self._db.execute("pragma wal_autocheckpoint=250")  # pages: a megabyte of log
        self._db.execute("pragma cache_size=-256")  # KiB; all that is read often is in memory
        self._db.executescript(_SCHEMA)
        self._clean()

    def close(self) -> None:
        self._db.close()

    def _clean(self) -> None:
        """What is old would fill the disk of bots that are never started anew."""
        old = self._cleaned = time.time()
        self._db.execute("delete from inbox where state = 'done' and at < ?", (old - KEEP_EVENTS,))
        self._db.execute("delete from tokens where at < ?", (old - KEEP_TOKENS,))
        for table in ("taken", "made"):
            self._db.execute(
                f"delete from {table} where at < ? and place not in (select place from routes)",
                (old - KEEP_TOKENS,),
            )
        self._db.execute("delete from picks where session not in (select session from routes)")
        for name, value in self._all("select name, value from facts where name like 'pace %'"):
            calls, silent = json.loads(value)
            if max(*calls, silent, 0.0) < old - KEEP_PACES:
                self.put_fact(name, None)
        self.spool.clean(out for (out,) in self._all("select out from replies"))

    @contextmanager
    def together(self) -> Iterator[None]:
        """All or nothing."""
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def _all(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._db.execute(query, values).fetchall()

    def _one(self, query: str, *values: Any) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self._db.execute(query, values).fetchone()
        return found

    # -- which place shows which session

    def routes(self, platform: str, account: str) -> list[Route]:
        rows = self._all("select place, kind, session, style from routes")
        made = [Route(_place(p, kind), s, json.loads(style)) for p, kind, s, style in rows]
        return [r for r in made if (r.place.platform, r.place.account) == (platform, account)]

    def put_route(self, place: Place, session: str, style: Json) -> None:
        self._db.execute(
            "insert or replace into routes values (?, ?, ?, ?)",
            (key_of(place), place.kind, session, json.dumps(style)),
        )

    def remove_route(self, place: Place) -> None:
        """The place shows no session any more; what stands there stays."""
        with self.together():
            for table in ("routes", "snapshots", "sent"):
                self._db.execute(f"delete from {table} where place = ?", (key_of(place),))

    # -- what stands there

    def sent(self, place: Place) -> dict[str, Sent]:
        rows = self._all(
            "select key, block, ref, digest, state, edits from sent where place = ?", key_of(place)
        )
        return {row[0]: Sent(*row) for row in rows}

    def refs(self, place: Place) -> set[str]:
        """The messages known in its chat, in all threads."""
        chat = json.dumps([place.platform, place.account, place.chat])[:-1]
        rows = self._all("select ref from sent where instr(place, ?) = 1 and ref != ''", chat)
        return {row[0] for row in rows}

    def put_sent(self, place: Place, sent: Sent) -> None:
        self._db.execute(
            "insert or replace into sent values (?, ?, ?, ?, ?, ?, ?)",
            (key_of(place), sent.key, sent.block, *sent[2:]),
        )

    def remove_sent(self, place: Place, keys: Sequence[str]) -> None:
        self._db.executemany(
            "delete from sent where place = ? and key = ?", [(key_of(place), k) for k in keys]
        )

    def snapshot(self, place: Place) -> tuple[str, dict[str, Any]] | None:
        """`(session, view)` as it was when the last blocks were settled."""
        row = self._one("select session, view from snapshots where place = ?", key_of(place))
        return (row[0], json.loads(row[1])) if row else None

    def put_snapshot(self, place: Place, session: str, view: Json) -> None:
        self._db.execute(
            "insert or replace into snapshots values (?, ?, ?)",
            (key_of(place), session, json.dumps(view)),
        )

    # -- replies on their way

    def replies(self, place: Place) -> list[tuple[str, dict[str, Any]]]:
        """`(key, what)`, the oldest first."""
        rows = self._all(
            "select key, out from replies where place = ? order by rowid", key_of(place)
        )
        return [(key, json.loads(out)) for key, out in rows]

    def reply_places(self, platform: str, account: str) -> list[Place]:
        rows = self._all("select distinct place from replies")
        places = [_place(row[0], "private") for row in rows]
        return [p for p in places if (p.platform, p.account) == (platform, account)]

    def put_reply(self, place: Place, key: str, what: Json) -> None:
        """Once: a reply of the same key that waits stays as it is."""
        self._db.execute(
            "insert or ignore into replies values (?, ?, ?)",
            (key_of(place), key, json.dumps(what)),
        )

    def remove_reply(self, place: Place, key: str) -> None:
        self._db.execute("delete from replies where place = ? and key = ?", (key_of(place), key))

    # -- what was received

    def take(self, id: str, event: Json) -> bool:
        """Whether the event is new; it is kept until `done`."""
        if time.time() - self._cleaned > CLEAN_EVERY:
            self._clean()
        cursor = self._db.execute(
            "insert or ignore into inbox values (?, ?, ?, 'new')",
            (id, time.time(), json.dumps(event)),
        )
        return cursor.rowcount == 1

    def begun(self, id: str) -> None:
        self._db.execute("update inbox set state = 'begun' where id = ? and state = 'new'", (id,))

    def done(self, id: str) -> None:
        self._db.execute("update inbox set state = 'done', event = '' where id = ?", (id,))

    def pending(self, platform: str) -> list[tuple[dict[str, Any], bool]]:
        """`(event, begun)` of those received and not done, in order."""
        query = "select event, state from inbox where state != 'done' and event != ''"
        rows = self._all(f"{query} order by rowid")
        made = [(json.loads(event), state == "begun") for event, state in rows]
        return [pair for pair in made if pair[0]["place"]["platform"] == platform]

    def put_seen(self, place: Place, message: str) -> None:
        self._put_last("taken", place, message)

    def seen(self, platform: str, account: str) -> dict[Place, str]:
        """The message that was taken last, by place."""
        return self._last("taken", platform, account)

    def put_made(self, place: Place, message: str) -> None:
        self._put_last("made", place, message)

    def made(self, platform: str, account: str) -> dict[Place, str]:
        """The message of ours that was made last, by place."""
        return self._last("made", platform, account)

    def _put_last(self, table: str, place: Place, message: str) -> None:
        self._db.execute(
            f"insert or replace into {table} values (?, ?, ?, ?)",
            (key_of(place), place.kind, message, time.time()),
        )

    def _last(self, table: str, platform: str, account: str) -> dict[Place, str]:
        rows = self._all(f"select place, kind, message from {table}")
        found = {_place(place, kind): message for place, kind, message in rows}
        mine = (platform, account)
        return {p: m for p, m in found.items() if (p.platform, p.account) == mine}

    # -- small things

    def put_token(self, token: str, what: Json) -> None:
        self._db.execute(
            "insert or replace into tokens values (?, ?, ?)",
            (token, time.time(), json.dumps(what)),
        )

    def token(self, token: str) -> dict[str, Any] | None:
        row = self._one("select what from tokens where token = ?", token)
        return json.loads(row[0]) if row else None

    def picks(self, session: str) -> dict[tuple[str, str], tuple[str, ...]]:
        rows = self._all("select request, question, labels from picks where session = ?", session)
        return {(request, question): tuple(json.loads(text)) for request, question, text in rows}

    def put_picks(self, session: str, request: str, question: str, labels: Sequence[str]) -> None:
        self._db.execute(
            "insert or replace into picks values (?, ?, ?, ?)",
            (session, request, question, json.dumps(list(labels))),
        )

    def remove_picks(self, session: str, request: str) -> None:
        self._db.execute("delete from picks where session = ? and request = ?", (session, request))

    def people(self, platform: str) -> dict[str, str]:
        """Roles by id of those let in by a code."""
        return dict(self._all("select id, role from people where platform = ?", platform))

    def put_person(self, platform: str, id: str, role: str, name: str) -> None:
        self._db.execute(
            "insert or replace into people values (?, ?, ?, ?)", (platform, id, role, name)
        )

    def fact(self, name: str) -> Any:
        row = self._one("select value from facts where name = ?", name)
        return json.loads(row[0]) if row else None

    def put_fact(self, name: str, value: Any) -> None:
        """None forgets it."""
        if value is None:
            self._db.execute("delete from facts where name = ?", (name,))
        else:
            self._db.execute(
                "insert or replace into facts values (?, ?)", (name, json.dumps(value))
            )


def _place(key: str, kind: str) -> Place:
    platform, account, chat, thread = json.loads(key)
    return Place(platform, account, chat, thread, "group" if kind == "group" else "private")
