"""A line that falls silent, without any sign: noticed after how long, and events again how soon."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from .chorus import Ear
from .figures import Result, median
from .settings import Settings
from .site import ACTOR, HOST, Site, opened

RTT = 50.0
RATE = 20
MARK_NOTICED, MARK_AGAIN = 2.0, 1.0


async def measure(settings: Settings, home: Path) -> Result:
    result = Result()
    outages = (1.5, 4.0, 10.0) if settings.size == "whole" else (3.0,)
    noticed: list[float] = []
    async with opened(home, RTT) as site:
        session = await site.start_session()
        for outage in outages:
            again: list[float] = []
            for _ in range(2 if settings.size == "whole" else 1):
                seen, first = await _outage(site, session, outage)
                noticed += seen
                again.append(first)
            what = f"an outage of {outage:g} s: its end until the first new event"
            result.add(what, median(again), "s", mark=MARK_AGAIN)
        await site.hub.sessions.destroy(session, actor=ACTOR)
    result.add("a silent line is noticed after", median(noticed), "s", mark=MARK_NOTICED)
    return result


async def _outage(site: Site, session: str, seconds: float) -> tuple[list[float], float]:
    """Cut the wire under a session that streams; `([noticed after], first event after)`."""
    assert site.wire is not None
    machine = site.hub.machines.get(HOST)
    text = [{"type": "text", "text": f"{RATE} {int(RATE * (seconds + 6))}"}]
    with Ear(site.hub) as ear:
        await site.hub.sessions.prompt(session, text, actor=ACTOR)
        await ear.heard(RATE)
        site.wire.cut()
        begin = time.perf_counter()
        noticed: list[float] = []
        while (passed := time.perf_counter() - begin) < seconds:
            if not noticed and machine.state != "online":
                noticed.append(passed)
            await asyncio.sleep(0.01)
        before = len(ear.latencies)
        site.wire.mend()
        begin = time.perf_counter()
        await ear.heard(before + 1)
        first = time.perf_counter() - begin
        await ear.heard(int(RATE * (seconds + 6)))
    return noticed, first
