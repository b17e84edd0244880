"""How others do it: a daemon on a port of the machine, a port forward, server-sent events.

Durable like ours: numbered and journaled there, here one transaction of SQLite for events and
cursor before an event counts as had. Kindly: the commit runs in the loop, without a thread.

`plain` is the connection as it comes: a forward alone, on which sshd leaves Nagle's algorithm
on. Otherwise a command was run on it first, which switches that off for the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import asyncssh

from .. import processes
from ..site import Site
from .contract import Trial, Way, check

DAEMON = Path(__file__).with_name("daemon.py")


class Forward(Way):
    name = "forward + SSE"

    def __init__(self, site: Site, plain: bool = False) -> None:
        self._site = site
        self._plain = plain
        if plain:
            self.name = "forward + SSE, as it comes"
        self._home = site.home / f"forward-{'plain' if plain else 'nodelay'}"

    async def open(self) -> None:
        self._home.mkdir()
        async with contextlib.AsyncExitStack() as made:
            await self._open(made)
            self._made = made.pop_all()

    async def _open(self, made: contextlib.AsyncExitStack) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._site.wrap([sys.executable, str(DAEMON), str(self._home)]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        made.push_async_callback(self._process.communicate, b"")
        assert self._process.stdout is not None
        port = json.loads(await self._process.stdout.readline())["port"]
        before = set(self._site.remote()["sshd"])
        sshd, client = self._site.sshd, self._site.client
        self._ssh = await asyncssh.connect(
            sshd.address,
            sshd.port,
            username="root",
            client_keys=[str(client.key)],
            known_hosts=str(client.known_hosts),
            config=None,
            agent_path=None,
            encryption_algs=["aes128-gcm@openssh.com"],
        )
        made.push_async_callback(self._ssh.wait_closed)
        made.callback(self._ssh.close)
        if not self._plain:
            await self._ssh.run("true")
        self._sshd = [pid for pid in self._site.remote()["sshd"] if pid not in before]
        listener = await self._ssh.forward_local_port("127.0.0.1", 0, "127.0.0.1", port)
        self._url = f"http://127.0.0.1:{listener.get_port()}"
        session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        self._http = await made.enter_async_context(session)
        self._db = sqlite3.connect(self._home / "store.db", isolation_level=None)
        made.callback(self._db.close)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA wal_autocheckpoint = 8192")
        self._db.execute(
            "CREATE TABLE events (session INTEGER, seq INTEGER, body TEXT,"
            " PRIMARY KEY (session, seq)) WITHOUT ROWID"
        )
        self._db.execute("CREATE TABLE cursors (session INTEGER PRIMARY KEY, seq INTEGER)")
        self._db.execute("INSERT INTO cursors VALUES (1, 0)")

    async def carry(self, rate: float, count: int) -> Trial:
        numbers: list[int] = []
        latencies: list[float] = []
        before = self._cost()
        first = now = 0
        asked = {"rate": rate, "count": count}
        async with self._http.post(f"{self._url}/run", json=asked) as answer:
            after = (await answer.json())["after"]
        async with self._http.get(f"{self._url}/events", params={"after": after}) as answer:
            rest = b""
            async for data in answer.content.iter_any():
                frames = (rest + data).split(b"\n\n")
                rest = frames.pop()
                dated = self._store(frames)
                now = time.monotonic_ns()
                first = first or now
                for number, when in dated:
                    numbers.append(number)
                    latencies.append((now - when) / 1e6)
                if len(numbers) >= count:
                    break
        check(numbers, count)
        spent = self._cost()
        cost = {place: (spent[place] - before[place]) / count * 1e6 for place in spent}
        return Trial(latencies, (now - first) / 1e9, cost)

    def _store(self, frames: list[bytes]) -> list[tuple[int, int]]:
        rows, dated = [], []
        for frame in frames:
            id, _, data = frame.partition(b"\n")
            body = data.removeprefix(b"data: ")
            event = json.loads(body)
            rows.append((1, int(id.removeprefix(b"id: ")), body.decode()))
            dated.append((event["i"], event["t"]))
        if rows:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
            self._db.execute("UPDATE cursors SET seq = ? WHERE session = 1", (rows[-1][1],))
            self._db.execute("COMMIT")
        return dated

    def _cost(self) -> dict[str, float]:
        daemon = [self._process.pid]
        return {
            "hub": processes.cpu([os.getpid()]),
            "sshd": processes.cpu(self._sshd),
            "remote": processes.cpu(daemon),
        }

    async def close(self) -> None:
        await self._made.aclose()
