"""Which files an agent speaks of: words that may be paths, found in what it says and does.

Whether there is such a file only the machine knows, so this may find too much, and should not
miss what a person would see.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from typing import Any

EVENTS = 5000  # the newest ones that are looked through
MOST = 500  # names
LONGEST = 1000  # characters of a path
_QUOTED = re.compile(r"`+([^`\n]+?)`+|\"([^\"\n]+)\"|\]\(<?([^)>\n]+?)>?\)")
_BARE = re.compile(r"[^\s`'\"<>()\[\]{}|,;*]+")
_LINE = re.compile(r"(?::\d+(?:[-:]\d+)?|#L\d+(?:-L?\d+)?)$")
_TYPES = ("agent_message_chunk", "tool_call", "tool_call_update")


def in_text(text: str) -> list[str]:
    """Words of a message that may name files, in its order.

    What stands in backticks, quotes or links is taken as it is, other words when they have a
    slash or a suffix.
    """
    found: dict[str, None] = {}
    for match in _QUOTED.finditer(text):
        for word in _variants(next(filter(None, match.groups()), "").strip()):
            found[word] = None
    for match in _BARE.finditer(text):
        word = match[0].rstrip(".:!?")
        if "/" in word.rstrip("/") or re.search(r"[^.]\.\w{1,12}(?::\d+)?$", word):
            for each in _variants(word):
                found[each] = None
    return list(found)


def _variants(word: str) -> Iterator[str]:
    """Also without the line that it may point to."""
    if not word or len(word) > LONGEST or "\0" in word:
        return
    if "://" in word and not word.startswith("file://"):
        return
    yield word
    plain = _LINE.sub("", word)
    if plain and plain != word:
        yield plain


def in_events(db: sqlite3.Connection, session: int) -> list[str]:
    """What the messages and tool calls of a session name, the newest first."""
    found = db.execute(
        "SELECT body FROM events WHERE session = ? AND type IN (?, ?, ?) ORDER BY seq DESC LIMIT ?",
        (session, *_TYPES, EVENTS),
    ).fetchall()
    messages: dict[str, list[str]] = {}  # pieces, the last one first
    order: list[tuple[str, Any]] = []
    for row in found:
        event = _object(row[0])
        if event.get("type") == "agent_message_chunk":
            content = event.get("content")
            text = content.get("text") if isinstance(content, dict) else None
            key = str(event.get("message"))
            if key not in messages:
                messages[key] = []
                order.append(("message", key))
            if isinstance(text, str):
                messages[key].append(text)
        else:
            order.append(("paths", _touched(event)))
    names: dict[str, None] = {}
    for kind, value in order:
        words = in_text("".join(reversed(messages[value]))) if kind == "message" else value
        for word in words:
            names[word] = None
        if len(names) >= MOST:
            break
    return list(names)[:MOST]


def _object(body: str) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _touched(event: dict[str, Any]) -> list[str]:
    """Paths of a tool call: where it is, what it changes."""
    found = []
    for field in ("locations", "content"):
        items = event.get(field)
        for item in items if isinstance(items, list) else []:
            path = item.get("path") if isinstance(item, dict) else None
            if isinstance(path, str) and 0 < len(path) <= LONGEST and "\0" not in path:
                found.append(path)
    return found
