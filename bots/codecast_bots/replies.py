"""What the bots say by themselves: an answer to a command, a question of theirs, files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .platforms.contract import Button, FileOut, Limits, Outgoing
from .splitting import split

MOST_PARTS = 4  # messages of one reply; more come as a file


@dataclass(frozen=True)
class Reply:
    """`buttons` are `(token, label)` below the last message; `files` are `(name, path)`."""

    body: str
    buttons: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    reply_to: str | None = None
    asks_text: bool = False
    notify: bool = False

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Reply:
        pairs = {
            name: tuple((str(a), str(b)) for a, b in value[name]) for name in ("buttons", "files")
        }
        return cls(**{**value, **pairs})

    def outgoing(self, limits: Limits) -> list[Outgoing]:
        """The messages it takes."""
        pieces = split(self.body, limits.text, limits.size) if self.body.strip() else []
        texts = [piece.text for piece in pieces[:MOST_PARTS]]
        files = tuple(FileOut(name, Path(path)) for name, path in self.files)
        alone = bool(files) and bool(texts) and not captioned(texts[-1], limits)
        made = [Outgoing(text) for text in texts] or [Outgoing("")]
        made[0] = Outgoing(made[0].body, reply_to=self.reply_to)
        last = made[-1]
        made[-1] = Outgoing(
            last.body,
            controls=tuple(Button(token, label) for token, label in self.buttons),
            files=() if alone else files,
            reply_to=last.reply_to,
            notify=self.notify,
            asks_text=self.asks_text,
        )
        # a message of its own, so that neither is said again because of the other
        return [*made, Outgoing("", files=files)] if alone else made


def captioned(body: str, limits: Limits) -> bool:
    """Whether the words may stand below files."""
    return limits.caption is None or limits.size(body) <= limits.caption
