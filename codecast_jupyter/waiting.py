"""Waiting for something with an end to the patience."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def within(work: Awaitable[T], seconds: float | None) -> T:
    """What it gives. After `seconds` (None: never) it is cancelled: asyncio.TimeoutError.

    `asyncio.wait_for` before Python 3.12 forgets that it was cancelled when the work ends in the
    same moment: what stops a task would then wait for it for ever.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if task.done():
            return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # it was looked at
    raise asyncio.TimeoutError
