"""Measure codecast against plain ssh and against a daemon behind a port forward (`make bench`).

    python -m tests.bench [PART ...] [--quick | --tiny] [--growth SECONDS] [--seed N] [--output DIR]

Writes docs/performance.md, its plots and results.json below docs/images/performance; with
--output all of it to a directory instead. Parts that were not run keep their last results.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from . import computer, plots, report
from .parts import PARTS, named
from .runner import ROOT, Outcome, run
from .settings import SIZES, Settings


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("parts", nargs="*", help=", ".join(part.name for part in PARTS))
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const="quick")
    size.add_argument("--tiny", dest="size", action="store_const", const="tiny")
    parser.add_argument("--growth", type=float, help="seconds that memory is watched")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="a directory instead of docs")
    asked = parser.parse_args(words)
    try:
        parts = named(asked.parts)
    except KeyError as error:
        parser.error(f"there is no part {error}: {', '.join(part.name for part in PARTS)}")
    settings = SIZES[asked.size or "whole"](asked.seed or random.randrange(1, 1 << 31))
    if asked.growth:
        settings = dataclasses.replace(settings, growth=asked.growth)
    docs: Path = asked.output or ROOT / "docs"
    docs.mkdir(parents=True, exist_ok=True)
    images = docs / "images" / "performance"
    # only a whole run's numbers are completed part by part
    before = _before(images) if settings.size == "whole" else {}
    return _run(parts, settings, docs / "performance.md", images, before)


def _before(images: Path) -> dict[str, Any]:
    """The outcomes of the last run, by part."""
    try:
        last = json.loads((images / report.RESULTS).read_text())
        if last["settings"]["size"] != "whole":
            return {}
        return {each["part"]: each for each in last["outcomes"]}
    except (OSError, ValueError, KeyError):
        return {}


def _run(
    parts: list[Any], settings: Settings, path: Path, images: Path, before: dict[str, Any]
) -> int:
    console = Console()
    begin = time.monotonic()
    load = f"{os.getloadavg()[0]:.2f}"
    outcomes = dict(before)
    failed = []
    for part in parts:
        console.print(f"[bold]{part.title}[/bold] ({part.name})", highlight=False)
        outcome = run(part, settings)
        show(console, outcome)
        outcomes[part.name] = outcome.to_json()
        failed += [part.name] if outcome.result is None else []
        order = [each.name for each in PARTS]
        told = {
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "seconds": round(time.monotonic() - begin),
            "load": load,
            "computer": computer.describe(),
            "settings": settings.to_json(),
            "outcomes": sorted(outcomes.values(), key=lambda each: order.index(each["part"])),
        }
        _write(told, path, images)  # after each part: a run that is stopped has told what it has
    console.print(f"{path} ({time.monotonic() - begin:.0f} s)", highlight=False)
    if failed:
        console.print(f"[red]not measured: {', '.join(failed)}[/red]")
    return 1 if failed else 0


def _write(told: dict[str, Any], path: Path, images: Path) -> None:
    images.mkdir(parents=True, exist_ok=True)
    (images / report.RESULTS).write_text(json.dumps(told, indent=1) + "\n")
    for each in told["outcomes"]:
        outcome = Outcome.from_json(each)
        for plot in outcome.result.plots if outcome.result else []:
            plots.draw(plot, images)
    report.write(told, PARTS, path, images)


def show(console: Console, outcome: Outcome) -> None:
    """What one part found."""
    if outcome.result is None:
        console.print(f"  [red]not measured: {outcome.problem}[/red]", highlight=False)
        return
    table = Table("", "ours", "compared with", "ratio", "mark", title_justify="left")
    for figure in outcome.result.figures:
        others = ", ".join(
            f"{name} {report.number(value)}" for name, value in figure.others.items()
        )
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        mark = {None: "", True: "[green]kept[/green]", False: "[red]missed[/red]"}[figure.kept]
        table.add_row(
            figure.what, f"{report.number(figure.ours)} {figure.unit}", others, ratio, mark
        )
    console.print(table)
    for words in outcome.result.words:
        console.print(f"  {words}", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
