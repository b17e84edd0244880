"""The one WebSocket of a page: events of any number of sessions, each from its own cursor.

Every subscription is a task that reads the feed and awaits each write, so that a slow page
slows its own tasks and nobody else; the store is the buffer. A page that comes back says the
last seq it has and misses nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Any

from tornado.websocket import WebSocketClosedError

from codecast_agent.protocol.errors import CodecastError

from . import spec
from .base import as_problem, closing
from .sockets import SocketHandler

if TYPE_CHECKING:
    from ..control.ingest import Row

FRAME = 1 << 20  # bytes of events in one frame, unless a single event has more
WATCH = ""  # key of the watching task, beside the sessions' ids


class StreamHandler(SocketHandler):
    tasks: dict[str, asyncio.Task[None]]

    def open(self, *args: str, **kwargs: str) -> None:
        super().open(*args, **kwargs)
        self.tasks = {}

    async def on_message(self, message: str | bytes) -> None:
        called: str | None = None
        try:
            frame = spec.check_frame(message)
            called = frame.get("session")
            if frame["type"] == "watch":
                await self.replace(WATCH, self.watch())
                return
            if frame["type"] == "ping":
                await self.send({"type": "pong"})
                return
            session = (await self.hub.sessions.get(frame["session"]))["id"]
            if frame["type"] == "subscribe":
                await self.replace(session, self.follow(session, frame))
            else:
                await self.drop(session)
                await self.send({"type": "unsubscribed", "session": session})
        except WebSocketClosedError:
            return
        except Exception as error:
            await self.fail(error, called)

    async def follow(self, session: str, frame: dict[str, Any]) -> None:
        """Send the events of a session after a cursor, now and as they come.

        Who asks for the `last` events alone is told the state that all of them make.
        """
        found = await self.hub.sessions.get(session)
        last = found["last_seq"]
        begin: dict[str, Any] = {"after": frame.get("after", 0), "last_seq": last}
        if "last" in frame:
            begin = {"after": max(0, last - frame["last"]), "last_seq": last}
            begin["state"] = found["state"]
        async with closing(self.hub.feed.subscribe_rows(session, begin["after"])) as batches:
            told = {"type": "subscribed", "session": session, "requested": frame["session"]}
            await self.send({**told, **begin})
            async for rows in batches:
                for text in frames(session, rows):
                    await self.write_message(text)
        try:
            await self.hub.sessions.get(session)
        except CodecastError:
            await self.send({"type": "session_removed", "id": session})
        else:
            self.close(1001, "the server stops")  # the page comes back and goes on

    async def watch(self) -> None:
        """Send summaries of everything, then each change."""
        async with closing(self.hub.feed.watch()) as changes:
            async for change in changes:
                await self.send(change)
        self.close(1001, "the server stops")

    async def replace(self, key: str, work: Coroutine[Any, Any, None]) -> None:
        await self.drop(key)
        self.tasks[key] = asyncio.create_task(self.guard(key, work))

    async def guard(self, key: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except WebSocketClosedError:
            return
        except Exception as error:
            await self.fail(error, key or None)

    async def drop(self, key: str) -> None:
        """End a subscription; afterwards nothing of it is sent any more."""
        task = self.tasks.pop(key, None)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def fail(self, error: Exception, session: str | None) -> None:
        if not isinstance(error, CodecastError):
            self.log.error("codecast: a subscription failed", exc_info=error)
        problem = as_problem(500, error).to_json()
        try:
            await self.send(
                {"type": "error", **({"session": session} if session else {}), **problem}
            )
        except WebSocketClosedError:
            return

    async def send(self, frame: dict[str, Any]) -> None:
        await self.write_message(json.dumps(frame, separators=(",", ":")))

    def on_close(self) -> None:
        for task in getattr(self, "tasks", {}).values():
            task.cancel()


def frames(session: str, rows: list[Row]) -> Iterator[str]:
    """Events as frames of about FRAME bytes."""
    head = f'{{"type":"events","session":{json.dumps(session)},"events":['
    parts: list[str] = []
    size = 0
    for row in rows:
        part = row.text()
        if parts and size + len(part) > FRAME:
            yield head + ",".join(parts) + "]}"
            parts, size = [], 0
        parts.append(part)
        size += len(part)
    if parts:
        yield head + ",".join(parts) + "]}"
