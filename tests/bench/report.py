"""The results as a document: tables, plots, what is missed, the computer, how to repeat it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .figures import Figure
from .parts import Part
from .runner import Outcome

RESULTS = "results.json"


def document(run: dict[str, Any], parts: Sequence[Part], images: str) -> str:
    """Markdown of a run (`__main__` makes it); `images` is the way to the plots."""
    outcomes = {each["part"]: Outcome.from_json(each) for each in run["outcomes"]}
    lines = [*_opening(run), *_judged(outcomes, parts)]
    for part in parts:
        if part.name in outcomes:
            lines += _part(part, outcomes[part.name], images)
    return "\n".join(lines).rstrip() + "\n"


def _opening(run: dict[str, Any]) -> list[str]:
    computer, settings = run["computer"], run["settings"]
    return [
        "# Performance",
        "",
        "Made by `make bench`, which measures and rewrites this page (`make bench ARGS=--quick`: in"
        " some seven minutes, the whole in some twenty; `ARGS='latency lag'`: parts; `ARGS='growth"
        " --growth 7200'`: two hours). The numbers behind it:"
        " [results.json](images/performance/results.json).",
        "",
        "Everything is real: OpenSSH's `sshd`, the agent on the machine, the hub's store, a Jupyter"
        " server and a kernel where they are named. What is compared runs in the same minutes, in"
        " turns whose order is shuffled; medians are told. **Read the ratios**: milliseconds"
        " belong to the computer. *raw ssh* is `ssh host program`, read from its pipe by a program"
        " that only parses JSON and keeps nothing. *forward + SSE* is a daemon on a port of the"
        " machine, reached by a port forward, its events sent by HTTP and made durable as ours"
        " are; *as it comes* is the same without a command run first on the connection (sshd"
        " leaves Nagle's algorithm on then).",
        "",
        "| | |",
        "|---|---|",
        f"| date | {run['date']}, took {run['seconds'] / 60:.0f} minutes, {settings['size']} run |",
        f"| seed | {settings['seed']} |",
        *(f"| {name} | {value} |" for name, value in computer.items()),
        f"| load before | {run['load']} |",
        "",
        *_busy(run),
    ]


def _busy(run: dict[str, Any]) -> list[str]:
    """Word of neighbours: every step of the way waits for them, and ours has more steps."""
    # installing what it needs has just left some
    if float(run["load"]) < int(run["computer"].get("cores", "1")) * 0.75:
        return []
    return [
        "**The computer was busy with other work.** Each process on a way waits for its turn then,"
        " so ways with more processes look worse than they are: measure again on a quiet one.",
        "",
    ]


def _judged(outcomes: dict[str, Outcome], parts: Sequence[Part]) -> list[str]:
    titles = {part.name: part.title for part in parts}
    rows = []
    for name, outcome in outcomes.items():
        for figure in outcome.result.figures if outcome.result else []:
            if figure.kept is not None:
                kept = "yes" if figure.kept else "**no**"
                rows.append(
                    f"| {titles.get(name, name)}: {figure.what} | {_value(figure)} |"
                    f" {'at least' if figure.more else 'at most'} {_goal(figure)} | {kept} |"
                )
    if not rows:
        return []
    return ["## Marks", "", "| | measured | wanted | reached |", "|---|---|---|---|", *rows, ""]


def _value(figure: Figure) -> str:
    if figure.ratio is not None:
        return f"{figure.ratio:.2f} times {next(iter(figure.others))}"
    return f"{number(figure.ours)} {figure.unit}"


def _goal(figure: Figure) -> str:
    mark = f"{figure.mark:g}"
    return f"{mark} times" if figure.ratio is not None else f"{mark} {figure.unit}"


def _part(part: Part, outcome: Outcome, images: str) -> list[str]:
    lines = [f"## {part.title}", "", " ".join(part.about.split()), ""]
    if outcome.result is None:
        return [*lines, f"Not measured: {outcome.problem}.", ""]
    names: list[str] = []
    for figure in outcome.result.figures:
        names += [name for name in figure.others if name not in names]
    head = ["", "ours", *names, *(["ratio"] if names else [])]
    lines += ["| " + " | ".join(head) + " |", "|---" + "|--:" * (len(head) - 1) + "|"]
    for figure in outcome.result.figures:
        cells = [figure.what, f"{number(figure.ours)} {figure.unit}".strip()]
        for name in names:
            value = figure.others.get(name)
            cells.append("" if value is None else number(value))
        if names:
            cells.append("" if figure.ratio is None else f"{figure.ratio:.2f}")
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *(f"{words}\n" for words in outcome.result.words)]
    lines += [f"![{plot.title}]({images}/{plot.name}.svg)\n" for plot in outcome.result.plots]
    return lines


def number(value: float) -> str:
    """Three digits that count."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def write(run: dict[str, Any], parts: Sequence[Part], path: Path, images: Path) -> None:
    """Rewrite the document."""
    way = Path("images") / images.name
    path.write_text(document(run, parts, str(way)))
