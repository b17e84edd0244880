"""Medians and tails, and the table they are printed in."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


class Figures:
    """Rows of `what, plain ssh, ours`; the ratio is what counts on a shared machine."""

    def __init__(self, title: str) -> None:
        self.table = Table("", "plain ssh", "ours", "ratio", title=title, title_justify="left")

    def pair(self, what: str, plain: float, ours: float, unit: str) -> None:
        self.table.add_row(
            what, f"{plain:,.2f} {unit}", f"{ours:,.2f} {unit}", f"{ours / plain:.2f}"
        )

    def alone(self, what: str, ours: float, unit: str) -> None:
        self.table.add_row(what, "", f"{ours:,.2f} {unit}", "")

    def show(self) -> None:
        Console().print(self.table)
