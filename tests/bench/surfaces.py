"""End to end: from the CLI's stdout to a WebSocket client, and to a notebook's kernel.

A real Jupyter server; the client is this process, the kernel an ipykernel of its own that follows
the session with the blocking client. Against raw ssh in the same rounds.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager

from .chorus import dated
from .figures import Plot, Result, median, percentile
from .latency import added
from .patience import until
from .server import Server, serving
from .settings import Settings
from .site import HOST, Site, opened
from .ways.contract import Trial, Way, check, ready
from .ways.raw import Raw

MARK_P50 = 4.0
FOLLOW = """
import json, time
from codecast_jupyter.client import Client
def follow(session, after, count):
    numbers, latencies, first, now = [], [], 0, 0
    with Client() as client:
        print("following", flush=True)
        for event in client.events(session, after):
            now = time.monotonic_ns()
            if event["type"] == "agent_message_chunk":
                first = first or now
                number, when, _ = event["content"]["text"].split(" ", 2)
                numbers.append(int(number))
                latencies.append((now - int(when)) / 1e6)
            if len(numbers) >= count:
                break
    print(json.dumps({"n": numbers, "t": latencies, "seconds": (now - first) / 1e9}), flush=True)
"""


class _ToSurface(Way):
    def __init__(self, site: Site, server: Server, session: str) -> None:
        self._site, self._server, self._session = site, server, session

    async def _prompt(self, rate: float, count: int) -> None:
        await self._server.client.prompt(self._session, f"{rate} {count}")

    async def _head(self) -> int:
        return int((await self._server.client.session(self._session))["last_seq"])


class ToSocket(_ToSurface):
    name = "WebSocket client"

    async def open(self) -> None:
        """The socket is opened by each trial."""

    async def carry(self, rate: float, count: int) -> Trial:
        events = self._server.client.events(self._session, await self._head())
        numbers: list[int] = []
        latencies: list[float] = []
        first = now = 0
        asked = asyncio.create_task(self._prompt(rate, count))
        async with contextlib.aclosing(events):  # type: ignore[type-var]
            async for event in events:
                now = time.monotonic_ns()
                if event["type"] == "agent_message_chunk":
                    first = first or now
                    number, when = dated(event)  # type: ignore[arg-type]
                    numbers.append(number)
                    latencies.append((now - when) / 1e6)
                if len(numbers) >= count and event["type"] in ("turn_ended", "prompt_state"):
                    break
        await asked
        check(numbers, count)
        return Trial(latencies, (now - first) / 1e9)

    async def close(self) -> None:
        """Each trial closed its own."""


class ToKernel(_ToSurface):
    name = "kernel"

    async def open(self) -> None:
        self._manager = AsyncKernelManager(kernel_name="python3")
        await self._manager.start_kernel(env=self._server.process.environment)
        self._kernel = self._manager.client()
        self._kernel.start_channels()
        await self._kernel.wait_for_ready(timeout=60)
        await self._kernel.execute_interactive(FOLLOW, timeout=60)

    async def carry(self, rate: float, count: int) -> Trial:
        head = await self._head()
        self._kernel.execute(f"follow({self._session!r}, {head}, {count})")
        said = ""
        asked: asyncio.Task[None] | None = None
        while True:
            message = await self._kernel.get_iopub_msg(timeout=120)
            kind, content = message["msg_type"], message["content"]
            assert kind != "error", content
            if kind == "stream" and content["name"] == "stdout":
                said += content["text"]
                if asked is None:
                    asked = asyncio.create_task(self._prompt(rate, count))
            if kind == "status" and content["execution_state"] == "idle" and asked is not None:
                break
        await asked
        found: dict[str, Any] = json.loads(said.splitlines()[-1])
        check(found["n"], count)
        await self._idle()
        return Trial(found["t"], found["seconds"])

    async def _idle(self) -> None:
        """The turn's end is in the journal: the next prompt does not wait for it."""

        async def idle() -> bool:
            found = await self._server.client.session(self._session)
            return bool(found["state"]["status"] == "idle")

        await until(idle, 0.02)

    async def close(self) -> None:
        self._kernel.stop_channels()
        await self._manager.shutdown_kernel(now=True)


@contextlib.asynccontextmanager
async def _surfaces(site: Site) -> AsyncIterator[list[Way]]:
    async with serving(site) as server:
        session = await server.client.start(HOST, str(site.home), cli="source", mode="ask")
        ways: list[Way] = [Raw(site)]
        ways += [kind(site, server, session["id"]) for kind in (ToSocket, ToKernel)]
        async with ready(ways):
            yield ways
        await server.client.remove(session["id"])


async def measure(settings: Settings, home: Path) -> Result:
    result = Result()
    lines: dict[str, list[tuple[str, float]]] = {}
    async with opened(home, hub=False) as site, _surfaces(site) as ways:
        for rate in (rate for rate in settings.rates if rate >= 100):
            trials: dict[str, list[Trial]] = {way.name: [] for way in ways}
            for _ in range(max(settings.rounds // 2, 1)):
                for way in random.sample(ways, len(ways)):
                    trials[way.name].append(await way.carry(rate, settings.count(rate)))
            for label, share in (("p50", 0.5), ("p99", 0.99)):
                base = {"raw ssh": added(trials["raw ssh"], share, 0)}
                for name in ("WebSocket client", "kernel"):
                    judged = name == "WebSocket client" and share == 0.5
                    result.add(
                        f"to a {name}, {rate:g} events/s: {label}",
                        median([percentile(each.latencies, share) for each in trials[name]]),
                        "ms",
                        others=base,
                        mark=MARK_P50 if judged else None,
                    )
            for name, each in trials.items():
                lines.setdefault(name, []).append((f"{rate:g}/s", added(each, 0.5, 0)))
    result.plots.append(
        Plot("surfaces", "From the CLI to a surface, p50", "", "ms", dict(lines), kind="bars")
    )
    return result
