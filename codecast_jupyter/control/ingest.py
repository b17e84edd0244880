"""Journal records into the store, exactly once.

One transaction takes a slice of records: events, cursor, folded state, prompts and
requests, or nothing of it. A record at or below the cursor is dropped, so blocks may
repeat and overlap; a hole raises `Hole`, and the mirror asks again from the cursor.
The cursor is read inside the transaction, or taken from memory and proven by the very
statement that moves it: another hub may have stored the same records.

Only types that the fold or a row needs are parsed; of a chunk, the JSON text is stored as
it came, its checksum having been proven.

The machine's numbers and ours differ by `shift` after a reset: when a machine lost the end
of a journal that was already shown (its power went before the disk had it), its numbers
are given anew to other events. The first record after a subscription repeats the last one
stored; if it differs, `Diverged` is raised, the mirror compares from the start, and the
place of parting is told by a `gap` event.
"""

from __future__ import annotations

import json
import sqlite3
import time as clock
import zlib
from collections.abc import Mapping
from itertools import chain
from typing import Any, NamedTuple

from codecast_agent.protocol import records
from codecast_agent.protocol import state as fold
from codecast_agent.protocol.errors import CodecastError

from . import prompts, requests, usage

SLICE = 128 << 10  # bytes of records a transaction takes, when they come in bulk


class Row(NamedTuple):
    """A stored event. `body` is its JSON text, `type` included; `time` in microseconds."""

    session: int
    seq: int
    time: int
    type: str
    body: str

    def event(self) -> records.Event:
        data = fields(self.body)
        if data is None:
            data = {"text": self.body}
        return records.Event(self.seq, self.time / 1e6, self.type, data)

    def text(self) -> str:
        """The API's JSON of the event, without parsing it."""
        if not self.body.startswith('{"'):
            return json.dumps(self.event().to_json())
        return f'{{"seq":{self.seq},"time":{self.time / 1e6!r},{self.body[1:]}'


class Taken(NamedTuple):
    """What one slice changed."""

    head: int  # the cursor now
    rows: list[Row]  # what this slice added
    changed: bool  # a summary looks different
    prompts: list[str]
    happened: list[tuple[str, dict[str, Any]]]  # events that matter to watchers of life-cycles
    parted: bool = False  # a gap was written: numbers of the machine now mean other events


class Hole(Exception):
    """The records go on at `found` where `wanted` was to come (the machine's numbers)."""

    def __init__(self, wanted: int, found: int) -> None:
        super().__init__(f"record {found} came where {wanted} was due")
        self.wanted, self.found = wanted, found


class Diverged(Exception):
    """The machine has another event under the number of the last one stored."""


class Overtaken(Exception):
    """Another hub has stored events of the session since we did."""


class _Known(NamedTuple):
    """A session as we left it; its cursor is the state's `seq`."""

    shift: int
    epoch: int
    version: int
    state: fold.State


LIFE = frozenset({"session_state", "request_opened", "request_resolved", "request_withdrawn"})
_NAMES: dict[bytes, str] = {}  # how an event begins -> its type
KNOWN = 1024  # sessions whose fold is kept in memory
MANY = 50  # rows of one INSERT: a third less time than one by one
INSERT = "INSERT INTO events (session, seq, time, type, body) VALUES (?, ?, ?, ?, ?)"
INSERT_MANY = INSERT + ", (?, ?, ?, ?, ?)" * (MANY - 1)
MOVE = (
    "UPDATE sessions SET cursor = ?, updated = ?, shift = ?, epoch = ?, version = ?"
    " WHERE num = ? AND cursor = ? AND version = ?"
)


