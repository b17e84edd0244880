"""Prompts in the store: what was sent, by whom, and how far it has come.

A row is made before anybody is told `stored`. `delivered` is the machine's promise that it
has it; every later state is copied from the journal's `prompt_state` events, in whose
transaction it is written. Rows whose prompt another hub sent come from events alone.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Mapping
from typing import Any

from codecast_agent.protocol import events
from codecast_agent.protocol.errors import CodecastError

from . import messages
from .actor import Actor
from .store import storable

MAX_CONTENT = 32 << 20  # bytes of a prompt's content as JSON

Content = list[dict[str, Any]]


def content_of(prompt: object) -> Content:
    """Text or blocks as checked content blocks. Raises CodecastError `bad_request`, `too_large`."""
    content = [events.text(prompt)] if isinstance(prompt, str) else prompt
    if not isinstance(content, list) or not content:
        raise CodecastError("bad_request", "A prompt needs text or a list of content blocks.")
    wrong = events.problems({"type": "prompt_state", "prompt": "", "state": "", "content": content})
    if wrong:
        raise CodecastError(
            "bad_request",
            f"The prompt's content does not fit: {wrong[0]}.",
            "A block is text (text), an image (data, mime_type) or a resource_link (uri).",
        )
    if all(block["type"] == "text" and not block.get("text", "").strip() for block in content):
        raise CodecastError("bad_request", "The prompt is empty.")
    if len(json.dumps(content)) > MAX_CONTENT:
        raise CodecastError(
            "too_large",
            f"The prompt is larger than {MAX_CONTENT >> 20} MiB.",
            "Put the material into a file on the machine and name the file.",
        )
    return content


def check_id(prompt: object) -> str:
    """A client's id, or a new one. Raises CodecastError("bad_request")."""
    if prompt is None:
        return str(uuid.uuid4())
    if not isinstance(prompt, str) or not 0 < len(prompt) <= 128 or not prompt.isprintable():
        raise CodecastError("bad_request", "A prompt's id is a string of 1 to 128 characters.")
    return prompt


def to_json(row: sqlite3.Row, session: str) -> dict[str, Any]:
    """The API's Prompt."""
    content = json.loads(row["content"])
    out = {
        "id": row["id"],
        "session": session,
        "text": events.plain_text(content),
        "content": content,
        "state": row["state"],
        "created": row["created"],
        "place": row["num"],
        "by": row["by"],
        "where": row["where"],
    }
    if row["steer"]:
        out["steer"] = True
    if row["error"]:
        out["error"] = json.loads(row["error"])
    return out


def find(db: sqlite3.Connection, session: int, prompt: str) -> sqlite3.Row:
    """Raises CodecastError("not_found")."""
    row = db.execute("SELECT * FROM prompts WHERE session = ? AND id = ?", (session, prompt))
    found: sqlite3.Row | None = row.fetchone()
    if found is None:
        raise CodecastError("not_found", f"There is no prompt {prompt!r} in this session.")
    return found


def add(
    db: sqlite3.Connection,
    session: int,
    prompt: str,
    content: Content,
    actor: Actor,
    now: float,
    steer: bool = False,
) -> tuple[sqlite3.Row, bool]:
    """The stored prompt and whether it is new.

    Raises CodecastError("conflict") when the id belongs to another prompt.
    """
    for row in db.execute("SELECT * FROM prompts WHERE id = ?", (prompt,)):
        if row["session"] != session or json.loads(row["content"]) != content:
            raise CodecastError(
                "conflict",
                f"The prompt id {prompt!r} was used for another prompt.",
                "Send it with a new id (a UUID), or with none.",
            )
        return row, False
    db.execute(
        'INSERT INTO prompts (id, session, content, state, steer, created, "by", "where")'
        " VALUES (?, ?, ?, 'stored', ?, ?, ?, ?)",
        (prompt, session, json.dumps(content), int(steer), now, actor.by, actor.where),
    )
    messages.put(
        db, session, "prompt", prompt, _cursor(db, session), now, events.plain_text(content)
    )
    return find(db, session, prompt), True


def waiting(db: sqlite3.Connection, session: int, prompt: str) -> sqlite3.Row:
    """A prompt that has not begun. Raises CodecastError `not_found`, `conflict`."""
    row = find(db, session, prompt)
    if row["state"] not in events.WAITING_PROMPT_STATES:
        raise CodecastError(
            "conflict",
            f"The prompt no longer waits: it is {row['state']}.",
            "Send another one, or interrupt the turn." if row["state"] == "running" else "",
        )
    return row


