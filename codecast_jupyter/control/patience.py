"""How long a login may take, when a person is asked in the middle of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

T = TypeVar("T")


class Patience:
    """A deadline that stands still while a person is asked, and a place in the queue of
    connects that is given back for that time."""

    def __init__(self, seconds: float, slots: asyncio.Semaphore) -> None:
        self._left = seconds
        self._slots = slots
        self._asking = 0

    async def run(self, work: Awaitable[T]) -> T:
        """Raises asyncio.TimeoutError."""
        async with self._slots:
            task = asyncio.ensure_future(work)
            try:
                while True:
                    before = time.monotonic()
                    done, _ = await asyncio.wait({task}, timeout=min(self._left, 0.5))
                    if done:
                        return task.result()
                    if not self._asking:
                        self._left -= time.monotonic() - before
                        if self._left <= 0:
                            raise asyncio.TimeoutError
            finally:
                if not task.done():
                    task.cancel()
                    with contextlib.suppress(BaseException):
                        await task

    @contextlib.asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        self._asking += 1
        self._slots.release()
        try:
            yield
        finally:
            await self._slots.acquire()
            self._asking -= 1
