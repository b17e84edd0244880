"""Who looks at a chat and waits for what the bot says there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from tests.fixtures.live import until

Json = dict[str, Any]


class Watcher(ABC):
    @abstractmethod
    def seen(self) -> list[Json]:
        """The bot's messages that stand there, oldest first: `id`, `text`, ..."""

    def texts(self) -> list[str]:
        return [message["text"] for message in self.seen()]

    def now(self, message: Json) -> Json:
        """The message as it stands there now."""
        return next(m for m in self.seen() if m["id"] == message["id"])

    def sees(self, part: str, after: Json | None = None, **fits: bool) -> Json:
        """The bot's first message behind `after` that has `part`; `fits` says what else it has
        (True) or lacks."""

        def look() -> Json | None:
            found = self.seen()
            ids = [message["id"] for message in found]
            behind = found[ids.index(after["id"]) + 1 if after else 0 :]
            return next((message for message in behind if is_so(message, part, fits)), None)

        try:
            return until(look, f"a message with {part!r}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.seen()}") from None

    def becomes(self, message: Json, part: str = "", **fits: bool) -> Json:
        """The message, once it has `part` and is as `fits` says."""

        def look() -> Json | None:
            now = self.now(message)
            return now if is_so(now, part, fits) else None

        return until(look, f"the message becomes one with {part!r}, {fits}")


def is_so(message: Json, part: str, fits: Mapping[str, bool]) -> bool:
    return part in message["text"] and all(bool(message[k]) == v for k, v in fits.items())
