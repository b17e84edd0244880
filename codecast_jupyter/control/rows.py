"""Sessions in the store: found by id, name or unique prefix, and shown as the API's Session."""

from __future__ import annotations

import difflib
import json
import sqlite3
import time
from typing import Any, NamedTuple

from codecast_agent.protocol.errors import CodecastError

from . import names
from .ingest import state_of


class Found(NamedTuple):
    """What verbs need of a session; `num` is its number in the store."""

    num: int
    id: str
    name: str
    machine: str
    cli: str
    delivery: str
    cursor: int


def find(db: sqlite3.Connection, ref: object) -> Found:
    """By id, name or a prefix that only one has. Raises CodecastError `not_found` or `conflict`."""
    if not isinstance(ref, str) or not ref:
        raise CodecastError("bad_request", "A session is named by its name or id.")
    select = (
        "SELECT num, id, name, machine, cli, delivery, cursor FROM sessions WHERE gone = 0 AND "
    )
    row = db.execute(select + "id = ?", (ref,)).fetchone()
    row = row or db.execute(select + "name = ? COLLATE NOCASE", (ref,)).fetchone()
    if row is not None:
        return Found(*row)
    like = ref.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    matching = db.execute(
        select
        + "(id LIKE :p ESCAPE '\\' OR name LIKE :p ESCAPE '\\') ORDER BY created DESC LIMIT 6",
        {"p": like},
    ).fetchall()
    if len(matching) == 1:
        return Found(*matching[0])
    if matching:
        some = ", ".join(row["name"] for row in matching[:5])
        raise CodecastError(
            "conflict",
            f"{ref!r} fits several sessions: {some}{', ...' if len(matching) > 5 else ''}.",
            "Write more of the name.",
        )
    every = [row["name"] for row in db.execute("SELECT name FROM sessions WHERE gone = 0")]
    near = difflib.get_close_matches(ref, every, 1)
    raise CodecastError(
        "not_found",
        f"There is no session {ref!r}.",
        f"Did you mean {near[0]}?" if near else "`codecast ls` lists the sessions.",
    )


def by_id(db: sqlite3.Connection, session: str) -> sqlite3.Row | None:
    """The whole row, also of a session to be removed."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM sessions WHERE id = ?", (session,)
    ).fetchone()
    return row


def has_come(db: sqlite3.Connection, num: int, seq: int) -> bool:
    """Whether the store has the event with that number of the machine's."""
    row = db.execute("SELECT cursor - shift FROM sessions WHERE num = ?", (num,)).fetchone()
    return row is None or int(row[0]) >= seq


def taken(db: sqlite3.Connection, name: str) -> bool:
    return (
        db.execute(
            "SELECT 1 FROM sessions WHERE name = ? COLLATE NOCASE AND gone = 0", (name,)
        ).fetchone()
        is not None
    )


def free_name(db: sqlite3.Connection, name: str) -> None:
    """Raises CodecastError("conflict") when the name is in use."""
    if taken(db, name):
        raise CodecastError(
            "conflict",
            f"There is a session {name!r} already.",
            f"{names.distinct(name, lambda n: taken(db, n))} is free.",
        )


def insert(
    db: sqlite3.Connection,
    *,
    id: str,
    name: str,
    machine: str,
    cli: str,
    cwd: str,
    mode: str,
    model: str | None,
    spec: dict[str, Any],
    owner: str,
    created: float,
    delivery: str,
) -> Found:
    """Raises sqlite3.IntegrityError when id or name is in use."""
    cursor = db.execute(
        "INSERT INTO sessions (id, name, machine, cli, cwd, mode, model, spec, owner, created,"
        " delivery, updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            id,
            name,
            machine,
            cli,
            cwd,
            mode,
            model,
            json.dumps(spec),
            owner,
            created,
            delivery,
            created,
        ),
    )
    return Found(int(cursor.lastrowid or 0), id, name, machine, cli, delivery, 0)


def change(db: sqlite3.Connection, num: int, **columns: Any) -> bool:
    """Set columns of a session; False when it is no more."""
    sets = ", ".join(f"{column} = ?" for column in columns)
    done = db.execute(
        f"UPDATE sessions SET {sets}, version = version + 1 WHERE num = ?",
        (*columns.values(), num),
    )
    return done.rowcount > 0


def delete(db: sqlite3.Connection, num: int) -> None:
    """Remove a session of which the machine knows nothing."""
    for table in ("events", "prompts", "moves", "requests", "messages", "turns"):
        db.execute(f"DELETE FROM {table} WHERE session = ?", (num,))
    row = db.execute("DELETE FROM sessions WHERE num = ? RETURNING id", (num,)).fetchone()
    if row is not None:
        db.execute("INSERT OR REPLACE INTO removed VALUES (?, ?)", (row["id"], time.time()))


def purge(db: sqlite3.Connection, num: int, limit: int = 5000) -> bool:
    """Delete some of the rows of a removed session; whether any are left."""
    for table, key in (("messages", "num"), ("events", "seq")):
        done = db.execute(
            f"DELETE FROM {table} WHERE session = ? AND {key} IN"
            f" (SELECT {key} FROM {table} WHERE session = ? LIMIT ?)",
            (num, num, limit),
        )
        if done.rowcount > 0:
            return True
    delete(db, num)
    return False


def to_json(row: sqlite3.Row, online: bool) -> dict[str, Any]:
    """The API's Session; mode and model as the CLI last told them."""
    state = state_of(row)
    model = state["settings"].get("model", {}).get("value")
    out = {
        "id": row["id"],
        "name": row["name"],
        "machine": row["machine"],
        "cli": row["cli"],
        "cwd": row["cwd"],
        "mode": state["mode"] or row["mode"],
        "model": model or row["model"],
        "owner": row["owner"],
        "created": row["created"],
        "link": "online" if online else "offline",
        "delivery": row["delivery"],
        "state": state,
        "last_seq": row["cursor"],
    }
    if row["error"]:
        out["error"] = json.loads(row["error"])
    return out


def start_params(row: sqlite3.Row, agent: dict[str, Any]) -> dict[str, Any]:
    """Params of `session/start`. `agent` is the CLI as configured: `{command?, env?}`."""
    params: dict[str, Any] = {
        "session": row["id"],
        "cli": row["cli"],
        "cwd": row["cwd"],
        "mode": row["mode"],
        "name": row["name"],
    }
    spec = json.loads(row["spec"] or "{}")
    optional = {**spec, **agent, "model": row["model"]}
    params.update({key: value for key, value in optional.items() if value})
    return params
