"""A `choir.py` on the machine of a site, and what of its events reaches a hub's feed."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from codecast_jupyter.control.hub import Hub
from codecast_jupyter.control.ingest import Row

from .patience import until
from .site import PYTHON, Site

CHOIR = Path(__file__).with_name("choir.py")
AGENT = Path(__file__).resolve().parents[2] / "remote_agent"


class Chorus:
    """Its sessions are `choir-0000` and so on."""

    def __init__(self, process: asyncio.subprocess.Process, count: int) -> None:
        self._process = process
        self.pid = process.pid
        self.count = count

    async def say(self, words: str) -> None:
        """A line for the choir; returns when it is done."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(words.encode() + b"\n")
        answer = await self._process.stdout.readline()
        assert answer == b"done\n", f"the choir said {answer!r} to {words!r}"


@contextlib.asynccontextmanager
async def singing(
    site: Site, count: int, roots: Sequence[Path] | None = None
) -> AsyncIterator[Chorus]:
    process = await asyncio.create_subprocess_exec(
        *site.wrap([*PYTHON, str(CHOIR), str(AGENT), str(count)]),
        *map(str, roots or [site.root]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=1 << 16,
    )
    assert process.stdout is not None
    try:
        answer = await process.stdout.readline()
        assert answer == b"ready\n", f"the choir said {answer!r}"
        yield Chorus(process, count)
    finally:
        await process.communicate(b"")


async def followed(hub: Hub, count: int) -> None:
    """Until the hub mirrors so many sessions up to what their journals have."""

    async def there() -> bool:
        found = await hub.store.read(
            lambda db: db.execute("SELECT count(*) FROM sessions WHERE cursor > 0").fetchone()[0]
        )
        return bool(found >= count)

    await until(there)


class Ear:
    """Hears every event a hub stores, without a subscriber a session: `with Ear(hub) as ear`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._moved = hub.feed.moved
        self.latencies: list[float] = []  # ms
        self.first = self.last = 0  # ns
        self._enough = asyncio.Event()
        self._wanted = 0

    def __enter__(self) -> Ear:
        self._hub.feed.moved = self._hear  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        self._hub.feed.moved = self._moved  # type: ignore[method-assign]

    def _hear(self, session: str, head: int, rows: list[Row]) -> None:
        self._moved(session, head, rows)
        now = time.monotonic_ns()
        self.first = self.first or now
        self.last = now
        for row in rows:
            if row.type == "agent_message_chunk":
                when = _when(row.body)
                self.latencies.append((now - when) / 1e6)
        if len(self.latencies) >= self._wanted:
            self._enough.set()

    async def heard(self, count: int) -> None:
        """Until so many events came."""
        self._wanted = count
        if len(self.latencies) < count:
            self._enough.clear()
            await self._enough.wait()


def _when(body: str) -> int:
    """The date in a chunk's text, cheaply: `... "text":"I WHEN PAD`."""
    return int(body.partition('"text":"')[2].split(" ", 2)[1])


def dated(event: dict[str, Any]) -> tuple[int, int]:
    """`(number, ns)` of a chunk as the API tells it."""
    number, when, _ = event["content"]["text"].split(" ", 2)
    return int(number), int(when)
