"""Events of a session: pages of JSON, or `text/event-stream` for ever (made for curl).

Browsers use the WebSocket: six event streams would take all connections a browser opens to
one host, and a Hub's proxy refuses them by cookie.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from tornado.http1connection import HTTP1Connection
from tornado.iostream import StreamClosedError

from codecast_agent.protocol.errors import CodecastError

from .auth import permit
from .base import ResourceHandler, closing

if TYPE_CHECKING:
    from ..control.ingest import Row

KEEP_ALIVE = 15.0  # seconds without events after which a comment shows that somebody is there
PAGE = 500  # events
PAGE_BYTES = 16 << 20  # a page ends early here: events may be large


class EventsHandler(ResourceHandler):
    closed: asyncio.Event

    def initialize(self, route: str) -> None:
        super().initialize(route)
        self.closed = asyncio.Event()

    @permit("read")
    async def get(self, session: str) -> None:
        query = self.query()
        id = (await self.hub.sessions.get(session))["id"]
        types = set(query.get("types", ()))
        if "before" in query:
            await self.page_before(id, query, types)
        elif "text/event-stream" in self.request.headers.get("Accept", ""):
            await self.stream(id, self.last_event_id(query.get("after", 0)), types)
        else:
            await self.page(id, query.get("after", 0), query.get("limit", PAGE), types)

    def last_event_id(self, after: int) -> int:
        given = self.request.headers.get("Last-Event-ID", "").strip()
        if not given:
            return after
        if not given.isdecimal():
            raise CodecastError(
                "bad_request",
                f"Last-Event-ID must be the number of an event, not {given!r}",
                data={"field": "Last-Event-ID"},
            )
        return int(given)

    async def page(self, session: str, after: int, limit: int, types: set[str]) -> None:
        last = (await self.hub.sessions.get(session))["last_seq"]
        parts: list[str] = []
        size, cursor = 0, after
        if after < last:
            async with closing(self.hub.feed.subscribe_rows(session, after)) as batches:
                async for rows in batches:
                    for row in rows:
                        if cursor >= last or len(parts) == limit or size > PAGE_BYTES:
                            break
                        cursor = row.seq
                        if not types or row.type in types:
                            parts.append(row.text())
                            size += len(parts[-1])
                    if cursor >= last or len(parts) == limit or size > PAGE_BYTES:
                        break
        self.finish(page_of(parts, last, cursor < last))

    async def page_before(self, session: str, query: dict[str, Any], types: set[str]) -> None:
        """The way back through a long session, for who has begun at its end."""
        if "after" in query:
            raise CodecastError(
                "bad_request", "A page is after an event or before one.", data={"field": "before"}
            )
        last = (await self.hub.sessions.get(session))["last_seq"]
        limit = query.get("limit", PAGE)
        rows, more = await self.hub.feed.before(session, query["before"], limit, PAGE_BYTES, types)
        self.finish(page_of([row.text() for row in rows], last, more))

    async def stream(self, session: str, after: int, types: set[str]) -> None:
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Accel-Buffering", "no")
        self.write("retry: 1000\n\n")
        if isinstance(self.request.connection, HTTP1Connection):
            # an event must not wait until the last one was acknowledged
            self.request.connection.stream.set_nodelay(True)
        with contextlib.suppress(StreamClosedError):
            await self.flush()
            async with (
                closing(self.hub.feed.subscribe_rows(session, after)) as batches,
                closing(with_keep_alive(batches, self.closed)) as beats,
            ):
                async for rows in beats:
                    for row in rows:
                        if not types or row.type in types:
                            self.write(f"id: {row.seq}\ndata: {row.text()}\n\n")
                    if not rows:
                        self.write(": still here\n\n")
                    await self.flush()

    def on_connection_close(self) -> None:
        self.closed.set()
        super().on_connection_close()

    def finish(self, *args: Any, **kwargs: Any) -> Any:
        if self._headers_written:  # the end of a stream: its type has been said
            kwargs["set_content_type"] = "text/event-stream"
        return super().finish(*args, **kwargs)


def page_of(events: list[str], last: int, more: bool) -> str:
    """An `EventPage` of events that are JSON already."""
    return f'{{"events":[{",".join(events)}],"last_seq":{last},"more":{json.dumps(more)}}}'


async def with_keep_alive(
    batches: AsyncIterator[list[Row]], closed: asyncio.Event
) -> AsyncIterator[list[Row]]:
    """The batches until `closed`, with an empty one whenever KEEP_ALIVE seconds pass without."""
    ending = asyncio.ensure_future(closed.wait())
    coming: asyncio.Future[list[Row]] | None = None
    try:
        while not closed.is_set():
            coming = coming or asyncio.ensure_future(anext(batches))
            either: set[asyncio.Future[Any]] = {coming, ending}
            await asyncio.wait(either, timeout=KEEP_ALIVE, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                yield []
                continue
            try:
                batch = coming.result()
            except StopAsyncIteration:
                return
            finally:
                coming = None
            yield batch
    finally:
        ending.cancel()
        if coming is not None:
            coming.cancel()
            await asyncio.wait({coming})
