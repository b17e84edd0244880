"""From nothing to the machine's first answer: cold (it has never seen us) and warm, by round trip,
against `ssh host true`; and a connection killed under a session until events flow again."""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import time
from pathlib import Path

from .figures import Plot, Result, median
from .settings import Settings
from .site import ACTOR, HOST, Site, opened

MARK_COLD, MARK_WARM = 1.25, 0.9
FAR = {"whole": (0, 50, 100), "quick": (0, 50), "tiny": (0,)}


async def measure(settings: Settings, home: Path) -> Result:
    result = Result()
    lines: dict[str, list[tuple[str, float]]] = {"ssh host true": [], "cold": [], "warm": []}
    for rtt in FAR[settings.size]:
        times: dict[str, list[float]] = {"ssh host true": [], "cold": [], "warm": [], "again": []}
        async with opened(home / f"rtt{rtt}", rtt) as site:
            await site.hub.machines.get(HOST).link()
            session = await site.start_session()
            for _ in range(max(settings.rounds // 2, 1)):
                order = ["plain", "hub"]
                random.shuffle(order)
                for way in order:
                    if way == "plain":
                        times["ssh host true"].append(await _plain(site))
                    else:
                        times["again"].append(await _killed(site, session))
                        times["warm"].append(await _attach(site, forget=False))
            await site.hub.sessions.destroy(session, actor=ACTOR)
            for _ in range(max(settings.rounds // 2, 1)):
                times["cold"].append(await _attach(site, forget=True))
        base = {"ssh host true": median(times["ssh host true"])}
        for name, words, mark in (
            ("cold", "cold start, agent sent", MARK_COLD),
            ("warm", "warm attach", MARK_WARM if rtt else None),
            ("again", "connection killed until an answer again", None),
        ):
            value = median(times[name])
            result.add(f"{words}, round trip {rtt} ms", value, "ms", others=base, mark=mark)
        for name in lines:
            lines[name].append((f"{rtt} ms", median(times[name])))
    result.plots.append(
        Plot(
            "starts",
            "From nothing to the first answer",
            "round trip",
            "ms",
            dict(lines),
            kind="bars",
        )
    )
    return result


async def _plain(site: Site) -> float:
    begin = time.perf_counter()
    await asyncio.to_thread(subprocess.run, site.ssh("true"), check=True)
    return (time.perf_counter() - begin) * 1e3


async def _attach(site: Site, forget: bool) -> float:
    machine = site.hub.machines.get(HOST)
    await machine.disconnect()
    if forget:
        await asyncio.to_thread(shutil.rmtree, site.root, ignore_errors=True)
    begin = time.perf_counter()
    await machine.link()
    return (time.perf_counter() - begin) * 1e3


async def _killed(site: Site, session: str) -> float:
    """The connection dies under a living session; until the machine answers for it again."""
    machine = site.hub.machines.get(HOST)
    link = await machine.link()
    begin = time.perf_counter()
    site.sshd.signal_connections(9)
    await link.closed
    again = await machine.link()
    found = await site.hub.sessions.find(session)
    await site.hub.mirror.follow(again, session, found.num)  # waits where it is under way
    return (time.perf_counter() - begin) * 1e3
