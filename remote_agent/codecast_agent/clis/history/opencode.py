"""OpenCode's records: one SQLite database, `~/.local/share/opencode/opencode.db`.

It is opened for reading only. There is no lock on a session, so a running OpenCode is
taken for the writer (`running.guess`).
"""

import os
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple
from urllib.parse import quote

from .. import diffs
from ..lines import first_line, obj, text_of
from . import files, running
from .contract import Found, Past, chunk, plain_diff, shorten, title_of

try:
    import sqlite3

    READABLE = True
except ImportError:  # a Python built without it
    READABLE = False

KINDS = {
    "read": "read",
    "list": "search",
    "glob": "search",
    "grep": "search",
    "edit": "edit",
    "write": "edit",
    "patch": "edit",
    "multiedit": "edit",
    "bash": "execute",
    "webfetch": "fetch",
    "websearch": "fetch",
    "task": "think",
    "todowrite": "think",
}
PLAIN_TITLE = "New session - "  # what OpenCode calls one that it has not named yet
_COUNT = "(SELECT count(*) FROM message WHERE session_id = session.id)"
_FIRST = "SELECT id, data FROM message WHERE session_id = ? ORDER BY time_created, id LIMIT 4"


class OpencodeHistory:
    """See `contract.Reader`; a key is a session's id."""

    def __init__(self, places: Mapping[str, str]) -> None:
        data = places.get("XDG_DATA_HOME") or os.path.join(places["HOME"], ".local", "share")
        self._path = os.path.join(data, "opencode", "opencode.db")

    @contextmanager
    def _open(self) -> Iterator["Optional[sqlite3.Connection]"]:
        """The database; None where there is none."""
        if not READABLE or not os.path.isfile(self._path):
            yield None
            return
        address = "file:%s?mode=ro" % quote(self._path)
        db = sqlite3.connect(address, uri=True, timeout=5.0)
        try:
            db.row_factory = sqlite3.Row
            db.text_factory = lambda data: data.decode("utf-8", "replace")
            yield db
        finally:
            db.close()

    def _rows(self, query: str, *values: Any) -> "List[sqlite3.Row]":
        """Empty where the database is not as we know it."""
        if not READABLE:
            return []
        try:
            with self._open() as db:
                return [] if db is None else db.execute(query, values).fetchall()
        except sqlite3.Error:
            return []

    def recent(self) -> List[Tuple[float, str]]:
        rows = self._rows("SELECT id, time_updated FROM session WHERE parent_id IS NULL")
        return [(row["time_updated"] / 1000.0, row["id"]) for row in rows]

    def look(self, key: str) -> Optional[Found]:
        rows = self._rows("SELECT *, %s AS messages FROM session WHERE id = ?" % _COUNT, key)
        if not rows or not rows[0]["messages"]:
            return None
        row = rows[0]
        title = text_of(row["title"])
        if not title or title.startswith(PLAIN_TITLE):
            title = self._first(key) or title
        return Found(
            "opencode",
            key,
            title_of(title),
            text_of(row["directory"]),
            row["time_created"] / 1000.0,
            row["time_updated"] / 1000.0,
            0,
            self._path,
            int(row["messages"]),
        )

    def _first(self, key: str) -> str:
        """The first prompt."""
        for message in self._rows(_FIRST, key):
            if _json(message["data"]).get("role") == "user":
                parts = self._rows(
                    "SELECT data FROM part WHERE message_id = ? ORDER BY id LIMIT 8", message["id"]
                )
                texts = [text_of(_json(part["data"]).get("text")) for part in parts]
                return next((text for text in texts if text), "")
        return ""

    def find(self, native: str) -> Optional[Found]:
        found = self.look(native)
        return self.live([found])[0] if found is not None else None

    def live(self, found: List[Found]) -> List[Found]:
        sized = [each._replace(size=self._size(each.native)) for each in found]
        return running.guess(sized, "OpenCode", {"opencode"})

    def _size(self, key: str) -> int:
        # the lengths that need not read the texts, where this SQLite knows such
        known = READABLE and sqlite3.sqlite_version_info >= (3, 43)
        length = "octet_length(data)" if known else "length(data)"
        rows = self._rows("SELECT sum(%s) FROM part WHERE session_id = ?" % length, key)
        return int(rows[0][0] or 0) if rows else 0

    def events(self, found: Found) -> Iterator[Past]:
        query = (
            "SELECT part.id, part.data, part.time_created, message.data AS message FROM part JOIN"
            " message ON message.id = part.message_id WHERE part.session_id = ?"
            " ORDER BY message.time_created, message.id, part.id"
        )
        with self._open() as db:
            for row in db.execute(query, (found.native,)) if db is not None else ():
                role = text_of(_json(row["message"]).get("role"))
                for event in _tell(row["id"], _json(row["data"]), role):
                    yield row["time_created"] / 1000.0, event


