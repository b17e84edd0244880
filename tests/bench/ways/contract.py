"""What every way can do: carry COUNT dated events at RATE and say how long each took."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field


@dataclass
class Trial:
    """`latencies` in ms, from the source's clock until the event was had; `seconds` from the first
    event to the last; `cpu` in microseconds an event by place; `journaled` like `latencies`,
    until the event was given to the machine's journal, where the way tells it."""

    latencies: list[float]
    seconds: float
    cpu: dict[str, float] = field(default_factory=dict)
    journaled: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return len(self.latencies) / max(self.seconds, 1e-9)


class Way(ABC):
    name = ""

    @abstractmethod
    async def open(self) -> None:
        """Connect; what can be done before the first event. What fails leaves nothing behind."""

    @abstractmethod
    async def carry(self, rate: float, count: int) -> Trial:
        """One trial; `rate` 0 is flat out. Raises AssertionError when an event was lost."""

    @abstractmethod
    async def close(self) -> None:
        """Leave nothing behind."""


@contextlib.asynccontextmanager
async def ready(ways: Iterable[Way]) -> AsyncIterator[None]:
    """All of them open; those that were are closed."""
    async with contextlib.AsyncExitStack() as stack:
        for way in ways:
            await way.open()
            stack.push_async_callback(way.close)
        yield


def check(numbers: list[int], count: int) -> None:
    """Every event once, in order."""
    assert numbers == list(range(count)), f"{len(numbers)} events came of {count}, or in disorder"
