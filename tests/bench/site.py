"""What is measured: one sshd, behind a wire of some length, an ssh config, a hub.

Everything that runs on the machine has MARK in its environment, so that whoever ends a run
finds what is left of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from codecast_jupyter.control.actor import Actor
from codecast_jupyter.control.hub import Hub
from tests.fixtures.sshd import Client, Sshd

from . import processes
from .network import Wire

MARK = "CODECAST_BENCH"  # environment variable: the run
ACTOR = Actor("bench", "bench")
HOST = "bench"
SOURCE = Path(__file__).with_name("source.py")
PYTHON = [sys.executable, "-I", "-S"]


class Site:
    """Use `opened`. `rtt` in ms; `hosts` are further names of the same machine, each with
    sessions of its own where `roots` is set."""

    def __init__(self, home: Path, wire: Wire | None) -> None:
        self.home = home
        self.rtt = wire.rtt if wire else 0.0
        self.wire = wire
        self.client = Client(home / "client")
        self.sshd = Sshd(
            home / "sshd",
            self.client.authorized,
            address=wire.address if wire else "127.0.0.1",
            wrap=wire.wrap if wire else (),
            config=["MaxSessions 1200"],
        )
        self.root = home / "root"
        self.sshd.environment["CODECAST_ROOT"] = str(self.root)
        self.sshd.environment[MARK] = os.environ.get(MARK, "1")
        self.sshd.configure()
        self.client.add_host(HOST, self.sshd)
        self.config = home / "codecast.yaml"
        command = json.dumps([*PYTHON, str(SOURCE), "acp"])
        self.config.write_text(f"agents:\n  source:\n    command: {command}\n")
        self.hub = Hub(self.config, home / "store", self.client.config)

    def ssh(self, *words: str) -> list[str]:
        """`ssh` to the machine."""
        return ["ssh", "-F", str(self.client.config), "-o", "BatchMode=yes", HOST, *words]

    def wrap(self, words: Sequence[str]) -> list[str]:
        """A command as it runs on the machine, without ssh."""
        return [*(self.wire.wrap if self.wire else []), *words]

    async def start_session(self) -> str:
        """A session of the source; its id."""
        info = await self.hub.sessions.start(
            HOST, str(self.home), cli="source", mode="ask", actor=ACTOR
        )
        return str(info["id"])

    def remote(self) -> dict[str, list[int]]:
        """Processes on the machine by kind: `sshd`, `relay`, `supervisor`, `rest`; without the
        sources, which are the same in every way."""
        found: dict[str, list[int]] = {"sshd": [], "relay": [], "supervisor": [], "rest": []}
        kinds = {"sshd": "sshd", "codecast-relay": "relay", "codecast-sup": "supervisor"}
        below = {process.pid for process in self.sshd.processes()}
        below |= set(self.supervisors())
        for process in processes.living(below):
            kind = kinds.get(processes.name(process), "rest")
            if kind != "rest" or str(SOURCE) not in processes.words(process):
                found[kind].append(process.pid)
        return found

    def supervisors(self) -> list[int]:
        pids = []
        for path in self.root.glob("hosts/*/sessions/*/lock"):
            with contextlib.suppress(OSError, ValueError):
                pids.append(int(path.read_text()))
        return [pid for pid in pids if processes.psutil.pid_exists(pid)]


@contextlib.asynccontextmanager
async def opened(home: Path, rtt: float = 0.0, hub: bool = True) -> AsyncIterator[Site]:
    """A site that runs; nothing of it is left afterwards. Raises Unavailable."""
    home.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        wire = stack.enter_context(Wire(home, rtt)) if rtt else None
        site = Site(home, wire)
        site.sshd.start()
        try:
            if hub:
                await site.hub.start()
            try:
                yield site
            finally:
                if hub:
                    await site.hub.close()
        finally:
            site.sshd.stop()
