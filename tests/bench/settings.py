"""How much a run does: the whole, `--quick`, or `--tiny` (which proves that the parts work)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Settings:
    """`rounds` a way is measured; `share` of the whole run's amounts; times in seconds."""

    size: str
    seed: int
    rounds: int
    rounds_afar: int
    rates: tuple[float, ...]
    round_trips: tuple[float, ...]  # ms
    burst: int  # events of a trial flat out
    catch_up: tuple[int, ...]
    sessions: tuple[int, ...]
    streaming: int  # sessions beside a transfer
    transfer: float  # bytes/s
    span: float  # of a measurement that takes time by its nature
    machines: int
    growth: float  # how long memory is watched

    def count(self, rate: float) -> int:
        """Events of one trial at a rate."""
        if not rate:
            return self.burst
        return max(int(rate * min(self.span / 2, 200 / rate if rate < 500 else 2)), 5)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def whole(seed: int) -> Settings:
    return Settings(
        "whole",
        seed,
        rounds=10,
        rounds_afar=3,
        rates=(1, 100, 1000),
        round_trips=(0, 50, 150),
        burst=100_000,
        catch_up=(10_000, 100_000, 1_000_000),
        sessions=(1, 100, 1000),
        streaming=100,
        transfer=50e6,
        span=20,
        machines=50,
        growth=60,
    )


def quick(seed: int) -> Settings:
    return Settings(
        "quick",
        seed,
        rounds=3,
        rounds_afar=1,
        rates=(100, 1000),
        round_trips=(0, 50),
        burst=50_000,
        catch_up=(10_000, 100_000),
        sessions=(1, 100),
        streaming=100,
        transfer=50e6,
        span=6,
        machines=10,
        growth=10,
    )


def tiny(seed: int) -> Settings:
    return Settings(
        "tiny",
        seed,
        rounds=1,
        rounds_afar=1,
        rates=(1000,),
        round_trips=(0,),
        burst=2000,
        catch_up=(1000,),
        sessions=(1, 3),
        streaming=3,
        transfer=5e6,
        span=1,
        machines=2,
        growth=2,
    )


SIZES = {"whole": whole, "quick": quick, "tiny": tiny}