class Ingest:
    """The fold of every session lately written; for jobs of the store that write."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}  # by the session's number

    def take(
        self,
        db: sqlite3.Connection,
        session: int,
        data: bytes,
        *,
        prove: bool = False,
        compare: bool = False,
        gap: str = "",
    ) -> Taken:
        """Store whole records.

        `prove`: the record at the cursor, if it comes, must equal the stored one. `compare`:
        all of them, and where they part, what follows is appended behind a `gap` event.
        `gap`: why a hole before the first record is to be told and not refused.

        Raises Hole, Diverged, ValueError (a broken record), CodecastError("not_found").
        """
        step = self._step(db, session)
        try:
            step.lines(data, prove, compare, gap)
        except _Parted as parted:
            step.reset(parted.seq)
            step.lines(data[parted.offset :], False, False, "")
        return self._stored(step)

    def take_more(self, db: sqlite3.Connection, session: int, data: bytes) -> Taken:
        """Store whole records that follow those we stored, where nothing is in doubt: without a
        look at the database. Raises what `take` does, and Overtaken."""
        known = self._known.pop(session, None)
        if known is None:
            return self.take(db, session, data)
        step = _Step(db, session, known)
        step.lines(data, False, False, "")
        if not step.rows:  # repeated: then it is the database that knows
            raise Overtaken
        return self._stored(step)

    def _stored(self, step: _Step) -> Taken:
        taken = step.store()
        self._known[step.session] = step.known()
        while len(self._known) > KNOWN:
            self._known.pop(next(iter(self._known)))
        return taken

    def reset(self, db: sqlite3.Connection, session: int, last: int) -> Taken:
        """The machine's journal ends at `last` (proven); what we have beyond it is lost there."""
        step = self._step(db, session)
        if last + step.shift < step.cursor:
            step.reset(last + 1)
        return step.store()

    def _step(self, db: sqlite3.Connection, session: int) -> _Step:
        row = db.execute(
            "SELECT cursor, shift, epoch, version FROM sessions WHERE num = ?", (session,)
        ).fetchone()
        if row is None:
            raise CodecastError("not_found", "The session is gone.")
        known = self._known.pop(session, None)  # back only when all went well
        if known is None or known.version != row["version"] or known.state["seq"] != row["cursor"]:
            state = load_state(db, session)
            known = _Known(row["shift"], row["epoch"], row["version"], state)
        return _Step(db, session, known)


def fields(payload: str | bytes) -> dict[str, Any] | None:
    """The event's fields but `type`; None where it is no object."""
    try:
        data = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    data.pop("type", None)
    return data


def load_state(db: sqlite3.Connection, session: int) -> fold.State:
    """The fold as stored."""
    row = db.execute(
        "SELECT state, cursor, updated FROM sessions WHERE num = ?", (session,)
    ).fetchone()
    return state_of(row)


def state_of(row: Mapping[str, Any] | sqlite3.Row) -> fold.State:
    """The fold of a sessions row: its seq and time are columns of their own."""
    state = fold.initial()
    if row["state"]:
        state.update(json.loads(row["state"]))
    state["seq"], state["updated"] = row["cursor"], row["updated"] or 0.0
    return state


class _Parted(Exception):
    def __init__(self, seq: int, offset: int) -> None:
        self.seq, self.offset = seq, offset


