"""Growth: memory and descriptors of server, relay and supervisor under events without end.

Turns of the source follow one another; the first third of the time is warming up. What is told
is the slope of the rest, an hour; of a shorter run, what there is more at its end.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from . import processes
from .figures import Plot, Result
from .patience import until
from .server import Server, serving
from .settings import Settings
from .site import HOST, opened

RATE = 500
TURN = 1000  # events
MARK_MIB = 20.0  # an hour


async def measure(settings: Settings, home: Path) -> Result:
    result = Result()
    curves: dict[str, list[tuple[float, float]]] = {"server": [], "relay": [], "supervisor": []}
    descriptors: dict[str, list[int]] = {name: [] for name in curves}
    async with opened(home, hub=False) as site, serving(site) as server:
        made = await server.client.start(HOST, str(site.home), cli="source", mode="ask")
        session = made["id"]
        there = site.remote()
        pids = {
            "server": server.pid,
            "relay": there["relay"][0],
            "supervisor": there["supervisor"][0],
        }
        begin = time.monotonic()
        turns = 0
        while (passed := time.monotonic() - begin) < settings.growth:
            for name, pid in pids.items():
                curves[name].append((passed / 60, processes.memory(pid)["rss"]))
                descriptors[name].append(len(list(Path(f"/proc/{pid}/fd").iterdir())))
            await server.client.prompt(session, f"{RATE} {TURN}")
            turns += 1
            await until(partial(_over, server, session, turns), 0.1)
        await server.client.remove(session)
    hours = settings.growth / 3600
    for name, points in curves.items():
        rest = points[len(points) // 3 :]
        if hours >= 0.5:
            result.add(f"{name}: memory an hour", slope(rest) * 60, "MiB", mark=MARK_MIB)
        else:  # caches fill with the first 50,000 events: no slope of an hour
            result.add(f"{name}: memory more at the end", rest[-1][1] - rest[0][1], "MiB")
        more = descriptors[name][-1] - descriptors[name][len(descriptors[name]) // 3]
        result.add(f"{name}: descriptors more at the end", float(more), "")
    result.words.append(f"{turns * TURN:,} events in {settings.growth / 60:g} minutes.")
    result.plots.append(Plot("growth", "Memory over time (RSS)", "minutes", "MiB", curves))
    return result


async def _over(server: Server, session: str, turns: int) -> bool:
    state = (await server.client.session(session))["state"]
    return bool(state["turns"] >= turns and state["status"] == "idle")


def slope(points: list[tuple[float, float]]) -> float:
    """Of the line that fits best; 0 for less than two points."""
    if len(points) < 2:
        return 0.0
    x = sum(point[0] for point in points) / len(points)
    y = sum(point[1] for point in points) / len(points)
    spread = sum((point[0] - x) ** 2 for point in points)
    return sum((p[0] - x) * (p[1] - y) for p in points) / spread if spread else 0.0
