"""A person with Telegram, before our server of it."""

from __future__ import annotations

from typing import Any

from tests.bots.servers.telegram import TelegramServer
from tests.fixtures.live import until

Json = dict[str, Any]


class Phone:
    """One person in one chat (and topic)."""

    def __init__(self, telegram: TelegramServer, user: int, chat: int = 0, thread: int = 0) -> None:
        self.telegram, self.user = telegram, user
        self.chat, self.thread = chat or user, thread

    def says(self, text: str, **more: Any) -> int:
        """The id of the message."""
        return self.telegram.says(self.chat, text, self.user, thread=self.thread, **more)

    def presses(self, message: Json, label: str) -> str:
        """Once the button is there; what was told at once."""
        id = message["message_id"]
        until(lambda: any(b.startswith(label) for b in self.buttons(id)), f"a button {label!r}")
        query = self.telegram.presses(self.chat, id, label, self.user)
        return until(
            lambda: next((words or " " for q, words in self.telegram.answers if q == query), None),
            "the press is acknowledged",
        )

    def buttons(self, id: int) -> list[str]:
        return self.telegram.buttons(self.now(id))

    def now(self, id: int) -> Json:
        """A message as it stands there."""
        messages = self.telegram.visible(self.chat, self.thread)
        return next(m for m in messages if m["message_id"] == id)

    def sees(self, *parts: str, after: int = 0, buttons: bool = False) -> Json:
        """The bot's first message behind `after` with all parts, and buttons where wanted."""
        try:
            return until(
                lambda: self.finds(*parts, after=after, buttons=buttons), f"a message with {parts}"
            )
        except AssertionError as error:
            texts = self.telegram.texts(self.chat, self.thread)
            raise AssertionError(f"{error}: {texts}") from None

    def finds(self, *parts: str, after: int = 0, buttons: bool = False) -> Json | None:
        """The same, if it is there by now."""
        for message in self.telegram.visible(self.chat, self.thread):
            words = message.get("text") or message.get("caption") or ""
            fits = not buttons or self.telegram.buttons(message)
            if message["message_id"] > after and fits and all(p in words for p in parts):
                return message
        return None

    def asks_until(self, text: str, *parts: str) -> Json:
        """Ask again while there is another answer or (a stranger is told once) none: what it
        tells of is on its way."""
        begun = self.says(text)
        for _ in range(20):
            try:
                return until(lambda: self.finds(*parts, after=begun), "an answer", 3)
            except AssertionError:
                self.says(text)
        return self.sees(*parts, after=begun)

    def asks(self, text: str, *parts: str, **more: Any) -> Json:
        """Say it, and see an answer with these parts."""
        return self.sees(*parts, after=self.says(text, **more))
