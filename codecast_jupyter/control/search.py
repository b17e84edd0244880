"""Search in the words of all sessions: prompts, messages, thoughts and tool calls.

A query is words, `"phrases"` and `-words` to exclude; every word must occur, the last one
may be a beginning. Nothing a person types is FTS5 syntax: each word is quoted. Scripts
written without spaces, which the index holds as one long word, are looked for as they stand.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
import time
import unicodedata
from functools import partial
from typing import Any

from codecast_agent.protocol.errors import CodecastError

from . import messages
from .store import Store

log = logging.getLogger(__name__)

MARK, END = "\ue000", "\ue001"  # private characters around what was found, turned into `marks`
SNIPPET = 24  # words
FRESHEN = 40  # slices indexed before an answer, at most
IDLE = 1.0  # seconds of calm before new events are indexed,
PATIENCE = 30.0  # and so many where there is no calm

_TOKEN = re.compile(r'(-?)"([^"]*)"?|(-?)([^\s"]+)')
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
)


class Search:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._wanted = asyncio.Event()
        self._last = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._wanted.set()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def stored(self) -> None:
        """Events came that are not indexed."""
        self._last = time.monotonic()
        self._wanted.set()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            since = time.monotonic()
            for _ in range(int(PATIENCE / IDLE)):
                await asyncio.sleep(IDLE)
                if self._last < since:
                    break
                since = time.monotonic()
            try:
                await self.index()
            except CodecastError as error:
                log.warning("the index of words is behind: %s", error.message)

    async def index(self, slices: int | None = None) -> None:
        """Index what was stored, `slices` of it at most."""
        for session in await self._store.read(messages.pending):
            more = True
            while more and slices != 0:
                more = await self._store.write(partial(messages.index, session))
                slices = None if slices is None else slices - 1

    async def find(self, query: str, limit: int = 50) -> list[dict[str, Any]]:
        """`[{session, name, machine, seq, time, kind, snippet, marks}]`, the best first.

        `marks` are `[start, end]` places in the snippet. An empty query finds nothing.
        """
        await self.index(FRESHEN)
        return await self._store.read(lambda db: find(db, query, limit))


def find(db: sqlite3.Connection, query: str, limit: int) -> list[dict[str, Any]]:
    wanted, unwanted, parts = parse(query)
    if not wanted and not parts:
        return []
    where, values = ["sessions.gone = 0"], []
    for part, yes in parts:
        escaped = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        where.append(f"messages.text {'LIKE' if yes else 'NOT LIKE'} ? ESCAPE '\\'")
        values.append(f"%{escaped}%")
    columns = (
        "SELECT sessions.id, sessions.name, sessions.machine, messages.seq, messages.time,"
        " messages.kind, {} AS found FROM {} JOIN sessions ON sessions.num = messages.session"
        " WHERE {} ORDER BY {} LIMIT ?"
    )
    if wanted:
        match = " AND ".join(wanted)
        if unwanted:
            match = f"({match}) NOT ({' OR '.join(unwanted)})"
        sql = columns.format(
            f"snippet(messages_fts, 0, '{MARK}', '{END}', '…', {SNIPPET})",
            "messages_fts JOIN messages ON messages.num = messages_fts.rowid",
            " AND ".join(["messages_fts MATCH ?", *where]),
            "bm25(messages_fts), messages.num DESC",
        )
        values.insert(0, match)
    else:
        if not any(yes for _, yes in parts):
            return []
        sql = columns.format("messages.text", "messages", " AND ".join(where), "messages.num DESC")
    hits = db.execute(sql, (*values, max(0, min(int(limit), 1000)))).fetchall()
    first = next((part for part, yes in parts if yes), "")
    return [_hit(row, first if not wanted else "") for row in hits]


def parse(query: str) -> tuple[list[str], list[str], list[tuple[str, bool]]]:
    """FTS5 terms that must and must not occur, and `(text, wanted)` to be found as it stands."""
    wanted: list[str] = []
    unwanted: list[str] = []
    parts: list[tuple[str, bool]] = []
    clean = "".join(c if c.isprintable() else " " for c in str(query)[:2000])
    tokens = list(_TOKEN.finditer(clean))[:32]
    for number, token in enumerate(tokens):
        phrase = token.group(4) is None
        minus = token.group(1) if phrase else token.group(3)
        word = token.group(2) if phrase else token.group(4)
        if not any(unicodedata.category(c)[0] in "LN" for c in word):
            continue  # nothing in it that the index holds
        if _UNSPACED.search(word):
            parts.append((word, not minus))
            continue
        last = number == len(tokens) - 1 and not phrase and not minus
        (unwanted if minus else wanted).append(f'"{word}"' + ("*" if last else ""))
    return wanted, unwanted, parts


def _hit(row: sqlite3.Row, part: str) -> dict[str, Any]:
    text = str(row["found"])
    if part:
        text = _around(text, part)
    snippet, marks = "", []
    for number, piece in enumerate(text.split(MARK)):
        if number:
            inside, _, piece = piece.partition(END)
            marks.append([len(snippet), len(snippet) + len(inside)])
            snippet += inside
        snippet += piece.replace(END, "")
    return {
        "session": row["id"],
        "name": row["name"],
        "machine": row["machine"],
        "seq": row["seq"],
        "time": row["time"],
        "kind": row["kind"],
        "snippet": snippet,
        "marks": marks,
    }


def _around(text: str, part: str) -> str:
    place = max(text.lower().find(part.lower()), 0)
    start, end = max(place - 60, 0), place + len(part)
    return (
        ("…" if start else "")
        + f"{text[start:place]}{MARK}{text[place:end]}{END}{text[end : end + 100]}"
        + ("…" if end + 100 < len(text) else "")
    )
