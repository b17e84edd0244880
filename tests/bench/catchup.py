"""Catching up: a journal that a hub has never seen, until its last event is stored.

The clock begins when the hub subscribes. Against `ssh host cat journal`, its lines parsed.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path
from typing import Any

from codecast_jupyter.control.hub import Hub

from .chorus import singing
from .figures import Plot, Result, median
from .settings import Settings
from .site import HOST, PYTHON, Site, opened

MARK_SECONDS = {100_000: 0.7}
MARK_RATE = 200_000  # stored exactly once a second
PARSE = """
import json, os, subprocess, sys, time
begin = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
rest, count, first = b"", 0, 0.0
while data := os.read(process.stdout.fileno(), 1 << 18):
    first = first or time.perf_counter()
    lines = (rest + data).split(b"\\n")
    rest = lines.pop()
    for line in lines:
        json.loads(line.split(b" ", 3)[3])
process.wait()
print(time.perf_counter() - first)
"""


async def measure(settings: Settings, home: Path) -> Result:
    result = Result()
    ours: list[tuple[int, float]] = []
    plain: list[tuple[int, float]] = []
    for count in settings.catch_up:
        async with opened(home / str(count), hub=False) as site, singing(site, 1) as chorus:
            for _ in range(0, count, 10_000):
                await chorus.say(f"fill {min(count, 10_000)}")
            trials, base = [], []
            for number in range(3 if count <= 100_000 else 1):
                base.append(await concatenated(site))
                trials.append(await _catch_up(site, count + 1, home / f"store-{count}-{number}"))
        result.add(
            f"{count:,} events into the store",
            median(trials),
            "s",
            others={"ssh host cat, parsed": median(base)},
        )
        if count in MARK_SECONDS:
            mark = MARK_SECONDS[count]
            result.add(f"{count:,} events into the store", median(trials), "s", mark=mark)
        rate = MARK_RATE if count in MARK_SECONDS else None
        speed = count / median(trials)
        result.add(f"{count:,} events: rate", speed, "events/s", mark=rate, more=True)
        ours.append((count, median(trials)))
        plain.append((count, median(base)))
    result.plots.append(
        Plot(
            "catch-up",
            "Catching up with a journal never seen",
            "events",
            "s",
            {"ours, stored": ours, "ssh host cat, parsed": plain},
            log_x=True,
            log_y=True,
        )
    )
    return result


async def concatenated(site: Site) -> float:
    """Seconds of `ssh host cat journal`, from its first byte until its last line is parsed."""
    journal = next(site.root.glob("hosts/*/sessions/*/journal"))
    command = [*PYTHON, "-c", PARSE, *site.ssh("cat", f"{journal}/*.j")]
    done = await asyncio.to_thread(
        subprocess.run, command, check=True, stdout=subprocess.PIPE, text=True
    )
    return float(done.stdout)


async def _catch_up(site: Site, last: int, store: Path) -> float:
    """A hub with an empty store meets the machine."""
    hub = Hub(site.config, store, site.client.config)
    await hub.start()
    begin = end = 0.0
    arrived = asyncio.Event()
    follow, moved = hub.mirror.follow, hub.feed.moved

    async def following(*args: Any) -> None:
        nonlocal begin
        begin = begin or time.perf_counter()
        await follow(*args)

    def heard(session: str, head: int, rows: list[Any]) -> None:
        nonlocal end
        moved(session, head, rows)
        if head >= last:
            end = time.perf_counter()
            arrived.set()

    hub.mirror.follow = following  # type: ignore[method-assign]
    hub.feed.moved = heard  # type: ignore[method-assign]
    try:
        await hub.machines.get(HOST).link()
        await arrived.wait()
        count = await hub.store.read(
            lambda db: db.execute("SELECT count(*), max(seq) FROM events").fetchone()
        )
        assert tuple(count) == (last, last), f"stored: {tuple(count)}, wanted {last}"
    finally:
        await hub.close()
    return end - begin
