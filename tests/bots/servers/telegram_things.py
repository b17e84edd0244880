"""Chats, messages and files of our Telegram, and the updates that wait to be polled."""

from __future__ import annotations

import asyncio
from abc import ABC
from collections import defaultdict, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bots.servers.strict import Tornado

Json = dict[str, Any]
BOT = 123456789


class Things(Tornado, ABC):
    def __init__(self, speed: float, first: int) -> None:
        self.speed = speed
        self.chats: dict[int, Json] = {}
        self.messages: dict[int, dict[int, Json]] = defaultdict(dict)
        self.drafts: dict[tuple[int, int], list[str]] = defaultdict(list)
        self.calls: list[tuple[float, str, Json]] = []
        self.answers: list[tuple[str, str]] = []
        self.actions: list[tuple[int, str]] = []
        self.unchanged = 0
        self.violations: list[str] = []
        self.fault: Callable[[str], str] = lambda method: ""
        self.commands: list[Json] = []
        self.files: dict[str, bytes] = {}
        self.refuses = ""  # words that no message may have
        self.keep_calls = True
        self.directory = Path()  # for whoever plays with it
        self._private_id = first
        self._group_ids: dict[int, int] = defaultdict(lambda: first)
        self._topic = 100
        self._updates: deque[Json] = deque()
        self._update_id = 1000
        self._arrived = asyncio.Event()

    def user(self, id: int) -> Json:
        return {"id": id, "is_bot": id == BOT, "first_name": f"User {id}"}

    def next_id(self, chat: int) -> int:
        """Private chats of a bot count together, each group by itself."""
        if chat > 0:
            self._private_id += 1
            return self._private_id
        self._group_ids[chat] += 1
        return self._group_ids[chat]

    def _update(self, kind: str, value: Json) -> None:
        self._update_id += 1
        self._updates.append({"update_id": self._update_id, kind: value})
        self._arrived.set()


def shown(message: Json) -> Json:
    """As the API tells it."""
    keep = ("message_id", "date", "chat", "from", "text", "caption", "message_thread_id",
            "is_topic_message", "reply_markup", "document", "photo")  # fmt: skip
    told = {key: message[key] for key in keep if message.get(key) is not None}
    if "inline_keyboard" not in (told.get("reply_markup") or {}):
        told.pop("reply_markup", None)
    told["chat"] = {k: v for k, v in told["chat"].items() if k not in ("topics", "blocked")}
    return told
