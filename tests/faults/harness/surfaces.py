"""What each surface was shown, kept by the surface itself and judged on arrival.

`Page` is a browser page: one raw WebSocket with every session on it, which comes back by
itself after the last event it has. `Reader` reads one session through the product's client.
`Shown` is what one of them saw of one session; a repetition or a hole is noted at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import zlib
from collections.abc import Callable
from typing import Any

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.client.client import AsyncClient
from codecast_jupyter.client.discovery import Connection

from .background import LOOP

Json = dict[str, Any]
ENDED = frozenset({"done", "failed", "cancelled", "unknown"})


def digest(event: Json) -> int:
    """Equal for equal events."""
    return zlib.crc32(json.dumps(event, sort_keys=True).encode())


class Shown:
    """What one surface was shown of one session."""

    def __init__(self, surface: str, session: str) -> None:
        self.surface, self.session = surface, session
        self.digests: list[tuple[int, int]] = []
        self.last = 0
        self.gaps: list[Json] = []
        self.wrong: list[str] = []

    def take(self, event: Json) -> bool:
        """Whether it is new."""
        seq: int = event["seq"]
        if event["type"] == "gap":
            self.gaps.append(event)
        if seq <= self.last:
            self.wrong.append(f"event {seq} was shown again after {self.last}")
            return False
        if seq != self.last + 1 and not (
            event["type"] == "gap" and event.get("first", seq) <= self.last + 1
        ):
            self.wrong.append(f"event {seq} was shown after {self.last}: a hole nobody tells")
        self.last = seq
        self.digests.append((seq, digest(event)))
        return True


class Progress:
    """What the people of a run know of their sessions, from the page. Thread-safe."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.prompts: dict[str, dict[str, str]] = {}  # session -> prompt -> state
        self.process: dict[str, str] = {}
        self.events = 0
        self.on_request: Callable[[str, Json], None] = lambda session, event: None

    def take(self, session: str, event: Json) -> None:
        with self.changed:
            self.events += 1
            if event["type"] == "prompt_state":
                self.prompts.setdefault(session, {})[event["prompt"]] = event["state"]
            elif event["type"] == "session_state":
                self.process[session] = event["state"]
            self.changed.notify_all()
        if event["type"] == "request_opened":
            self.on_request(session, event)

    def prompt(self, prompt: Json) -> None:
        """A summary: some prompts end before any journal has them."""
        if prompt["state"] in ENDED:
            with self.changed:
                self.prompts.setdefault(prompt["session"], {})[prompt["id"]] = prompt["state"]
                self.changed.notify_all()

    def under_way(self, session: str, sent: set[str]) -> int:
        """Prompts of `sent` that have not ended, as far as was shown."""
        states = self.prompts.get(session, {})
        return sum(states.get(id, "stored") not in ENDED for id in sent)


class Page:
    """Every session on one WebSocket. `reload` drops it in mid-stream, as F5 does."""

    def __init__(self, connection: Connection, progress: Progress | None = None) -> None:
        self.connection = connection
        self.progress = progress
        self.shown: dict[str, Shown] = {}
        self.loads = 0
        self.errors: list[Json] = []
        self._socket: WebSocketClientConnection | None = None
        self._task = LOOP.start(self._run())

    def follow(self, session: str) -> None:
        LOOP.run(self._follow(session))

    async def _follow(self, session: str) -> None:
        self.shown[session] = Shown("page", session)
        await self._ask(session)

    async def _ask(self, session: str) -> None:
        if self._socket is not None:
            frame = {"type": "subscribe", "session": session, "after": self.shown[session].last}
            with contextlib.suppress(Exception):  # a lost socket asks again when it is back
                await self._socket.write_message(json.dumps(frame))

    def reload(self) -> None:
        LOOP.call(self._drop)

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def close(self) -> None:
        self._task.cancel()
        with contextlib.suppress(BaseException):
            self._task.result(10)

    async def _run(self) -> None:
        while True:
            try:
                await self._load()
            except (OSError, Exception):
                await asyncio.sleep(0.2)

    async def _load(self) -> None:
        request = HTTPRequest(
            self.connection.stream, headers=self.connection.headers, connect_timeout=10
        )
        socket = await websocket_connect(request, ping_interval=10, max_message_size=64 << 20)
        self.loads += 1
        try:
            # a page asks anew for all it shows, and heeds nothing of an older subscription
            self._socket = socket
            for session in list(self.shown):
                await self._ask(session)
            await socket.write_message('{"type": "watch"}')
            while True:
                message = await socket.read_message()
                if message is None:
                    return
                self._frame(json.loads(message))
        finally:
            self._socket = None
            socket.close()

    def _frame(self, frame: Json) -> None:
        if frame["type"] == "events":
            shown = self.shown[frame["session"]]
            for event in frame["events"]:
                if shown.take(event) and self.progress is not None:
                    self.progress.take(frame["session"], event)
        elif frame["type"] == "prompt" and self.progress is not None:
            self.progress.prompt(frame["prompt"])
        elif frame["type"] == "error":
            self.errors.append(frame)


class Reader:
    """One session through the product's client, which reconnects by itself."""

    def __init__(self, connection: Connection, session: str) -> None:
        self.shown = Shown("client", session)
        self._connection = connection
        self._task = LOOP.start(self._run())

    async def _run(self) -> None:
        async with AsyncClient(self._connection, surface="client") as client:
            while True:
                try:
                    async for event in client.events(self.shown.session, self.shown.last):
                        self.shown.take(dict(event))
                    return
                except CodecastError:
                    await asyncio.sleep(0.2)

    def close(self) -> None:
        self._task.cancel()
        with contextlib.suppress(BaseException):
            self._task.result(10)
