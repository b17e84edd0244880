"""The plots as SVG, drawn by matplotlib; the same data gives the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

from .figures import Plot

mpl.use("svg")
import matplotlib.pyplot as plt

COLORS = ["#1b6ca8", "#d1495b", "#66a182", "#8d6a9f", "#edae49", "#5c677d"]
OURS = "ours"
STYLE = {
    "svg.hashsalt": "codecast",
    "svg.fonttype": "path",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
}


def draw(plot: Plot, directory: Path) -> Path:
    """`directory/<name>.svg`."""
    path = directory / f"{plot.name}.svg"
    directory.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
        try:
            (_bars if plot.kind == "bars" else _lines)(axes, plot)
            axes.set_title(plot.title, loc="left", fontsize=11)
            axes.set_xlabel(plot.x)
            axes.set_ylabel(plot.y)
            if len(plot.lines) > 1:
                axes.legend(fontsize=9)
            figure.patch.set_facecolor("white")  # readable on a dark page, too
            figure.savefig(path, metadata={"Date": None})
        finally:
            plt.close(figure)
    return path


def _color(plot: Plot, name: str) -> str:
    """Ours is always the first."""
    others = [each for each in plot.lines if not each.startswith(OURS)]
    return COLORS[0] if name.startswith(OURS) else COLORS[1 + others.index(name) % 5]


def _lines(axes: Any, plot: Plot) -> None:
    for name, points in plot.lines.items():
        wide = 2.4 if name.startswith(OURS) else 1.5
        mark = "o" if len(points) < 8 else None
        x, y = [point[0] for point in points], [point[1] for point in points]
        axes.plot(x, y, label=name, color=_color(plot, name), linewidth=wide, marker=mark)
    if plot.log_x:
        axes.set_xscale("log")
    if plot.log_y:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    for axis, log in ((axes.xaxis, plot.log_x), (axes.yaxis, plot.log_y)):
        if log:
            axis.set_major_formatter(lambda value, _: f"{value:,g}")


def _bars(axes: Any, plot: Plot) -> None:
    labels = list(dict.fromkeys(point[0] for points in plot.lines.values() for point in points))
    width = 0.8 / max(len(plot.lines), 1)
    for index, (name, points) in enumerate(plot.lines.items()):
        at = [labels.index(label) + (index + 0.5) * width - 0.4 for label, _ in points]
        bars = axes.bar(
            at, [value for _, value in points], width * 0.92, label=name, color=_color(plot, name)
        )
        axes.bar_label(bars, fmt=_short, fontsize=8, padding=1)
    axes.set_xticks(range(len(labels)), labels)
    if plot.log_y:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axes.grid(axis="x", visible=False)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"
