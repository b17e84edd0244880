"""Ours: supervisor, journal, one exec channel, the hub's store. What is committed there is had."""

from __future__ import annotations

import asyncio
import json
import os
import time

from codecast_jupyter.control.ingest import Row

from .. import processes
from ..site import ACTOR, Site
from .contract import Trial, Way, check


class Ours(Way):
    name = "ours"

    def __init__(self, site: Site) -> None:
        self._site = site
        self._session = ""

    async def open(self) -> None:
        self._session = await self._site.start_session()

    async def carry(self, rate: float, count: int) -> Trial:
        hub = self._site.hub
        heard = _Heard(count)
        before = self._cost()
        told = hub.feed.moved

        def moved(session: str, head: int, rows: list[Row]) -> None:
            if session == self._session:
                heard.take(rows)
            told(session, head, rows)

        hub.feed.moved = moved  # type: ignore[method-assign]
        try:
            text = [{"type": "text", "text": f"{rate} {count}"}]
            await hub.sessions.prompt(self._session, text, actor=ACTOR)
            await heard.over.wait()
        finally:
            hub.feed.moved = told  # type: ignore[method-assign]
        after = self._cost()
        check(heard.numbers, count)
        cost = {place: (after[place] - before[place]) / count * 1e6 for place in after}
        seconds = (heard.last - heard.first) / 1e9
        return Trial(heard.latencies, seconds, cost, heard.journaled)

    def _cost(self) -> dict[str, float]:
        places = self._site.remote()
        remote = places["relay"] + places["supervisor"]
        return {
            "hub": processes.cpu([os.getpid()]),
            "sshd": processes.cpu(places["sshd"]),
            "remote": processes.cpu(remote),
        }

    async def close(self) -> None:
        await self._site.hub.sessions.destroy(self._session, actor=ACTOR)


class _Heard:
    """What the hub has committed of one trial, each event parsed, until the turn is over."""

    def __init__(self, count: int) -> None:
        self.numbers: list[int] = []
        self.latencies: list[float] = []
        self.journaled: list[float] = []
        self.first = self.last = 0  # ns
        self.over = asyncio.Event()
        self._count = count
        self._clocks = time.time_ns() - time.monotonic_ns()  # journals are dated by the wall's

    def take(self, rows: list[Row]) -> None:
        now = time.monotonic_ns()
        for row in rows:
            event = json.loads(row.body)
            if row.type == "agent_message_chunk":
                self.first, self.last = self.first or now, now
                number, when, _ = event["content"]["text"].split(" ", 2)
                self.numbers.append(int(number))
                self.latencies.append((now - int(when)) / 1e6)
                self.journaled.append((row.time * 1000 - self._clocks - int(when)) / 1e6)
        if rows[-1].type in ("turn_ended", "prompt_state") and len(self.numbers) == self._count:
            self.over.set()
