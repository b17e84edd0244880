"""Latency per event, by rate and round trip: from the CLI's write until it is had, which is when
the transaction that stores it is committed (raw ssh: when its reader has the bytes).

Ways take turns in an order that is shuffled anew each round; what is told is the median of the
rounds' p50 and p99. What the wire itself takes is subtracted before ratios are formed.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from .figures import Plot, Result, median, percentile
from .settings import Settings
from .site import opened
from .ways.contract import Trial, Way, ready
from .ways.forward import Forward
from .ways.ours import Ours
from .ways.raw import Raw

MARK_P50, MARK_P99, MARK_FORWARD = 2.5, 3.0, 1.0
TRICKLE = 2.0  # events a second up to which ways are measured side by side
Trials = dict[str, list[Trial]]


async def measure(settings: Settings, home: Path) -> Result:
    result = Result()
    curves: dict[str, list[tuple[float, float]]] = {}
    for rtt in settings.round_trips:
        async with opened(home / f"rtt{rtt:g}", rtt) as site:
            ways: list[Way] = [Raw(site), Ours(site), Forward(site), Forward(site, plain=True)]
            async with ready(ways):
                for rate in settings.rates:
                    trials = await rounds(ways, rate, settings, rtt)
                    _tell(result, trials, rate, rtt)
                    if rate >= 100 and not rtt:
                        for name, each in trials.items():
                            _curve(curves, f"{name}, {rate:g}/s", each)
    _plots(result, curves)
    return result


async def rounds(ways: list[Way], rate: float, settings: Settings, rtt: float) -> Trials:
    """Every way's trials at a rate. A trickle disturbs nobody: all ways at once."""
    count = settings.count(rate)
    trials: Trials = {way.name: [] for way in ways}
    if rate <= TRICKLE:
        for way, trial in zip(
            ways, await asyncio.gather(*(way.carry(rate, count) for way in ways)), strict=True
        ):
            trials[way.name].append(trial)
        return trials
    order = list(ways)
    for _ in range(settings.rounds if not rtt else settings.rounds_afar):
        random.shuffle(order)
        for way in order:
            trials[way.name].append(await way.carry(rate, count))
    return trials


def added(trials: list[Trial], share: float, rtt: float) -> float:
    """Median over rounds of a percentile, in ms beyond the wire's own delay."""
    found = median([percentile(each.latencies, share) for each in trials])
    return max(found - rtt / 2, 0.001)


def _tell(result: Result, trials: Trials, rate: float, rtt: float) -> None:
    where = f"{rate:g} events/s, round trip {rtt:g} ms"
    for label, share, mark in (("p50", 0.5, MARK_P50), ("p99", 0.99, MARK_P99)):
        values = {name: added(each, share, rtt) for name, each in trials.items()}
        ours = values.pop("ours")
        judged = mark if not rtt and rate >= 100 else None
        result.add(f"{where}: {label}", ours, "ms", others=values, mark=judged)
        if share == 0.5:
            other = {Forward.name: values[Forward.name]}
            against = f"{where}: p50 against {Forward.name}"
            result.add(against, ours, "ms", others=other, mark=MARK_FORWARD)
    if not rtt and rate >= 100:
        until = median([percentile(each.journaled, 0.5) for each in trials["ours"]])
        result.add(f"{where}: p50 of it until the journal", until, "ms")
        spent = {name: median([sum(t.cpu.values()) for t in of]) for name, of in trials.items()}
        ours = spent.pop("ours")
        result.add(f"{where}: CPU an event, all processes", ours, "µs", others=spent)


def _curve(curves: dict[str, list[tuple[float, float]]], name: str, trials: list[Trial]) -> None:
    every = [value for trial in trials for value in trial.latencies]
    shares = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995)
    curves[name] = [(percentile(every, share), share * 100) for share in shares]


def _plots(result: Result, curves: dict[str, list[tuple[float, float]]]) -> None:
    for rate in ("100/s", "1000/s"):
        lines = {name: points for name, points in curves.items() if name.endswith(f" {rate}")}
        if lines:
            result.plots.append(
                Plot(
                    f"latency-{rate.removesuffix('/s')}",
                    f"Events that arrived within a time, at {rate}, no delay on the wire",
                    "ms since the CLI wrote it",
                    "% of events",
                    {name.rpartition(",")[0]: points for name, points in lines.items()},
                    log_x=True,
                )
            )
    far: dict[str, list[tuple[str, float]]] = {}
    for figure in result.figures:
        if figure.what.startswith("100 ") and figure.what.endswith("p50"):
            trip = figure.what.partition("round trip ")[2].removesuffix(": p50")
            for name, value in {"ours": figure.ours, **figure.others}.items():
                far.setdefault(name, []).append((trip, value))
    if far:
        result.plots.append(
            Plot(
                "latency-afar",
                "Added to the wire's own delay, p50 at 100 events/s",
                "round trip",
                "ms",
                dict(far),
                kind="bars",
                log_y=True,
            )
        )
