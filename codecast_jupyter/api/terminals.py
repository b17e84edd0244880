"""Terminals of machines: opened, listed, closed, and shown over a WebSocket.

The socket speaks as Jupyter's own terminals do, so that JupyterLab's widget shows them:
`["stdin", text]` and `["set_size", rows, columns]` come, `["setup", {}]`, `["stdout", text]` and
`["disconnect", 1]` go; before the last comes `["ended", {}]` where the shell has ended or was
closed, which tells it from one that was lost with its connection. A page that comes back is shown
the last of what there was.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tornado.websocket import WebSocketClosedError

from ..control.terminals import Terminal
from .auth import permit
from .base import ResourceHandler, closing
from .sockets import SocketHandler

RESET = "\x1bc"  # a screen that comes back starts anew: nothing is shown twice
LARGEST = 512 << 10  # bytes of one message to a machine


class TerminalsHandler(ResourceHandler):
    @permit("read")
    async def get(self) -> None:
        self.query()
        self.answer([terminal.to_json() for terminal in self.hub.terminals.list()])

    @permit("execute")
    async def post(self) -> None:
        terminal = await self.hub.terminals.open(**self.body())
        self.answer(terminal.to_json(), 201)


class TerminalHandler(ResourceHandler):
    @permit("read")
    async def get(self, terminal: str) -> None:
        self.query()
        self.answer(self.hub.terminals.get(terminal).to_json())

    @permit("execute")
    async def delete(self, terminal: str) -> None:
        self.query()
        self.hub.terminals.get(terminal).close()
        self.done()


class TerminalSocket(SocketHandler):
    action = "execute"
    terminal: Terminal
    task: asyncio.Task[None] | None = None

    def find(self, **names: str) -> None:
        self.terminal = self.hub.terminals.get(names["terminal"])

    def open(self, *args: str, **kwargs: str) -> None:
        super().open(*args, **kwargs)
        self.task = asyncio.create_task(self._show())

    async def _show(self) -> None:
        try:
            await self._say("setup", {})
            await self._say("stdout", RESET)
            async with closing(self.terminal.watch()) as shown:
                async for text in shown:
                    await self._say("stdout", text)
            if not self.terminal.lost:
                await self._say("ended", {})
            await self._say("disconnect", 1)
            self.close()
        except WebSocketClosedError:
            return

    async def _say(self, kind: str, value: Any) -> None:
        await self.write_message(json.dumps([kind, value]))

    def on_message(self, message: str | bytes) -> None:
        try:
            kind, *values = json.loads(message)
        except ValueError:
            return
        if kind == "stdin" and values and isinstance(values[0], str):
            text = values[0]
            for start in range(0, len(text), LARGEST // 4):
                self.terminal.write(text[start : start + LARGEST // 4])
        elif kind == "set_size" and all(type(value) is int for value in values[:2]):
            self.terminal.size(*values[:2])

    def on_close(self) -> None:
        if self.task is not None:
            self.task.cancel()