class _Step:
    """One slice on its way into the store."""

    def __init__(self, db: sqlite3.Connection, session: int, known: _Known) -> None:
        self.db, self.session = db, session
        self.shift, self.epoch, self.version, self.state = known
        self.cursor: int = self.state["seq"]
        self._before = (self.cursor, self.version)
        self.rows: list[Row] = []
        self.folded = self.parted = False
        self.prompts: dict[str, None] = {}
        self.happened: list[tuple[str, dict[str, Any]]] = []

    def lines(self, data: bytes, prove: bool, compare: bool, gap: str) -> None:
        crc32, steps, session, add = zlib.crc32, _FOLDED, self.session, self.rows.append
        cursor, shift, state, offset = self.cursor, self.shift, self.state, 0
        names, make = _NAMES, tuple.__new__  # a fifth of the time of calling Row
        seq = cursor
        for line in data.split(b"\n"):
            start, offset = offset, offset + len(line) + 1
            if not line:
                continue
            try:
                number, micros, crc, payload = line.split(b" ", 3)
                seq, time = int(number) + shift, int(micros)
                if int(crc, 16) != crc32(payload):
                    raise ValueError
            except ValueError:
                raise ValueError(f"broken journal record: {line[:80]!r}") from None
            if seq <= cursor:
                proving = (compare or (prove and seq == cursor)) and seq > self.epoch
                if proving and not self._same(seq, time, payload):
                    raise _Parted(seq - shift, start) if compare else Diverged
                continue
            if seq != cursor + 1:
                if not gap:
                    raise Hole(cursor + 1 - shift, seq - shift)
                cursor = self._tell_gap(cursor + 1, seq - 1, gap, time)
            head = payload[: payload.find(b'"', 9) + 1]
            type = names.get(head) or _name(head)
            try:
                body = payload.decode()
            except UnicodeDecodeError:
                body = payload.decode("utf-8", "replace")
            add(make(Row, (session, seq, time, type, body)))
            cursor = self.cursor = seq
            if type in steps:
                self._fold(seq, time / 1e6, type, payload)
        state["seq"] = self.cursor
        if self.rows:
            state["updated"] = self.rows[-1].time / 1e6

    def _fold(self, seq: int, time: float, type: str, payload: bytes) -> None:
        data = fields(payload)
        if data is None:
            return
        fold.apply(self.state, seq, time, type, data)
        self.folded = True
        if type == "prompt_state":
            self.prompts[prompts.follow(self.db, self.session, time, data)] = None
            if "before" in data:
                prompts.arrange(self.db, self.session, fold.waiting(self.state))
        elif type == "request_opened":
            requests.opened(self.db, self.session, seq, time, data)
        elif type in ("request_resolved", "request_withdrawn"):
            requests.ended(self.db, self.session, seq, time, type, data)
        elif type in usage.TYPES:
            usage.follow(self.db, self.session, seq, time, type, data, self.state)
        if type in LIFE:
            self.happened.append((type, data))

    def _same(self, seq: int, time: int, payload: bytes) -> bool:
        row = self.db.execute(
            "SELECT time, body FROM events WHERE session = ? AND seq = ?", (self.session, seq)
        ).fetchone()
        return row is not None and row[0] == time and row[1] == payload.decode("utf-8", "replace")

    def _tell_gap(self, first: int, last: int, why: str, time: int) -> int:
        """A gap event in the place of the last event missing."""
        event = {"type": "gap", "first": first, "last": last, "why": why}
        self.rows.append(Row(self.session, last, time, "gap", records.dump(event).decode("ascii")))
        self.cursor = last
        fold.apply(self.state, last, time / 1e6, "gap", event)
        self.folded = True
        for request in requests.withdraw_all(self.db, self.session, time / 1e6, why):
            self.happened.append(("request_withdrawn", {"request": request, "why": why}))
        return last

    def reset(self, first: int) -> None:
        """From `first` on (the machine's number) its journal holds other events than we do."""
        place = self.cursor + 1
        why = (
            f"The machine lost the events from {first + self.shift} to {self.cursor}, which were"
            " shown here before its disk had them (a crash or power loss). What follows was"
            " written afterwards."
        )
        self._tell_gap(place, place, why, int(clock.time() * 1e6))
        self.shift, self.epoch, self.parted = place + 1 - first, place, True

    def store(self) -> Taken:
        """Raises Overtaken."""
        if not self.rows:
            return Taken(self.cursor, [], False, [], [])
        if self.folded:
            self.version += 1
        place = (self.cursor, self.state["updated"], self.shift, self.epoch, self.version)
        if self.db.execute(MOVE, (*place, self.session, *self._before)).rowcount != 1:
            raise Overtaken
        self._insert()
        if self.folded:
            self.db.execute(
                "UPDATE sessions SET state = ? WHERE num = ?",
                (json.dumps(self.state, separators=(",", ":")), self.session),
            )
        return Taken(
            self.cursor, self.rows, self.folded, list(self.prompts), self.happened, self.parted
        )

    def known(self) -> _Known:
        return _Known(self.shift, self.epoch, self.version, self.state)

    def _insert(self) -> None:
        rows = self.rows
        if len(rows) == 1:
            self.db.execute(INSERT, rows[0])
            return
        single = len(rows) - len(rows) % MANY
        for start in range(0, single, MANY):
            values = list(chain.from_iterable(rows[start : start + MANY]))
            self.db.execute(INSERT_MANY, values)
        self.db.executemany(INSERT, rows[single:])


def _name(head: bytes) -> str:
    """The type as text, for the first event of it (and for JSON that does not begin with it)."""
    text = records.type_of(head).decode("utf-8", "replace") or "unknown"
    if len(_NAMES) < 1000 and len(head) < 100:
        _NAMES[head] = text
    return text


_FOLDED = fold.FOLDED
