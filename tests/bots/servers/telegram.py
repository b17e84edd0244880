"""A Bot API server: strict as the real one's rules are published, and it fails where a test says.

Refuses unchanged edits, bad or crossing entities, text beyond 4,096 units, keyboards beyond
their limits, unknown chats and ids; answers 429 with `retry_after` above the published rates
(calls that come too early prolong it); ends the older of two pollers. `fault(method)` may say
`409`, `429`, `500`, `close` (nothing was done) or `close_after` (it was done, nobody is
told). It may go `deaf`.

Runs on a thread of its own. What a person would see is `visible`; what a person does are
`says`, `presses`, `edits`.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from typing import Any

from tests.bots.servers.telegram_http import TOKEN, File, Method
from tests.bots.servers.telegram_methods import Methods
from tests.bots.servers.telegram_people import People
from tests.bots.servers.telegram_rules import Refused, problem_of
from tests.bots.servers.telegram_things import BOT

Json = dict[str, Any]
COUNTED = {"sendMessage", "editMessageText", "editMessageCaption", "sendDocument", "sendPhoto",
           "sendMediaGroup"}  # fmt: skip
__all__ = ["BOT", "TOKEN", "TelegramServer", "problem_of"]


class TelegramServer(People, Methods):
    """`speed`: how many times faster its rates are than the real ones'. `first`: as many messages
    were in its chats before."""

    def __init__(self, speed: float = 1.0, first: int = 0) -> None:
        super().__init__(speed, first)
        self.floods = 0
        self.deaf = False  # polls are heard and never answered
        self._poller: object | None = None
        self._sent_at: dict[int, deque[float]] = defaultdict(deque)
        self._silence: dict[int, float] = {}
        self.run()

    def routes(self) -> list[Any]:
        return [(r"/bot([^/]+)/(\w+)", Method, {"server": self}),
                (r"/file/bot([^/]+)/(.+)", File, {"server": self})]  # fmt: skip

    async def call(self, method: str, given: Json, files: dict[str, list[Any]]) -> Any:
        handler = getattr(self, f"do_{method}", None)
        if handler is None:
            raise Refused(404, f"Not Found: method {method}")
        if method == "getUpdates":
            return await self.do_getUpdates(given)
        if method in COUNTED:
            self._rate(int(given["chat_id"]))
        return handler(given, files)

    def _rate(self, chat: int) -> None:
        """About one a second in a chat with short bursts; 20 a minute in a group; edits too."""
        now = time.monotonic()
        until = self._silence.get(chat, 0.0)
        if now < until:
            self.floods += 1
            self._silence[chat] = until + 1.0 / self.speed
            raise self._too_many(self._silence[chat] - now)
        recent = self._sent_at[chat]
        span, most = (60.0, 20) if chat < 0 else (6.0, 8)
        while recent and now - recent[0] > span / self.speed:
            recent.popleft()
        if len(recent) >= most:
            self.floods += 1
            self._silence[chat] = now + (8.0 if chat < 0 else 3.0) / self.speed
            raise self._too_many(self._silence[chat] - now)
        recent.append(now)

    def _too_many(self, seconds: float) -> Refused:
        # the real one says whole seconds; a server that is faster says parts of one
        wait = max(1, round(seconds)) if self.speed == 1 else round(seconds + 0.01, 3)
        return Refused(429, f"Too Many Requests: retry after {wait}", retry_after=wait)

    async def do_getUpdates(self, given: Json) -> Any:
        mine = self._poller = object()
        self._arrived.set()  # the other poller looks
        offset = int(given.get("offset") or 0)
        while self._updates and self._updates[0]["update_id"] < offset:
            self._updates.popleft()
        if self.deaf:
            await asyncio.Event().wait()  # for ever
        deadline = time.monotonic() + min(float(given.get("timeout") or 0), 50)
        while not self._updates and time.monotonic() < deadline:
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), deadline - time.monotonic())
            except (asyncio.TimeoutError, asyncio.CancelledError):
                break
            if self._poller is not mine:
                raise Refused(
                    409,
                    "Conflict: terminated by other getUpdates request; make sure"
                    " that only one bot instance is running",
                )
        return list(self._updates)[: int(given.get("limit") or 100)]
