"""`codecast bots` in a thread of this process, as fast as a server that is so lets it be.

Twenty commands take a second here and half a minute at a real chat's pace.
"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

from codecast_bots.app import serve
from codecast_bots.settings import Settings
from tests.fixtures.live import until


class Inside:
    """Serves until `stop`; `start` begins another life with the same state."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        async def whole() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            await serve(self.settings, self._stop)
            # web sockets say goodbye; only the loop's own pipe is left then
            sockets: Any = self._loop._selector  # type: ignore[attr-defined]
            while len(sockets.get_map()) > 1:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

        try:
            asyncio.run(whole())
        except BaseException as error:
            self._error = error

    def stop(self) -> None:
        thread, self._thread = self._thread, None
        if thread is None:
            return
        until(lambda: self._stop or self._error, "it has begun")
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        thread.join(30)
        assert not thread.is_alive(), "it ends"
        self._loop = self._stop = None
        if self._error is not None:
            raise self._error


def settings(state: Path, world: Any, platform: Any, **more: Any) -> Settings:
    """Of one platform, before the world's server."""
    server = {"url": world.server.url, "token": world.server.token}
    return Settings({platform.name: platform}, state, **server, **more)
