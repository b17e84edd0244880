"""What a reader of a CLI's own records promises.

The CLIs keep their conversations on disk, each in its own way. A reader lists them from the
heads and tails of the files alone, tells which of them another process is writing, and turns
one into events of our vocabulary. It only ever reads, and is total: a line or a row that it
does not know costs that line.
"""

import os
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Protocol, Tuple

from ..lines import clip

Past = Tuple[float, Dict[str, Any]]  # when it happened (seconds, 0 where unknown), and the event
TITLE = 200  # characters
LONG = 256 << 10  # characters of one text; what is beyond stays in the CLI's own record


class Live(NamedTuple):
    """The process that is writing a conversation."""

    pid: int
    program: str
    since: float  # seconds
    reason: str  # one sentence for a person

    def to_json(self) -> Dict[str, Any]:
        return self._asdict()


class Found(NamedTuple):
    """A conversation on disk. Times in seconds, `size` in bytes of its record."""

    cli: str
    native: str
    title: str
    cwd: str
    started: float
    updated: float
    size: int
    path: str  # of the file that holds it
    messages: Optional[int] = None
    live: Optional[Live] = None

    def to_json(self) -> Dict[str, Any]:
        """Without what is not known."""
        told = {name: value for name, value in self._asdict().items() if value is not None}
        if self.live is not None:
            told["live"] = self.live.to_json()
        return told


class Reader(Protocol):
    """The records of one CLI. Constructed as `Reader(places)`, see `places_in`."""

    def recent(self) -> List[Tuple[float, str]]:
        """Every conversation as `(updated, key)`, in any order; nothing is opened."""

    def look(self, key: str) -> Optional[Found]:
        """Head and tail of one; None where it holds no conversation."""

    def find(self, native: str) -> Optional[Found]:
        """The conversation of that id, `live` filled in."""

    def live(self, found: List[Found]) -> List[Found]:
        """The same with what is dear to find out: `live`, and of a database the `size`."""

    def events(self, found: Found) -> Iterator[Past]:
        """The conversation from its beginning, as it would be resumed."""


# what decides where the CLIs keep their records
VARIABLES = ("HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_DATA_HOME")


def places_in(env: Mapping[str, str]) -> Dict[str, str]:
    """The variables of an environment that matter here."""
    found = {name: env[name] for name in VARIABLES if env.get(name)}
    found.setdefault("HOME", os.path.expanduser("~"))
    return found


def shorten(text: str) -> str:
    """`text`, or its beginning and how much is left out."""
    if len(text) <= LONG:
        return text
    more = len(text) - LONG
    return text[:LONG] + "\n\u2026 (%d more characters are in the CLI's own record)" % more


def title_of(text: str) -> str:
    """A title's worth of a prompt: its words on one line."""
    return clip(" ".join(text[: 4 * TITLE].split()), TITLE)


def chunk(type: str, message: str, text: str) -> Dict[str, Any]:
    """A `..._chunk` event that says all of a message."""
    return {"type": type, "message": message, "content": {"type": "text", "text": shorten(text)}}


def plain_diff(diff: str, path: str) -> str:
    """A diff with the file's path in its head, without the words of the library that made it."""
    at = diff.find("\n@@")
    hunks = diff[at + 1 :] if at >= 0 else ""
    return "--- %s\n+++ %s\n%s" % (path, path, hunks)
