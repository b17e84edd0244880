"""Memory: of supervisor and relay on a machine, and of a server that has many machines."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from . import processes
from .chorus import singing
from .figures import Result, median
from .server import serving
from .settings import Settings
from .site import ACTOR, HOST, Site, opened

MARK_SUPERVISOR, MARK_RELAY, MARK_HUB = 3.0, 14.0, 300.0
SESSIONS = 10  # a machine
FORKED = {"whole": 20, "quick": 8, "tiny": 2}


async def measure(settings: Settings, home: Path) -> Result:
    result = Result()
    await _machine(result, settings, home / "machine")
    await _server(result, settings, home / "server")
    return result


async def _machine(result: Result, settings: Settings, home: Path) -> None:
    """One machine with supervisors whose CLI has ended its first turn."""
    async with opened(home) as site:
        await site.hub.machines.get(HOST).link()
        relay = processes.memory(site.remote()["relay"][0])
        result.add("relay, idle: resident (RSS)", relay["rss"], "MiB", mark=MARK_RELAY)
        result.add("relay, idle: proportional (PSS)", relay["pss"], "MiB")
        sessions = [await site.start_session() for _ in range(FORKED[settings.size])]
        found = [processes.memory(pid) for pid in site.remote()["supervisor"]]
        assert len(found) == len(sessions), f"{len(found)} supervisors of {len(sessions)}"
        what = f"supervisor, each of {len(found)}"
        for kind, words, mark in (
            ("pss", "proportional (PSS)", MARK_SUPERVISOR),
            ("private", "private", None),
            ("rss", "resident (RSS)", None),
        ):
            result.add(f"{what}: {words}", median([each[kind] for each in found]), "MiB", mark=mark)
        sshd = [processes.memory(pid)["pss"] for pid in site.remote()["sshd"]]
        result.add("sshd of one machine's connection (PSS)", sum(sshd), "MiB")
        for session in sessions:
            await site.hub.sessions.destroy(session, actor=ACTOR)


async def _server(result: Result, settings: Settings, home: Path) -> None:
    """Many machines (one sshd under many names, each name with a root of its own)."""
    count = settings.machines
    async with opened(home, hub=False) as site:
        roots = [home / "roots" / f"m{number}" for number in range(count)]
        _name_machines(site, roots)
        async with singing(site, count * SESSIONS, roots) as choir, serving(site) as server:
            before = processes.memory(server.pid)
            result.add("server without machines: resident (RSS)", before["rss"], "MiB")
            names = [root.name for root in roots]
            for start in range(0, count, 8):
                await asyncio.gather(*map(server.client.connect_machine, names[start : start + 8]))
            await server.sessions(count * SESSIONS)
            await choir.say("fill 20")
            await asyncio.sleep(2)
            after = processes.memory(server.pid)
    many = f"server with {count} machines and {count * SESSIONS} sessions"
    result.add(f"{many}: resident (RSS)", after["rss"], "MiB", mark=MARK_HUB)
    grown = after["private"] - before["private"]
    result.add("of that, a machine with its sessions: private", grown / count * 1024, "KiB")


def _name_machines(site: Site, roots: list[Path]) -> None:
    site.sshd.stop()
    del site.sshd.environment["CODECAST_ROOT"]
    site.sshd.configure("AcceptEnv CODECAST_ROOT")
    site.sshd.start()
    for root in roots:
        site.client.add_host(root.name, site.sshd, f"SetEnv CODECAST_ROOT={root}", trust=False)
    site.client.trust(site.sshd)
    site.config.write_text(json.dumps({}))
