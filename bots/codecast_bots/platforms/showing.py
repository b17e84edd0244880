"""That something is being done, shown in a chat for as long as it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ..tasks import Tasks
from .contract import Place


class Showing:
    """`show(place)` is called anew every so many seconds, as the platform forgets it."""

    def __init__(
        self, tasks: Tasks, show: Callable[[Place], Awaitable[None]], every: float
    ) -> None:
        self._tasks, self._show, self._every = tasks, show, every
        self._shown: dict[Place, asyncio.Task[None]] = {}

    async def turn(self, place: Place, on: bool) -> None:
        task = self._shown.pop(place, None)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        if on:
            self._shown[place] = self._tasks.spawn(self._repeat(place))

    async def _repeat(self, place: Place) -> None:
        while True:
            await self._show(place)
            await asyncio.sleep(self._every)
