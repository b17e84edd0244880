"""The parts of the benchmarks, in the order of a run and of the document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, cast

from .figures import Result
from .settings import Settings

Measure = Callable[[Settings, Path], Awaitable[Result]]


class Part(NamedTuple):
    """`deadline` in seconds, of a whole run; others have a share of it."""

    name: str  # of its module
    title: str
    deadline: float

    def measure(self) -> Measure:
        return cast(Measure, import_module(f"tests.bench.{self.name}").measure)

    @property
    def about(self) -> str:
        """How it is measured: its module's docstring."""
        return (import_module(f"tests.bench.{self.name}").__doc__ or "").strip()

    def limit(self, settings: Settings) -> float:
        share = {"whole": 1.0, "quick": 0.4, "tiny": 0.25}[settings.size]
        growing = settings.growth if self.name == "growth" else 0.0
        return self.deadline * share + growing


PARTS = [
    Part("latency", "Latency per event", 800),
    Part("hops", "Where the time goes", 120),
    Part("throughput", "Throughput, flat out", 300),
    Part("sessions", "Many sessions on one link", 300),
    Part("surfaces", "To a WebSocket client and to a kernel", 300),
    Part("browser", "A long session in the browser", 420),
    Part("starts", "Connecting", 240),
    Part("outage", "Silent lines", 180),
    Part("catchup", "Catching up", 240),
    Part("lag", "The server's event loop under load", 240),
    Part("transfer", "Files", 120),
    Part("memory", "Memory", 240),
    Part("growth", "Growth over time", 120),
]


def named(names: list[str]) -> list[Part]:
    """Raises KeyError for a name that is none."""
    every = {part.name: part for part in PARTS}
    return [every[name] for name in names] if names else list(PARTS)
