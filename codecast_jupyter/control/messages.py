"""What search reads: prompts, whole messages and tool calls, folded from the events.

Events are indexed behind their storing, in slices, so that a replay of a million events
is not slowed by it: `sessions.indexed` tells how far. A slice's rows and that cursor are
one transaction, hence nothing is indexed twice. Text that arrives in pieces is put
together here, so that a phrase is found wherever the pieces were cut.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple

from .store import storable

SLICE = 1000  # events a transaction
LONGEST = 64 << 10  # characters of a message that are searchable

_CHUNKS = {
    "agent_message_chunk": "message",
    "agent_thought_chunk": "thought",
    "user_message_chunk": "user",
}
_OTHERS = ("tool_call", "tool_call_update", "message_discarded", "prompt_state")
_TYPES = (*_CHUNKS, *_OTHERS)
_SELECT = (
    "SELECT seq, time, type, body FROM events WHERE session = ? AND seq > ? AND seq <= ?"
    f" AND type IN ({','.join('?' * len(_TYPES))}) ORDER BY seq"
)


class _Piece(NamedTuple):
    seq: int
    time: float
    texts: list[str]
    whole: bool  # replaces what is there; else it is appended


def put(
    db: sqlite3.Connection,
    session: int,
    kind: str,
    key: str,
    seq: int,
    time: float | None,
    text: str,
) -> None:
    """Set the text under (`kind`, `key`); only a prompt's place moves: its event comes later."""
    db.execute(
        "INSERT INTO messages (session, kind, key, seq, time, text) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (session, kind, key) DO UPDATE SET text = excluded.text,"
        " seq = CASE kind WHEN 'prompt' THEN excluded.seq ELSE seq END",
        (session, kind, storable(key), seq, time, storable(text[:LONGEST])),
    )


def pending(db: sqlite3.Connection) -> list[int]:
    """Numbers of the sessions with events not yet indexed."""
    rows = db.execute("SELECT num FROM sessions WHERE indexed < cursor AND gone = 0")
    return [row[0] for row in rows]


def index(session: int, db: sqlite3.Connection) -> bool:
    """Index the next slice of a session; whether more is left."""
    row = db.execute("SELECT indexed, cursor FROM sessions WHERE num = ?", (session,)).fetchone()
    if row is None or row["indexed"] >= row["cursor"]:
        return False
    last = min(row["indexed"] + SLICE, row["cursor"])
    pieces: dict[tuple[str, str], _Piece] = {}
    for seq, time, type, body in db.execute(_SELECT, (session, row["indexed"], last, *_TYPES)):
        _take(pieces, seq, time / 1e6, type, body)
    for (kind, key), piece in pieces.items():
        text = "".join(piece.texts)
        if piece.whole:
            put(db, session, kind, key, piece.seq, piece.time, text)
        else:
            _append(db, session, kind, key, piece.seq, piece.time, text)
    db.execute("UPDATE sessions SET indexed = ? WHERE num = ?", (last, session))
    return bool(last < row["cursor"])


def _append(
    db: sqlite3.Connection, session: int, kind: str, key: str, seq: int, time: float, text: str
) -> None:
    db.execute(
        "INSERT INTO messages (session, kind, key, seq, time, text) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (session, kind, key) DO UPDATE SET"
        f" text = substr(text || excluded.text, 1, {LONGEST})",
        (session, kind, storable(key), seq, time, storable(text[:LONGEST])),
    )


def _take(
    pieces: dict[tuple[str, str], _Piece], seq: int, time: float, type: str, body: str
) -> None:
    try:
        data: Any = json.loads(body)
    except (ValueError, RecursionError):
        return
    if not isinstance(data, dict):
        return
    kind = _CHUNKS.get(type)
    if kind is not None:
        content = data.get("content")
        text = content.get("text") if isinstance(content, dict) else None
        if isinstance(text, str):
            key = (kind, str(data.get("message")))
            pieces.setdefault(key, _Piece(seq, time, [], False)).texts.append(text)
    elif type == "message_discarded":
        for kind in ("message", "thought"):
            key = (kind, str(data.get("message")))
            pieces[key] = _Piece(seq, time, [], True)
    elif type == "prompt_state":
        blocks = data.get("content")
        if isinstance(blocks, list):
            key = ("prompt", str(data.get("prompt")))
            pieces[key] = _Piece(seq, time, ["\n".join(_strings(blocks))], True)
    else:
        call = str(data.get("call"))
        # an update tells only what changed: each field is kept under its own key
        for field in ("title", "raw_input", "content"):
            if data.get(field):
                text = "\n".join(_strings(data[field]))
                pieces[("tool", f"{call}\n{field}")] = _Piece(seq, time, [text[:LONGEST]], True)


def _strings(value: Any) -> Iterator[str]:
    """The words in a JSON value, without the names of its fields."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in ("type", "data", "mime_type"):
                yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