def is_waiting(db: sqlite3.Connection, session: int, prompt: str) -> bool:
    return find(db, session, prompt)["state"] in events.WAITING_PROMPT_STATES


def ended_so(row: sqlite3.Row, content: Content | None) -> bool:
    """Whether it waited no longer with this content (None: because it was taken back)."""
    if content is None:
        return bool(row["state"] == "cancelled")
    waits = row["state"] in events.WAITING_PROMPT_STATES
    return not waits and bool(json.loads(row["content"]) == content)


def is_ours(row: sqlite3.Row) -> bool:
    """Nobody else can have it: it was never sent."""
    return row["state"] == "stored" and not row["tried"]


def is_moved(db: sqlite3.Connection, session: int, move: str) -> bool:
    """Whether this move was made here."""
    asked = "SELECT 1 FROM moves WHERE session = ? AND id = ?"
    return db.execute(asked, (session, move)).fetchone() is not None


def put_before(
    db: sqlite3.Connection, session: int, prompt: str, before: str | None, move: str
) -> list[str]:
    """Another order of those that are ours; the ids of all whose place is another."""
    db.execute("INSERT INTO moves VALUES (?, ?)", (session, move))
    rows = db.execute(
        "SELECT id FROM prompts WHERE session = ? AND state = 'stored' AND tried = 0 ORDER BY num",
        (session,),
    )
    order = [row["id"] for row in rows if row["id"] != prompt]
    order.insert(len(order) if before is None else order.index(before), prompt)
    return arrange(db, session, order)


def arrange(db: sqlite3.Connection, session: int, order: list[str]) -> list[str]:
    """Let these prompts follow each other so, in the places that they have together; the ids of
    all whose place is another."""
    known = db.execute(
        "SELECT num, id FROM prompts WHERE session = ? AND id IN (SELECT value FROM json_each(?))",
        (session, json.dumps(order)),
    )
    nums = {row["id"]: row["num"] for row in known}
    places = zip(sorted(nums.values()), (id for id in order if id in nums), strict=True)
    moved = [(num, id) for num, id in places if nums[id] != num]
    set_num = "UPDATE prompts SET num = ? WHERE session = ? AND id = ?"
    for sign in (-1, 1):  # aside first: two cannot have one number
        db.executemany(set_num, [(sign * num, session, id) for num, id in moved])
    return [id for _, id in moved]


def edit(db: sqlite3.Connection, session: int, prompt: str, content: Content) -> None:
    """New content of a prompt nobody but us has."""
    db.execute(
        "UPDATE prompts SET content = ? WHERE session = ? AND id = ?",
        (json.dumps(content), session, prompt),
    )
    messages.put(
        db, session, "prompt", prompt, _cursor(db, session), None, events.plain_text(content)
    )


def set_state(
    db: sqlite3.Connection,
    session: int,
    prompt: str,
    state: str,
    error: Mapping[str, Any] | None = None,
) -> bool:
    """Move a prompt that is still `stored`; False when the journal was quicker."""
    changed = db.execute(
        "UPDATE prompts SET state = ?, error = ? WHERE session = ? AND id = ? AND state = 'stored'",
        (state, json.dumps(error) if error else None, session, prompt),
    )
    return changed.rowcount > 0


def follow(db: sqlite3.Connection, session: int, time: float, data: Mapping[str, Any]) -> str:
    """Take a `prompt_state` event; the prompt's id."""
    prompt = storable(data.get("prompt"))
    error = data.get("error")
    content = data.get("content")
    db.execute(
        "INSERT INTO prompts (id, session, content, state, steer, tried, created,"
        ' "by", "where", error)'
        " VALUES (:id, :session, coalesce(:content, '[]'), :state, :steer, 1, :time, :by, :where,"
        " :error) ON CONFLICT (session, id) DO UPDATE SET state = :state, tried = 1,"
        " error = :error,"
        " content = coalesce(:content, content), steer = max(steer, :steer)",
        {
            "id": prompt,
            "session": session,
            "content": json.dumps(content) if isinstance(content, list) else None,
            "state": storable(data.get("state")),
            "steer": int(bool(data.get("steered"))),
            "time": time,
            "by": storable(data.get("by") or ""),
            "where": storable(data.get("where") or ""),
            "error": json.dumps(error) if error else None,
        },
    )
    return prompt


def _cursor(db: sqlite3.Connection, session: int) -> int:
    row = db.execute("SELECT cursor FROM sessions WHERE num = ?", (session,)).fetchone()
    return int(row[0])
