"""What a part of the benchmarks found: rows of numbers, curves to draw, and words.

A `Figure` is one row: what was measured, ours, and what it is compared with in the same run.
The ratio is what counts on a computer that others use too; `mark` is the ratio or value that
we want to stay below (or above).
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


@dataclass
class Figure:
    """`others` are the ways compared, by name, in `unit` like `ours`; the first is the base of
    the ratio. `mark` judges the ratio, or the value where there is nothing to compare with."""

    what: str
    ours: float
    unit: str
    others: dict[str, float] = field(default_factory=dict)
    mark: float | None = None
    more: bool = False  # more is better

    @property
    def ratio(self) -> float | None:
        base = next(iter(self.others.values()), None)
        return self.ours / base if base else None

    @property
    def kept(self) -> bool | None:
        """Whether the mark is reached; None where there is none."""
        if self.mark is None:
            return None
        value = self.ours if self.ratio is None else self.ratio
        return value >= self.mark if self.more else value <= self.mark

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio, "kept": self.kept}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Figure:
        return cls(**{key: data[key] for key in cls.__dataclass_fields__})


@dataclass
class Plot:
    """`lines`: name -> points `(x, y)`. `kind` is `lines` or `bars` (x is then a label)."""

    name: str  # of the file
    title: str
    x: str
    y: str
    lines: dict[str, list[tuple[Any, float]]]
    kind: str = "lines"
    log_x: bool = False
    log_y: bool = False


@dataclass
class Result:
    """Of one part. `words` are sentences of its own findings; `samples` may hold raw data."""

    figures: list[Figure] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def add(self, what: str, ours: float, unit: str, **more: Any) -> Figure:
        figure = Figure(what, ours, unit, **more)
        self.figures.append(figure)
        return figure

    def to_json(self) -> dict[str, Any]:
        return {
            "figures": [each.to_json() for each in self.figures],
            "plots": [asdict(each) for each in self.plots],
            "words": self.words,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Result:
        return cls(
            [Figure.from_json(each) for each in data["figures"]],
            [Plot(**each) for each in data["plots"]],
            list(data["words"]),
        )
