"""How long a login may take, when a person is asked in the middle of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

SLOT_FOR = 2.0  # seconds; a key exchange computes for some milliseconds, then the network is slow


class Patience:
    """A deadline that stands still while a person is asked, and one of the slots for logins:
    given back for that time, and for good by who needs long, so that a machine that says nothing
    more keeps no other one waiting."""

    def __init__(self, seconds: float, slots: asyncio.Semaphore) -> None:
        self._left = seconds
        self._slots = slots
        self._until: float | None = None  # when the slot is given back; None: we have none
        self._asking = 0

    async def run(self, login: Callable[[], Awaitable[T]]) -> T:
        """Raises asyncio.TimeoutError."""
        task: asyncio.Future[T] | None = None
        try:
            await self._take()
            task = asyncio.ensure_future(login())
            while True:
                before = time.monotonic()
                done, _ = await asyncio.wait({task}, timeout=min(self._left, 0.5))
                if done:
                    return task.result()
                now = time.monotonic()
                if self._until is not None and now > self._until:
                    self._give()
                if not self._asking:
                    self._left -= now - before
                    if self._left <= 0:
                        raise asyncio.TimeoutError
        finally:
            if task is not None and not task.done():
                task.cancel()
                with contextlib.suppress(BaseException):
                    await task
            self._give()

    @contextlib.asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        self._asking += 1
        self._give()
        try:
            yield
            await self._take()
        finally:
            self._asking -= 1

    async def _take(self) -> None:
        await self._slots.acquire()
        self._until = time.monotonic() + SLOT_FOR

    def _give(self) -> None:
        if self._until is not None:
            self._until = None
            self._slots.release()
