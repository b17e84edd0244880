"""Sessions on one link: the same events a second from 1, 100 and 1,000 of them.

Their supervisors are played by one process (`choir.py`); relay, sshd and hub are real.
"""

from __future__ import annotations

import os
from pathlib import Path

from . import processes
from .chorus import Chorus, Ear, followed, singing
from .figures import Plot, Result, median, percentile
from .settings import Settings
from .site import HOST, Site, opened

RATE = 1000.0
MARK_SSHD = 1.5


async def measure(settings: Settings, home: Path) -> Result:
    result = Result()
    alone = 0.0
    lines: dict[str, list[tuple[str, float]]] = {"sshd": [], "hub": [], "relay": []}
    for number in settings.sessions:
        async with opened(home / str(number)) as site, singing(site, number) as chorus:
            await site.hub.machines.get(HOST).link()
            await followed(site.hub, number)
            found = [await _trial(site, chorus, settings) for _ in range(settings.rounds // 2 or 1)]
        label = f"{number:,} session{'s' * (number > 1)}"
        costs = {place: median([each[1][place] for each in found]) for place in lines}
        for share, name in ((0.5, "p50"), (0.99, "p99")):
            value = median([percentile(each[0], share) for each in found])
            result.add(f"{label}, {RATE:g} events/s in all: journal to store, {name}", value, "ms")
        if not alone:
            alone = costs["sshd"]
            result.add(f"{label}: sshd's CPU an event", alone, "µs")
        else:
            others = {"one session": alone}
            result.add(
                f"{label}: sshd's CPU an event", costs["sshd"], "µs", others=others, mark=MARK_SSHD
            )
        for place in ("relay", "hub"):
            result.add(f"{label}: {place}'s CPU an event", costs[place], "µs")
        for place, value in costs.items():
            lines[place].append((f"{number:,}", value))
    result.plots.append(
        Plot(
            "sessions",
            f"CPU an event by sessions on one link, {RATE:g} events/s in all",
            "sessions",
            "µs",
            dict(lines),
            kind="bars",
        )
    )
    return result


async def _trial(
    site: Site, chorus: Chorus, settings: Settings
) -> tuple[list[float], dict[str, float]]:
    count = int(RATE * min(settings.span / 4, 3))

    def cost() -> dict[str, float]:
        there = site.remote()
        return {
            "sshd": processes.cpu(there["sshd"]),
            "relay": processes.cpu(there["relay"]),
            "hub": processes.cpu([os.getpid()]),
        }

    with Ear(site.hub) as ear:  # each session's first events open files and make states
        await chorus.say(f"{RATE} {2 * chorus.count} 0")
        await ear.heard(2 * chorus.count)
    with Ear(site.hub) as ear:
        before = cost()
        await chorus.say(f"{RATE} {count} 0")
        await ear.heard(count)
        after = cost()
    assert len(ear.latencies) == count, f"{len(ear.latencies)} of {count} events"
    return ear.latencies, {place: (after[place] - before[place]) / count * 1e6 for place in after}
