"""What the strict servers have in common: a thread and a loop of their own, and their end."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

T = TypeVar("T")
WITHIN = 20.0  # seconds in which the thread begins, does what it is told, and ends


class OwnThread(ABC):
    """`run` begins it; `port` is of 127.0.0.1."""

    def run(self) -> None:
        self._loop = asyncio.new_event_loop()
        ready: Future[int] = Future()
        self._thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self._thread.start()
        self.port = ready.result(WITHIN)
        self.url = f"http://127.0.0.1:{self.port}"

    def _serve(self, ready: Future[int]) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            ready.set_result(self._loop.run_until_complete(self._begin()))
            self._loop.run_forever()
            self._loop.run_until_complete(self._whole_end())
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)
        finally:
            self._loop.close()

    async def _whole_end(self) -> None:
        await self._end()
        left = asyncio.all_tasks(self._loop) - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await asyncio.sleep(0.05)  # sockets tell that they are closed

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WITHIN)

    def on_loop(self, do: Callable[[], T]) -> T:
        """What it gives there, between everything else."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(do())
            except BaseException as error:
                future.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return future.result(WITHIN)

    @abstractmethod
    async def _begin(self) -> int:
        """Listen; the port."""

    @abstractmethod
    async def _end(self) -> None:
        """Close what was opened."""


class Tornado(OwnThread):
    """Served by tornado."""

    @abstractmethod
    def routes(self) -> list[Any]: ...

    async def _begin(self) -> int:
        sockets = bind_sockets(0, "127.0.0.1")
        app = Application(self.routes(), log_function=lambda handler: None)
        self._http = HTTPServer(app, max_buffer_size=100 << 20)
        self._http.add_sockets(sockets)
        return int(sockets[0].getsockname()[1])

    async def _end(self) -> None:
        self._http.stop()
        await self._http.close_all_connections()

    def close_connections(self) -> None:
        """As a cable that is pulled."""
        asyncio.run_coroutine_threadsafe(self._http.close_all_connections(), self._loop).result(20)
