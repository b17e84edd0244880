"""A picture of a run: when each session worked and waited for somebody, and what it cost."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.commands.target import writing

from .session import Session

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORKED, FAILED, WAITED, SPENT, TOKENS = "#2a78c2", "#c8372d", "#f0a30a", "#2f9e5b", "#8a8f98"
NOTHING: Mapping[str, str] = {}
QUIET = ("exited", "stopped", "failed")  # states of a session in which nothing goes on
# the unit of the axis, and from how many seconds on it is taken
UNITS = ((3600.0, "hours", 10800.0), (60.0, "minutes", 300.0), (1.0, "seconds", 0.0))
SMALL = 8  # points


class Span(NamedTuple):
    """Seconds since 1970; `kind` is worked, failed or waited."""

    begin: float
    end: float
    kind: str


class Lane(NamedTuple):
    """One session: its spans, and its cost and output tokens as they grew (time, amount)."""

    label: str
    spans: Sequence[Span]
    cost: Sequence[tuple[float, float]]
    tokens: Sequence[tuple[float, float]]


class Scale(NamedTuple):
    """The axis of time: from `zero` to `end`, in a `name`d unit of so many seconds."""

    zero: float
    end: float
    unit: float
    name: str

    @classmethod
    def of(cls, lanes: Sequence[Lane]) -> Scale:
        zero = min((span.begin for one in lanes for span in one.spans), default=0.0)
        end = max((span.end for one in lanes for span in one.spans), default=zero)
        unit, name = next((unit, name) for unit, name, least in UNITS if end - zero >= least)
        return cls(zero, end, unit, name)

    def at(self, when: float) -> float:
        return (when - self.zero) / self.unit

    def length(self, seconds: float) -> float:
        """Of a bar, which is seen however short it was."""
        return max(seconds, 0.002 * (self.end - self.zero)) / self.unit


class Picture:
    """Shown by being the last line of a cell; `figure` is matplotlib's."""

    def __init__(self, figure: Figure, lanes: Sequence[Lane]) -> None:
        self.figure = figure
        self.lanes = lanes

    def save(self, path: str | Path) -> Path:
        """PNG, SVG or PDF, by the file's name."""
        target = Path(path).expanduser()
        with writing(target, "Name another place: picture.save(path)."):
            self.figure.savefig(target, bbox_inches="tight")
        return target

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
        return buffer.getvalue()

    def __repr__(self) -> str:
        return f"<Picture of {len(self.lanes)} sessions>"


def lane(label: str, events: Iterable[Mapping[str, Any]], now: float | None = None) -> Lane:
    """What a session's events tell of its time. What still goes on ends `now`, or with the last
    event.
    """
    spans: list[Span] = []
    cost: list[tuple[float, float]] = []
    used: list[tuple[float, float]] = []
    began: float | None = None
    asked: dict[str, float] = {}
    total = last = 0.0
    for event in events:
        kind, last = event["type"], float(event["time"])
        if kind == "turn_started":
            began = last
        elif kind == "turn_ended":
            bad = event.get("reason") != "end_turn"
            spans.append(
                Span(last if began is None else began, last, "failed" if bad else "worked")
            )
            began = None
            total += float((event.get("usage") or {}).get("output_tokens") or 0)
            used.append((last, total))
        elif kind == "request_opened":
            asked[event["request"]] = last
        elif kind in ("request_resolved", "request_withdrawn") and event["request"] in asked:
            spans.append(Span(asked.pop(event["request"]), last, "waited"))
        elif kind == "usage_update" and event.get("cost_usd") is not None:
            cost.append((last, float(event["cost_usd"])))
        elif kind == "session_state" and event.get("state") in QUIET:
            now = None
    last = last if now is None else max(last, now)
    if began is not None:
        spans.append(Span(began, last, "worked"))
    spans += [Span(when, last, "waited") for when in asked.values()]
    return Lane(label, spans, cost, used)


def timeline(sessions: Sequence[Session], labels: Mapping[str, str] = NOTHING) -> Picture:
    """`labels` maps session ids to words. Raises `not_supported` without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise CodecastError(
            "not_supported",
            "Pictures need matplotlib, which is not installed in this kernel's environment.",
            "%pip install matplotlib",
        ) from None
    now = time.time()
    lanes = [lane(labels.get(s.id) or s.name, s.history(), now) for s in sessions]
    figure = Figure(figsize=(9, 1.9 + 0.27 * max(len(lanes), 2)))
    _draw(figure, lanes)
    return Picture(figure, lanes)


def _draw(figure: Figure, lanes: Sequence[Lane]) -> None:
    """The lanes; below them what is known of cost and tokens, on one time."""
    sums = [
        (SPENT, "US dollars", [one.cost for one in lanes if one.cost]),
        (TOKENS, "output tokens", [one.tokens for one in lanes if any(n for _, n in one.tokens)]),
    ]
    sums = [known for known in sums if known[2]]
    scale = Scale.of(lanes)
    if sums:
        heights = [0.27 * max(len(lanes), 2) + 0.2, 1.2]
        top, below = figure.subplots(2, 1, sharex=True, height_ratios=heights)
        for number, (colour, label, amounts) in enumerate(sums):
            axes = below.twinx() if number else below
            _grow(axes, amounts, scale, colour, label)
    else:
        top = below = figure.subplots()
    _lanes(top, lanes, scale)
    below.set_xlabel(scale.name, fontsize=SMALL)
    for axes in figure.axes:
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)


def _lanes(axes: Any, lanes: Sequence[Lane], scale: Scale) -> None:
    from matplotlib.patches import Patch

    colours = {"worked": WORKED, "failed": FAILED, "waited": WAITED}
    words = {
        "worked": "worked",
        "waited": "waited for somebody",
        "failed": "failed or interrupted",
    }
    for number, one in enumerate(lanes):
        for kind, colour in colours.items():  # what waited lies over what worked
            spans = [span for span in one.spans if span.kind == kind]
            bars = [(scale.at(span.begin), scale.length(span.end - span.begin)) for span in spans]
            axes.broken_barh(bars, (number - 0.36, 0.72), color=colour, linewidth=0)
    axes.set_yticks(range(len(lanes)), [one.label for one in lanes], fontsize=SMALL)
    axes.set_ylim(len(lanes) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=SMALL)
    axes.grid(axis="x", color="#00000018")
    axes.set_axisbelow(True)
    there = {span.kind for one in lanes for span in one.spans}
    handles = [Patch(color=colours[k], label=words[k]) for k in words if k in there]
    if handles:
        axes.legend(
            handles=handles,
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=3,
            frameon=False,
            fontsize=SMALL,
        )


def _grow(axes: Any, lanes: Sequence[Any], scale: Scale, colour: str, label: str) -> None:
    """The sum over all sessions, each of which tells its own total."""
    now: dict[int, float] = {}
    x, y = [0.0], [0.0]
    for when, number, amount in sorted(
        (when, number, amount) for number, one in enumerate(lanes) for when, amount in one
    ):
        now[number] = amount
        x.append(scale.at(when))
        y.append(sum(now.values()))
    x.append(scale.at(scale.end))
    y.append(y[-1])
    style = "--" if colour == TOKENS else "-"  # both are seen where one lies on the other
    axes.step(x, y, where="post", color=colour, linewidth=1.6, linestyle=style)
    axes.set_ylabel(label, color=colour, fontsize=SMALL)
    axes.tick_params(axis="x", labelsize=SMALL)
    axes.tick_params(axis="y", labelsize=SMALL, colors=colour, length=0)
    axes.set_ylim(bottom=0)
