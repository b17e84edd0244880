"""Waiting for something that tells nobody when it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def until(look: Callable[[], Awaitable[bool]], every: float = 0.05) -> None:
    """Until `look` says so; whoever calls has a deadline."""
    while not await look():  # noqa: ASYNC110
        await asyncio.sleep(every)
