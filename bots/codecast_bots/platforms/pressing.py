"""A press is acknowledged at once, whatever is done because of it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from .contract import ANSWER_WITHIN


class PressAnswer(ABC):
    """Acknowledges a press once: with words from the core, or without in time."""

    def __init__(self) -> None:
        self._done = False

    async def __call__(self, words: str, passing: bool = False) -> None:
        if not self._done:
            self._done = True
            await self._tell(words, passing)

    async def in_time(self) -> None:
        await asyncio.sleep(ANSWER_WITHIN)
        await self("")

    @abstractmethod
    async def _tell(self, words: str, passing: bool) -> None:
        """Tell the platform, whose words are cut to what it takes. Never raises."""
