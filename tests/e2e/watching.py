"""A surface that watches a session through the client, all the time and in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from codecast_jupyter.client import AsyncClient, Connection
from tests.fixtures.live import Talk, until


class Watcher:
    """`with Watcher(talk) as seen:`; `seen.events` grows."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self.events: list[dict[str, Any]] = []
        self.problem: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(30)

    def _run(self) -> None:
        self._task = self._loop.create_task(self._watch())
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except BaseException as problem:
            self.problem = problem
        finally:
            self._loop.close()

    async def _watch(self) -> None:
        server = self._talk.api.server
        async with AsyncClient(Connection(server.url, server.token), surface="lab") as client:
            async for event in client.events(self._talk.id):
                self.events.append(event)

    def up_to(self, seq: int) -> list[dict[str, Any]]:
        """What was seen, once it is that far."""

        def arrived() -> bool:
            if self.problem is not None:
                raise AssertionError("the client gave up") from self.problem
            return bool(self.events) and self.events[-1]["seq"] >= seq

        until(arrived, f"the client has seen event {seq}")
        return list(self.events)
