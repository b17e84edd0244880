"""Flat out, events of 200 bytes a second: over the line alone, from a journal until the hub has
parsed them, against `ssh host cat`; and all the way from the CLI's stdout, parsed, and stored
exactly once where the way stores (all programs of a way share this computer's cores).
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from pathlib import Path

from .catchup import concatenated
from .chorus import singing
from .figures import Plot, Result, median
from .latency import Trials
from .settings import Settings
from .site import HOST, Site, opened
from .ways.contract import Way, ready
from .ways.forward import Forward
from .ways.ours import Ours
from .ways.raw import Raw

MARK = 1.0


async def measure(settings: Settings, home: Path) -> Result:
    result = Result()
    await _line(result, settings, home / "line")
    for rtt in settings.round_trips:
        async with opened(home / f"rtt{rtt:g}", rtt) as site:
            ways: list[Way] = [Raw(site), Ours(site), Forward(site)]
            trials: Trials = {way.name: [] for way in ways}
            async with ready(ways):
                for _ in range(max(settings.rounds // 2, 1)):
                    random.shuffle(ways)
                    for way in ways:
                        trials[way.name].append(await way.carry(0, settings.burst))
        rates = {name: median([each.rate for each in of]) for name, of in trials.items()}
        ours = rates.pop("ours")
        what = f"from the CLI into the hub's store, round trip {rtt:g} ms"
        result.add(what, ours, "events/s", others=rates, more=True)
        if not rtt:
            _cost(result, trials, settings)
    return result


async def _line(result: Result, settings: Settings, home: Path) -> None:
    ours, base = [], []
    async with opened(home) as site, singing(site, 1) as chorus:
        for _ in range(0, settings.burst, 10_000):
            await chorus.say(f"fill {min(settings.burst, 10_000)}")
        for _ in range(max(settings.rounds // 2, 1)):
            ours.append(settings.burst / await _parsed(site, settings.burst + 1))
            base.append(settings.burst / await concatenated(site))
    what, others = "from a journal to the hub, parsed", {"ssh host cat": median(base)}
    result.add(what, median(ours), "events/s", others=others, mark=MARK, more=True)


async def _parsed(site: Site, last: int) -> float:
    """Seconds from the first block of a session's journal until its last event is parsed."""
    machine = site.hub.machines.get(HOST)
    link = await machine.route.open(machine.connection.secrets.quiet, lambda text: None, False)
    first = 0.0
    over = asyncio.Event()

    def take(data: bytes) -> None:
        nonlocal first
        first = first or time.perf_counter()
        number = b""
        for line in data.splitlines():
            number, _, _, payload = line.split(b" ", 3)
            json.loads(payload)
        if int(number) >= last:
            over.set()

    try:
        await link.subscribe("choir-0000", 0, take)
        await over.wait()
        return time.perf_counter() - first
    finally:
        await link.close()


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
