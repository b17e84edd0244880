"""Ours: journal, relay, one exec channel, the hub's store, a subscriber of its feed."""

from __future__ import annotations

import os
import time

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
        head = (await hub.sessions.get(self._session))["last_seq"]
        batches = hub.feed.subscribe(self._session, head)
        before = self._cost()
        text = [{"type": "text", "text": f"{rate} {count}"}]
        await hub.sessions.prompt(self._session, text, actor=ACTOR)
        numbers: list[int] = []
        latencies: list[float] = []
        first = now = 0
        try:
            async for batch in batches:
                now = time.monotonic_ns()
                for event in batch:
                    if event["type"] == "agent_message_chunk":
                        first = first or now
                        number, when, _ = event["content"]["text"].split(" ", 2)
                        numbers.append(int(number))
                        latencies.append((now - int(when)) / 1e6)
                if batch[-1]["type"] in ("turn_ended", "prompt_state") and len(numbers) == count:
                    break
        finally:
            await batches.aclose()
        after = self._cost()
        check(numbers, count)
        cost = {place: (after[place] - before[place]) / count * 1e6 for place in after}
        return Trial(latencies, (now - first) / 1e9, cost)

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
