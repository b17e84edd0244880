"""Requests: permission requests and questions, answered once from whichever surface is first.

Rows follow the journal: `open`, then `resolved` (by whom, where, how) or `withdrawn`. The
supervisor decides who was first; the hub only carries the answer and then waits for the
event, so that what it returns is what everybody sees.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from codecast_agent.protocol.errors import CodecastError

from .actor import Actor
from .store import storable

if TYPE_CHECKING:
    from .sessions import Sessions

PATIENCE = 30.0  # seconds an answer waits for a link that comes back
ECHO = 10.0  # seconds from the machine's yes to the event of it


class Requests:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._store = sessions.store
        self._locks: dict[tuple[int, str], asyncio.Lock] = {}

    async def list(self, session: str | None = None) -> list[dict[str, Any]]:
        """Requests of a session, the open ones first; without one, the open ones of all."""
        if session is None:
            return await self._store.read(_all_open)
        found = await self._sessions.find(session)
        return await self._store.read(lambda db: _of_session(db, found.num, found.id))

    async def get(self, session: str, request: str) -> dict[str, Any]:
        """Raises CodecastError("not_found")."""
        found = await self._sessions.find(session)
        return await self._store.read(lambda db: to_json(find(db, found.num, request), found.id))

    async def answer(
        self,
        session: str,
        request: str,
        actor: Actor,
        *,
        option: str | None = None,
        answers: Mapping[str, Any] | None = None,
        declined: bool = False,
        message: str | None = None,
    ) -> dict[str, Any]:
        """Answer it; the Request as it is then.

        Raises CodecastError: `not_found`, `bad_request`, `already_resolved` (data: by, where,
        option?), or what keeps the machine out of reach.
        """
        found = await self._sessions.find(session)
        lock = self._locks.setdefault((found.num, request), asyncio.Lock())
        try:
            async with lock:
                row = await self._store.read(lambda db: find(db, found.num, request))
                _still_open(row)
                body = json.loads(row["body"])
                answer = _fitting(body, option, answers, declined, message)
                params = {
                    "session": found.id,
                    "request": request,
                    **answer,
                    **actor.fields(),
                }
                await self._send(found.machine, params, answer, actor)
                return await self._settled(found.num, found.id, request)
        finally:
            if not lock.locked():
                self._locks.pop((found.num, request), None)

    async def _send(
        self, machine: str, params: dict[str, Any], answer: dict[str, Any], actor: Actor
    ) -> None:
        """Over a link that may break: the second try may find that the first one was heard."""
        tried = False

        async def call(link: Any) -> None:
            nonlocal tried
            again, tried = tried, True
            try:
                await link.call("session/answer", params, timeout=PATIENCE)
            except CodecastError as error:
                ours = (
                    error.code == "already_resolved"
                    and again
                    and (
                        error.data.get("by"),
                        error.data.get("where"),
                        error.data.get("option"),
                    )
                    == (actor.by, actor.where, answer.get("option"))
                )
                if not ours:
                    raise

        await self._sessions.over_link(machine, call, PATIENCE)

    async def _settled(self, num: int, session: str, request: str) -> dict[str, Any]:
        """The request once the journal's word on it is stored."""
        async for _ in self._sessions.feed.heads(session, ECHO):
            row = await self._store.read(lambda db: find(db, num, request))
            if row["outcome"] != "open":
                break
        return to_json(row, session)


# -- rows


def opened(
    db: sqlite3.Connection, session: int, seq: int, time: float, data: Mapping[str, Any]
) -> None:
    """Take a `request_opened` event."""
    body = {key: value for key, value in data.items() if key != "raw"}
    db.execute(
        "INSERT INTO requests VALUES (?, ?, ?, ?, ?, 'open', NULL) ON CONFLICT (session, request)"
        " DO UPDATE SET seq = excluded.seq, opened = excluded.opened, body = excluded.body,"
        " outcome = 'open', resolution = NULL",
        (session, storable(data.get("request")), seq, time, json.dumps(body)),
    )


def ended(
    db: sqlite3.Connection, session: int, seq: int, time: float, type: str, data: Mapping[str, Any]
) -> None:
    """Take a `request_resolved` or `request_withdrawn` event."""
    resolution = {k: v for k, v in data.items() if k not in ("raw", "request")}
    db.execute(
        "UPDATE requests SET outcome = ?, resolution = ? WHERE session = ? AND request = ?",
        (
            "resolved" if type == "request_resolved" else "withdrawn",
            json.dumps({**resolution, "time": time, "seq": seq}),
            session,
            storable(data.get("request")),
        ),
    )


