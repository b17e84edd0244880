"""Flat out: events of 200 bytes a second, from the CLI's stdout, parsed, and stored exactly once
where the way stores."""

from __future__ import annotations

import random
from pathlib import Path

from .figures import Plot, Result, median
from .latency import Trials
from .settings import Settings
from .site import opened
from .ways.contract import Way
from .ways.forward import Forward
from .ways.ours import Ours
from .ways.raw import Raw


async def measure(settings: Settings, home: Path) -> Result:
    result = Result()
    for rtt in settings.round_trips:
        async with opened(home / f"rtt{rtt:g}", rtt) as site:
            ways: list[Way] = [Raw(site), Ours(site), Forward(site)]
            trials: Trials = {way.name: [] for way in ways}
            try:
                for way in ways:
                    await way.open()
                for _ in range(max(settings.rounds // 2, 1)):
                    random.shuffle(ways)
                    for way in ways:
                        trials[way.name].append(await way.carry(0, settings.burst))
            finally:
                for way in ways:
                    await way.close()
        rates = {name: median([each.rate for each in of]) for name, of in trials.items()}
        ours = rates.pop("ours")
        mark = 1.0 if not rtt else None
        result.add(
            f"to the hub, stored, round trip {rtt:g} ms",
            ours,
            "events/s",
            others=rates,
            mark=mark,
            more=True,
        )
        if not rtt:
            _cost(result, trials, settings)
    return result


def _cost(result: Result, trials: Trials, settings: Settings) -> None:
    for place in ("hub", "sshd", "remote"):
        spent = {
            name: median([each.cpu.get(place, 0.0) for each in of]) for name, of in trials.items()
        }
        ours = spent.pop("ours")
        result.add(f"CPU an event, flat out: {place}", ours, "µs", others=spent)
    lines = {
        name: [
            (place, median([each.cpu.get(place, 0.0) for each in of]))
            for place in ("hub", "sshd", "remote")
        ]
        for name, of in trials.items()
    }
    result.plots.append(
        Plot(
            "cpu-flat-out",
            f"CPU an event, {settings.burst:,} events flat out",
            "",
            "µs",
            dict(lines),
            kind="bars",
        )
    )
