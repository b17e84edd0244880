"""Latency per event, throughput, cold and warm start, memory: against `ssh host`, same link.

A real sshd on the loopback, the hub in this process, a CLI that dates what it says. Trials of
the two ways alternate, so that both meet the same neighbours.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from codecast_jupyter.control.actor import Actor
from codecast_jupyter.control.hub import Hub
from tests.fixtures.sshd import Client, Sshd

from .figures import Figures, median, percentile

SOURCE = Path(__file__).with_name("source.py")
ACTOR = Actor("bench", "bench")
HOST = "bench"


class Link:
    """The machine under measurement: one sshd, an ssh config, a hub."""

    def __init__(self, home: Path) -> None:
        self.client = Client(home / "client")
        self.sshd = Sshd(home / "sshd", self.client.authorized)
        self.root = home / "root"
        self.sshd.environment["CODECAST_ROOT"] = str(self.root)
        self.sshd.configure()
        self.sshd.start()
        self.client.add_host(HOST, self.sshd)
        config = home / "codecast.yaml"
        command = json.dumps([sys.executable, str(SOURCE), "acp"])
        config.write_text(f"agents:\n  source:\n    command: {command}\n")
        self.hub = Hub(config, home / "store", self.client.config)
        self.ssh = ["ssh", "-F", str(self.client.config), HOST]

    def raw(self, rate: float, count: int) -> tuple[list[float], float]:
        """Latencies in ms and events a second of `ssh host source`, read with os.read, parsed."""
        command = [*self.ssh, sys.executable, str(SOURCE), "raw", str(rate), str(count)]
        latencies: list[float] = []
        rest, first, now = b"", 0.0, 0.0
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            while data := os.read(process.stdout.fileno(), 1 << 18):
                now = time.time_ns()
                first = first or now
                lines = (rest + data).split(b"\n")
                rest = lines.pop()
                latencies.extend((now - json.loads(line)["t"]) / 1e6 for line in lines)
        return latencies, count / max((now - first) / 1e9, 1e-9)

    async def ours(self, session: str, rate: float, count: int) -> tuple[list[float], float]:
        """The same from the CLI's stdout through journal, link and store to a subscriber."""
        info = await self.hub.sessions.get(session)
        events = self.hub.feed.subscribe(session, info["last_seq"])
        text = [{"type": "text", "text": f"{rate} {count}"}]
        await self.hub.sessions.prompt(session, text, actor=ACTOR)
        latencies: list[float] = []
        first = now = 0.0
        async for batch in events:
            now = time.time_ns()
            for event in batch:
                if event["type"] == "agent_message_chunk":
                    first = first or now
                    latencies.append((now - int(event["content"]["text"].split(" ", 2)[1])) / 1e6)
            if any(event["type"] == "turn_ended" for event in batch):
                break
        await events.aclose()
        assert len(latencies) == count, f"{len(latencies)} of {count} events"
        return latencies, count / max((now - first) / 1e9, 1e-9)

    async def close(self) -> None:
        await self.hub.close()
        self.sshd.stop()


async def latency(link: Link, session: str, trials: int) -> None:
    figures = Figures("Latency per event: the CLI's stdout to a subscriber, stored on the way")
    for rate, count in ((100.0, 300), (1000.0, 2000)):
        plain, ours = await pairs(link, session, rate, count, trials)
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            figures.pair(
                f"{rate:.0f} events/s, {name}",
                median([percentile(one[0], share) for one in plain]),
                median([percentile(one[0], share) for one in ours]),
                "ms",
            )
    figures.show()


async def throughput(link: Link, session: str, trials: int) -> None:
    figures = Figures("Throughput of 200-byte events, flat out, parsed and stored exactly once")
    plain, ours = await pairs(link, session, 0, 100_000, trials)
    figures.pair(
        "events per second",
        median([one[1] for one in plain]),
        median([one[1] for one in ours]),
        "/s",
    )
    figures.show()


Trials = list[tuple[list[float], float]]


async def pairs(
    link: Link, session: str, rate: float, count: int, trials: int
) -> tuple[Trials, Trials]:
    plain: Trials = []
    ours: Trials = []
    for _ in range(trials):
        order = ["plain", "ours"]
        random.shuffle(order)
        for way in order:
            if way == "plain":
                plain.append(await asyncio.to_thread(link.raw, rate, count))
            else:
                ours.append(await link.ours(session, rate, count))
    return plain, ours


async def starts(link: Link, trials: int) -> None:
    figures = Figures("From nothing to the machine's first answer")
    plain, cold, warm = [], [], []
    machine = link.hub.machines.get(HOST)
    for _ in range(trials):
        begin = time.perf_counter()
        await asyncio.to_thread(subprocess.run, [*link.ssh, "true"], check=True)
        plain.append((time.perf_counter() - begin) * 1e3)
        for times, forget in ((cold, True), (warm, False)):
            await machine.disconnect()
            if forget:
                await asyncio.to_thread(shutil.rmtree, link.root, ignore_errors=True)
            begin = time.perf_counter()
            await machine.link()
            times.append((time.perf_counter() - begin) * 1e3)
    figures.pair("cold: never seen us (against `ssh host true`)", median(plain), median(cold), "ms")
    figures.pair("warm: the agent lies there", median(plain), median(warm), "ms")
    figures.show()


def memory(processes: list[dict[str, object]]) -> None:
    figures = Figures("Memory on the machine")
    for process in processes:
        pid = process["pid"]
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        sizes = {line.split()[0]: int(line.split()[1]) for line in rollup.splitlines()[1:]}
        figures.alone(f"{process['name']}: proportional (PSS)", sizes["Pss:"] / 1024, "MiB")
        figures.alone(f"{process['name']}: resident (RSS)", sizes["Rss:"] / 1024, "MiB")
    figures.show()


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--trials", type=int, default=5)
    trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as home:
        link = Link(Path(home))
        await link.hub.start()
        try:
            await starts(link, trials)
            info = await link.hub.sessions.start(HOST, home, cli="source", mode="ask", actor=ACTOR)
            await latency(link, info["id"], trials)
            await throughput(link, info["id"], max(3, trials // 2))
            hello = link.hub.machines.get(HOST).current.hello
            listed = await link.hub.machines.get(HOST).current.call("host/processes")
            supervisors = [p["pid"] for p in listed if p["supervisor"]]
            memory(
                [{"pid": hello["pid"], "name": "relay"}]
                + [{"pid": pid, "name": "supervisor"} for pid in supervisors]
            )
            await link.hub.sessions.destroy(info["id"], actor=ACTOR)
        finally:
            await link.close()


if __name__ == "__main__":
    asyncio.run(main())
