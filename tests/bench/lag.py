"""The Jupyter server's event loop with many sessions streaming to a page beside a large download.

Measured inside the server (`probe.py`): how late it calls what it was asked to call.
"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.parse
import urllib.request
from pathlib import Path

from .chorus import Chorus, singing
from .figures import Plot, Result, percentile
from .server import Server, serving
from .settings import Settings
from .site import HOST, opened

RATE = 1000  # events a second, of all sessions together
MARK_LAG = 5.0
PIECE = 256 << 10


async def measure(settings: Settings, home: Path) -> Result:
    result = Result()
    large = home / "large"
    home.mkdir(parents=True, exist_ok=True)
    with large.open("wb") as file:
        file.truncate(int(settings.transfer * settings.span * 1.5))
    curves: dict[str, list[tuple[float, float]]] = {}
    async with opened(home / "site", hub=False) as site, singing(site, settings.streaming) as choir:
        machines = json.dumps({"files": {"roots": [str(home)]}})
        async with serving(site, machines) as server:
            await server.client.connect_machine(HOST)
            await server.sessions(settings.streaming)
            readers = [
                asyncio.create_task(_read(server, f"choir-{number:04}"))
                for number in range(settings.streaming)
            ]
            try:
                for name, events, transfer in (
                    ("idle", False, False),
                    (f"{settings.streaming} sessions, {RATE} events/s", True, False),
                    ("the same beside a transfer", True, True),
                ):
                    lags, speed = await _spell(server, choir, settings, large, events, transfer)
                    mark = MARK_LAG if transfer else None
                    result.add(f"{name}: p50", percentile(lags, 0.5), "ms")
                    result.add(f"{name}: p99", percentile(lags, 0.99), "ms", mark=mark)
                    result.add(f"{name}: longest", max(lags), "ms")
                    if transfer:
                        result.add(
                            f"the transfer, asked for {settings.transfer / 1e6:g} MB/s",
                            speed / 1e6,
                            "MB/s",
                        )
                    shares = (0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999)
                    curves[name] = [(percentile(lags, each), each * 100) for each in shares]
            finally:
                for reader in readers:
                    reader.cancel()
                await asyncio.gather(*readers, return_exceptions=True)
    result.plots.append(
        Plot("lag", "Lag of the server's event loop", "ms", "% of ticks", curves, log_x=True)
    )
    return result


async def _read(server: Server, session: str) -> None:
    async for _ in server.client.events(session):
        pass


async def _spell(
    server: Server, choir: Chorus, settings: Settings, large: Path, events: bool, transfer: bool
) -> tuple[list[float], float]:
    """Lags in ms of one spell, and the transfer's bytes a second."""
    await server.lag()
    work = []
    if events:
        work.append(choir.say(f"{RATE} {int(RATE * settings.span)} 0"))
    else:
        work.append(asyncio.sleep(settings.span))
    speed = 0.0
    if transfer:
        work.append(asyncio.to_thread(_download, server, settings, large))
    found = await asyncio.gather(*work)
    if transfer:
        speed = found[1]
    lags = (await server.lag())["lags"]
    return lags, speed


def _download(server: Server, settings: Settings, large: Path) -> float:
    """Read for the spell's length, no faster than asked; bytes a second."""
    path = urllib.parse.quote(str(large))
    request = urllib.request.Request(
        f"{server.process.url}/api/codecast/v1/sessions/choir-0000/files?path={path}",
        headers={"Authorization": f"token {server.process.token}"},
    )
    begin, got = time.monotonic(), 0
    with urllib.request.urlopen(request, timeout=60) as answer:
        while (passed := time.monotonic() - begin) < settings.span:
            data = answer.read(PIECE)
            if not data:
                break
            got += len(data)
            ahead = got / settings.transfer - passed
            if ahead > 0:
                time.sleep(ahead)
    return got / (time.monotonic() - begin)