def withdraw_all(db: sqlite3.Connection, session: int, time: float, why: str) -> list[str]:
    """Nobody can tell whether they are open still; their ids."""
    rows = db.execute(
        "SELECT request FROM requests WHERE session = ? AND outcome = 'open'", (session,)
    ).fetchall()
    db.execute(
        "UPDATE requests SET outcome = 'withdrawn', resolution = ? WHERE session = ?"
        " AND outcome = 'open'",
        (json.dumps({"why": why, "time": time}), session),
    )
    return [row["request"] for row in rows]


def find(db: sqlite3.Connection, session: int, request: str) -> sqlite3.Row:
    """Raises CodecastError("not_found")."""
    found: sqlite3.Row | None = db.execute(
        "SELECT * FROM requests WHERE session = ? AND request = ?", (session, request)
    ).fetchone()
    if found is None:
        raise CodecastError("not_found", f"There is no request {request!r} in this session.")
    return found


def to_json(row: sqlite3.Row, session: str) -> dict[str, Any]:
    """The API's Request."""
    out = {
        **json.loads(row["body"]),
        "request": row["request"],
        "session": session,
        "seq": row["seq"],
        "opened": row["opened"],
        "outcome": row["outcome"],
    }
    if row["resolution"]:
        out["resolution"] = json.loads(row["resolution"])
    return out


def _of_session(db: sqlite3.Connection, num: int, session: str) -> list[dict[str, Any]]:
    rows = db.execute(
        "SELECT * FROM requests WHERE session = ? ORDER BY outcome != 'open', seq", (num,)
    )
    return [to_json(row, session) for row in rows]


def _all_open(db: sqlite3.Connection) -> list[dict[str, Any]]:
    rows = db.execute(
        "SELECT requests.*, sessions.id FROM requests JOIN sessions ON sessions.num = session"
        " WHERE outcome = 'open' AND gone = 0 ORDER BY opened"
    )
    return [to_json(row, row["id"]) for row in rows]


def _still_open(row: sqlite3.Row) -> None:
    if row["outcome"] == "open":
        return
    resolution = json.loads(row["resolution"] or "{}")
    if row["outcome"] == "withdrawn":
        raise CodecastError(
            "already_resolved",
            f"Nobody can answer this any more: {resolution.get('why', 'it was withdrawn')}",
            data={"outcome": "withdrawn"},
        )
    data = {key: resolution[key] for key in ("by", "where", "option") if resolution.get(key)}
    answer = resolution.get("label") or resolution.get("option") or "an answer"
    raise CodecastError(
        "already_resolved",
        f"{data.get('by', 'Somebody')} has answered this already"
        f" ({answer}, {data.get('where', 'on another surface')}).",
        data={**data, "outcome": "resolved"},
    )


def _fitting(
    body: Mapping[str, Any],
    option: str | None,
    answers: Mapping[str, Any] | None,
    declined: bool,
    message: str | None,
) -> dict[str, Any]:
    """The answer's fields, when they fit the request. Raises CodecastError("bad_request")."""
    out: dict[str, Any] = {"message": message} if message else {}
    options = [str(o["id"]) for o in body.get("options") or []]
    questions = {str(q["id"]): q for q in body.get("questions") or []}
    if declined:
        return {**out, "declined": True}
    if option is not None:
        if option not in options:
            raise CodecastError(
                "bad_request",
                f"{option!r} is none of the answers to this request.",
                f"Choose one of: {', '.join(options)}." if options else "It asks for `answers`.",
            )
        return {**out, "option": option}
    if answers is None:
        wanted = f"an option ({', '.join(options)})" if options else "answers to its questions"
        raise CodecastError("bad_request", f"This request needs {wanted}.")
    unknown = [key for key in answers if key not in questions]
    if unknown or not questions:
        raise CodecastError(
            "bad_request",
            f"This request has no question {unknown[0]!r}." if unknown else "It asks no question.",
            f"Its questions are: {', '.join(questions)}." if questions else "Send an `option`.",
        )
    lists = {key: [v] if isinstance(v, str) else v for key, v in answers.items()}
    for value in lists.values():
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise CodecastError("bad_request", "An answer is a text or a list of texts.")
    return {**out, "answers": lists}
