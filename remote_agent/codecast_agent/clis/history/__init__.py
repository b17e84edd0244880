"""Conversations that were begun by hand: what the CLIs keep of them on this machine."""

from typing import Any, Dict, List, Mapping, Optional, Type

from ...protocol.errors import CodecastError
from .claude import ClaudeHistory
from .codex import CodexHistory
from .contract import Found, Past, Reader, places_in
from .gemini import GeminiHistory
from .opencode import OpencodeHistory

__all__ = [
    "FORKING",
    "LIMIT",
    "READERS",
    "Found",
    "Past",
    "Reader",
    "listing",
    "places_in",
    "reader",
]

FORKING = ("claude", "codex", "opencode")  # Gemini cannot go on with a copy
LIMIT = 50  # conversations told where nobody says how many
READERS: "Dict[str, Type[Any]]" = {
    "claude": ClaudeHistory,
    "codex": CodexHistory,
    "gemini": GeminiHistory,
    "opencode": OpencodeHistory,
}


def reader(cli: str, places: Mapping[str, str]) -> Reader:
    """The reader of a CLI's records. Raises CodecastError("not_supported")."""
    kind = READERS.get(cli)
    if kind is None:
        raise CodecastError(
            "not_supported",
            "The conversations that %s keeps cannot be read." % cli,
            "Those of %s can." % ", ".join(READERS),
        )
    made: Reader = kind(places)
    return made


def listing(
    places: Mapping[str, str],
    cli: Optional[str] = None,
    cwd: Optional[str] = None,
    limit: int = LIMIT,
    query: str = "",
) -> List[Found]:
    """Conversations, the newest first; `cwd` exactly, all words of `query` in title, directory
    or id. Only as many files are opened as that needs."""
    readers = {name: reader(name, places) for name in ([cli] if cli else READERS)}
    keys = [
        (updated, name, key) for name, each in readers.items() for updated, key in each.recent()
    ]
    keys.sort(reverse=True)
    words = query.lower().split()
    found: List[Found] = []
    seen = set()
    for _, name, key in keys:
        if len(found) >= limit:
            break
        one = readers[name].look(key)
        # one that was resumed may have several files: the newest is it
        if one is None or (name, one.native) in seen or (cwd and one.cwd != cwd):
            continue
        seen.add((name, one.native))
        text = " ".join((one.title, one.cwd, one.native, one.cli)).lower()
        if all(word in text for word in words):
            found.append(one)
    for name, each in readers.items():
        alive = {one.native: one for one in each.live([o for o in found if o.cli == name])}
        found = [alive.get(one.native, one) if one.cli == name else one for one in found]
    return found