def _json(text: Any) -> Dict[str, Any]:
    return files.parse(text_of(text).encode("utf-8", "replace")) or {}


def _tell(id: str, part: Dict[str, Any], role: str) -> Iterator[Dict[str, Any]]:
    kind, text = part.get("type"), text_of(part.get("text"))
    if kind == "text" and text and part.get("synthetic") is not True:
        yield chunk("user_message_chunk" if role == "user" else "agent_message_chunk", id, text)
    elif kind == "reasoning" and text:
        yield chunk("agent_thought_chunk", id, text)
    elif kind == "file" and role == "user":
        name = text_of(part.get("filename")) or "a file"
        yield chunk("user_message_chunk", id, "(with %s attached)" % name)
    elif kind == "tool":
        yield _call(part)
        if part.get("tool") == "todowrite":
            yield from _plan(obj(part.get("state")))
    elif kind == "compaction":
        words = "OpenCode compacted the conversation here: it went on with a summary."
        yield {"type": "notice", "level": "info", "text": words}


def _call(part: Dict[str, Any]) -> Dict[str, Any]:
    state, name = obj(part.get("state")), text_of(part.get("tool"))
    given, more = obj(state.get("input")), obj(state.get("metadata"))
    path = text_of(given.get("filePath")) or text_of(more.get("filepath"))
    title = text_of(state.get("title")) or text_of(given.get("description")) or name or "Tool"
    if name == "bash":
        title = text_of(given.get("command")) or title
    elif name in KINDS and name not in ("task", "todowrite"):
        title = "%s %s" % (name.capitalize(), title)
    event: Dict[str, Any] = {
        "type": "tool_call",
        "call": text_of(part.get("callID")),
        "title": first_line(title),
        "kind": KINDS.get(name, "other"),
        # what was running when OpenCode ended stays so in its record for ever
        "status": "completed" if state.get("status") == "completed" else "failed",
        "raw_input": given,
    }
    if path:
        event["locations"] = [{"path": path}]
    diff = text_of(more.get("diff")) or text_of(obj(more.get("filediff")).get("patch"))
    new = given.get("content")
    if diff and path:
        event["content"] = [{"type": "diff", "path": path, "diff": plain_diff(diff, path)}]
    elif name == "write" and isinstance(new, str) and more.get("exists") is False:
        event["content"] = [diffs.content(None, new, path)]
    else:
        text = text_of(state.get("output")) or text_of(state.get("error"))
        if text:
            event["content"] = [{"type": "text", "text": shorten(text)}]
    return event


def _plan(state: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
    todos = obj(state.get("input")).get("todos")
    if isinstance(todos, list):
        entries = []
        for item in todos:
            status = obj(item).get("status")
            known = status in ("pending", "in_progress", "completed")
            entries.append(
                {
                    "content": text_of(obj(item).get("content")),
                    "status": status if known else "pending",
                }
            )
        yield {"type": "plan", "entries": entries}
