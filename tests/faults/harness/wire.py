"""A TCP connection that can be hurt: a proxy between the hub and an sshd.

It passes bytes on, late (`delay`), not at all for a while (`stall`), or never again while
one side is left in the belief that all is well (`half_open`: no FIN, no RST). `cut` resets
every connection. Packets that are really lost are the business of `fixtures.netns`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

from .background import LOOP

PIECE = 1 << 16


class Wire:
    """`Wire(port)` listens on `port` of its own and leads to 127.0.0.1:`target`."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.delay = 0.0  # seconds, each way
        self.port = 0
        self._open = asyncio.Event()
        self._open.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._ends: dict[asyncio.StreamWriter, bool] = {}  # whether it is the hub's side
        self._forgotten: set[asyncio.StreamWriter] = set()  # half-open, until `close`
        LOOP.run(self._listen())

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _accept(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._ends[back] = True
        forth: asyncio.StreamWriter | None = None
        try:
            far, forth = await asyncio.open_connection("127.0.0.1", self.target)
            self._ends[forth] = False
            await asyncio.gather(self._pump(near, forth), self._pump(far, back))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for end in (back, forth):
                if end is not None and end not in self._forgotten:
                    self._ends.pop(end, None)
                    end.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)

        async def deliver() -> None:
            while True:
                due, data = await waiting.get()
                if due > loop.time():
                    await asyncio.sleep(due - loop.time())
                await self._open.wait()
                if not data:
                    sink.close()
                    return
                sink.write(data)
                await sink.drain()

        task = asyncio.create_task(deliver())
        try:
            while True:
                await self._open.wait()
                data = await source.read(PIECE)
                await waiting.put((loop.time() + self.delay, data))
                if not data:
                    break
            await task
        finally:
            task.cancel()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await task

    # -- what can be done to it, from any thread

    def stall(self) -> None:
        """Nothing passes; nobody is told."""
        LOOP.call(self._open.clear)

    def resume(self) -> None:
        LOOP.call(self._open.set)

    def cut(self) -> None:
        """Every connection is reset."""
        LOOP.run(self._end(half=False))

    def half_open(self) -> None:
        """The machine's side of every connection is gone; the hub's side hears nothing of it."""
        LOOP.run(self._end(half=True))

    async def _end(self, half: bool) -> None:
        for writer, hub_side in list(self._ends.items()):
            if half and hub_side:
                self._forgotten.add(writer)
                continue
            sock: socket.socket = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):  # it has ended already
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)
        for writer in self._forgotten:
            self._ends.pop(writer, None)

    def close(self) -> None:
        LOOP.run(self._close())

    async def _close(self) -> None:
        self._open.set()
        if self._server is not None:
            self._server.close()
        await self._end(half=False)
        for writer in self._forgotten:
            writer.transport.abort()
        self._forgotten.clear()
