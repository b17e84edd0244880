"""Telegram's answers in the contract's words, presses that are acknowledged in time, and who may
write to a chat while a lost message is looked for."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
from telegram import Bot
from telegram import error as errors

from ..recent import Recent
from .contract import (
    BadCredentials,
    Forbidden,
    Gone,
    GoneIn,
    Person,
    Place,
    RateLimited,
    Rejected,
    TooBig,
    Unavailable,
)
from .pressing import PressAnswer
from .rest import reason


class ChatLock:
    """Many may send at once; who looks for a lost message is alone, so that it takes no other's
    for it."""

    def __init__(self) -> None:
        self._senders = 0
        self._changed = asyncio.Condition()
        self._looking = False
        self.sent: Recent[str, None] = Recent(200)  # ids

    @contextlib.asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: not self._looking)
            self._senders += 1
        try:
            yield
        finally:
            async with self._changed:
                self._senders -= 1
                self._changed.notify_all()

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: not self._looking and not self._senders)
            self._looking = True
        try:
            yield
        finally:
            async with self._changed:
                self._looking = False
                self._changed.notify_all()


class QueryAnswer(PressAnswer):
    def __init__(self, bot: Bot, query: str) -> None:
        super().__init__()
        self._bot, self._query = bot, query

    async def _tell(self, words: str, passing: bool) -> None:
        with contextlib.suppress(errors.TelegramError):  # "query is too old" helps nobody
            await self._bot.answer_callback_query(self._query, text=words[:200] or None)


# -- between their words and ours


class Unchanged(Exception):
    """It was so already."""


@contextlib.asynccontextmanager
async def translated(moved: list[GoneIn], place: Place) -> AsyncIterator[None]:
    """The library's errors as the contract's."""
    try:
        yield
    except errors.TelegramError as error:
        raise translate(moved, place, error) from None


def translate(moved: list[GoneIn], place: Place, error: errors.TelegramError) -> Exception:
    words = reason(error)
    lower = words.lower()
    if isinstance(error, errors.RetryAfter):
        return RateLimited(seconds_of(error), words)
    if isinstance(error, errors.ChatMigrated):
        chat = str(error.new_chat_id)
        event = GoneIn(f"moved {place.chat}", place, Person("", ""), time.time(), words, chat)
        moved.append(event)
        return Gone(words)
    if isinstance(error, errors.Forbidden):
        return Forbidden(words)
    if isinstance(error, errors.InvalidToken):
        return BadCredentials(words)
    if isinstance(error, errors.BadRequest):
        if "not modified" in lower:
            return Unchanged()
        if any(part in lower for part in _TOO_BIG):
            return TooBig(words)
        if any(part in lower for part in _GONE):
            return Gone(words)
        return Forbidden(words) if "not enough rights" in lower else Rejected(words)
    cause = error.__cause__
    unsent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
    return Unavailable(words, maybe_sent=not isinstance(cause, unsent))


_TOO_BIG = ("too long", "too big", "too large")
_GONE = (
    "not found", "message can't be edited", "message_id_invalid", "topic_closed", "topic_deleted",
    "message can't be deleted", "chat_write_forbidden",
)  # fmt: skip


def seconds_of(error: errors.RetryAfter) -> float:
    after: Any = error.retry_after
    return float(after.total_seconds() if hasattr(after, "total_seconds") else after)
