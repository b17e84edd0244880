"""One WebSocket for any number of followers, which comes back by itself.

The server keeps all events, so nothing need be kept here: a lost socket is opened again
with growing waits, and every follower goes on behind the last event it took. A follower
whose reader is slow lets go of its subscription and takes it up again when the reader has
caught up; it never holds up the others, nor fills the memory. An event already taken is
dropped, one that would leave a hole is not taken but asked for again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

from codecast_agent.protocol.errors import CodecastError

from .discovery import Connection
from .http import CONNECT, refused, silent
from .types import Change, Event

FIRST_WAIT, LONGEST_WAIT = 0.2, 10.0  # seconds between attempts to come back
PING_EVERY = 20.0  # seconds; a socket that does not answer one is dead
LARGEST = 128 << 20  # bytes of a frame: one event may be very large
AHEAD = 2000  # events a follower holds for its reader

_Over = asyncio.Future["Exception | None"]  # the socket is: why, where that is known
Where = Callable[[], Awaitable[Connection]]
Told = Callable[["CodecastError | None"], None]


class Follower:
    """One reader of one session. `after` is the seq of the last event taken from the socket."""

    def __init__(self, session: str, after: int) -> None:
        self.session = session
        self.after = after
        self.events: list[Event] = []
        self.error: CodecastError | None = None
        self.over = False  # the session is gone
        self.paused = True  # not subscribed: the reader has not begun, or is behind
        self.asked = 0  # subscriptions the server has not confirmed
        self._ready = asyncio.Event()

    def take(self, events: list[Event]) -> bool:
        """Take what is new; False when something between is missing."""
        for event in events:
            seq = event["seq"]
            if seq <= self.after:
                continue
            if seq != self.after + 1 and not _bridges(event, self.after + 1):
                return False
            self.after = seq
            self.events.append(event)
        self._ready.set()
        return True

    def end(self, error: CodecastError | None = None) -> None:
        self.over, self.error = True, error
        self._ready.set()

    async def next(self) -> list[Event] | None:
        """What came since the last call; None at the end. Raises what ended it."""
        while not self.events and not self.over:
            self._ready.clear()
            await self._ready.wait()
        taken, self.events = self.events, []
        if taken:
            return taken
        if self.error is not None:
            raise self.error
        return None


class Watcher:
    """A reader of summaries: the newest of each thing, in the order of their changes."""

    def __init__(self) -> None:
        self.changes: dict[tuple[str, str], Change] = {}
        self.error: CodecastError | None = None
        self._ready = asyncio.Event()

    def take(self, change: Change) -> None:
        key = _key(change)
        self.changes.pop(key, None)
        self.changes[key] = change
        self._ready.set()

    def end(self, error: CodecastError) -> None:
        self.error = error
        self._ready.set()

    async def next(self) -> list[Change]:
        while not self.changes and self.error is None:
            self._ready.clear()
            await self._ready.wait()
        taken, self.changes = list(self.changes.values()), {}
        if not taken and self.error is not None:
            raise self.error
        return taken


class Stream:
    """The socket. `where` finds the server anew before each attempt; `told` hears of a lost
    connection (an error) and of its return (None).
    """

    def __init__(self, where: Where, headers: dict[str, str], told: Told) -> None:
        self._where = where
        self._headers = headers
        self._told = told
        self._followers: dict[str, Follower] = {}
        self._watchers: set[Watcher] = set()
        self._socket: WebSocketClientConnection | None = None
        self._task: asyncio.Task[None] | None = None

    def follows(self, session: str) -> bool:
        return session in self._followers

    def follow(self, session: str, after: int) -> Follower:
        """One a session and socket. It is subscribed when it is first read."""
        follower = self._followers[session] = Follower(session, after)
        return follower

    def watch(self) -> Watcher:
        watcher = Watcher()
        self._watchers.add(watcher)
        return watcher

    async def begin(self) -> None:
        """Ask for everything, after `watch`; the other watchers get it once more."""
        if not self._start():
            self._send({"type": "watch"})

    async def read(self, follower: Follower) -> list[Event] | None:
        """`follower.next()`, with its subscription taken up once its reader is here."""
        if follower.paused and not follower.events and not follower.over:
            follower.paused = False
            if not self._start():
                self._subscribe(follower)
        return await follower.next()

    async def leave(self, reader: Follower | Watcher) -> None:
        """The reader wants no more."""
        if isinstance(reader, Watcher):
            self._watchers.discard(reader)
        elif self._followers.get(reader.session) is reader:
            del self._followers[reader.session]
            self._send({"type": "unsubscribe", "session": reader.session})
        if not self._followers and not self._watchers:
            await self.close()

    async def close(self) -> None:
        """End the socket, and readers that are left."""
        self._fail(CodecastError("link_lost", "The client was closed."))
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    # -- the socket

    def _start(self) -> bool:
        """Whether the socket had to be started; it then asks for everything itself."""
        if self._task is not None and not self._task.done():
            return self._socket is None
        self._task = asyncio.create_task(self._run())
        return True

    def _subscribe(self, follower: Follower) -> None:
        follower.asked += 1
        self._send({"type": "subscribe", "session": follower.session, "after": follower.after})

    def _send(self, frame: dict[str, Any]) -> None:
        if self._socket is not None:
            # a lost socket asks for everything again when it is back
            with contextlib.suppress(WebSocketClosedError):
                self._socket.write_message(json.dumps(frame)).add_done_callback(_ignored)

    async def _run(self) -> None:
        wait, lost = FIRST_WAIT, False
        while True:
            over: _Over = asyncio.get_running_loop().create_future()
            try:
                self._socket = await self._connect(partial(self._heard, over))
                if lost:
                    self._told(None)
                wait, lost = FIRST_WAIT, False
                self._ask()
                if problem := await over:
                    raise problem
                raise CodecastError("link_lost", "The Jupyter server closed the connection.")
            except CodecastError as error:
                if error.code == "forbidden":
                    self._fail(error)
                    return
                if not lost:
                    self._told(error)
                lost = True
            except Exception as error:
                self._fail(CodecastError("internal", f"The event stream failed: {error!r}"))
                raise
            finally:
                over.cancel()  # what is still heard is nobody's
                if self._socket is not None:
                    self._socket.close()
                    self._socket = None
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    async def _connect(self, heard: Callable[[Any], None]) -> WebSocketClientConnection:
        connection = await self._where()
        request = HTTPRequest(
            connection.stream,
            headers={**connection.headers, **self._headers},
            connect_timeout=CONNECT,
            request_timeout=CONNECT,
        )
        connecting = asyncio.ensure_future(
            websocket_connect(
                request,
                on_message_callback=heard,
                ping_interval=PING_EVERY,
                max_message_size=LARGEST,
            )
        )
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            connecting.add_done_callback(_too_late)
            raise
        except HTTPClientError as error:
            if error.code in (401, 403, 404):
                raise refused(connection, error.code) from error
            raise silent(connection, error) from error
        except (OSError, WebSocketClosedError) as error:
            raise silent(connection, error) from error

    def _ask(self) -> None:
        """Everything all readers want, from where each of them is."""
        for follower in list(self._followers.values()):
            follower.asked = 0
            if not follower.paused:
                self._subscribe(follower)
        if self._watchers:
            self._send({"type": "watch"})

    def _heard(self, over: _Over, message: str | bytes | None) -> None:
        """Called by the socket: a task that reads it would be a turn of the loop later."""
        if over.done():
            return
        if message is None:
            over.set_result(None)
            return
        try:
            self._frame(json.loads(message))
        except Exception as error:
            over.set_result(error)

    def _frame(self, frame: dict[str, Any]) -> None:
        kind = frame.get("type")
        if kind == "events":
            self._events(frame)
        elif kind == "subscribed":
            if follower := self._followers.get(frame["session"]):
                follower.asked = max(0, follower.asked - 1)
        elif kind == "error":
            self._error(frame)
        elif kind != "unsubscribed":
            if kind == "session_removed" and (gone := self._followers.get(frame["id"])):
                gone.end()
            for watcher in self._watchers:
                watcher.take(frame)

    def _events(self, frame: dict[str, Any]) -> None:
        follower = self._followers.get(frame["session"])
        # what was on its way before a new subscription is not part of it
        if follower is None or follower.paused or follower.asked:
            return
        if not follower.take(frame["events"]):
            self._subscribe(follower)
        elif len(follower.events) > AHEAD:
            follower.paused = True
            self._send({"type": "unsubscribe", "session": follower.session})

    def _error(self, frame: dict[str, Any]) -> None:
        follower = self._followers.get(str(frame.get("session")))
        if follower is not None:
            follower.end(CodecastError.from_json(frame))
        elif "session" not in frame:
            for watcher in self._watchers:
                watcher.end(CodecastError.from_json(frame))

    def _fail(self, error: CodecastError) -> None:
        readers: list[Follower | Watcher] = [*self._followers.values(), *self._watchers]
        for reader in readers:
            reader.end(error)


def _ignored(sent: asyncio.Future[None]) -> None:
    if not sent.cancelled():
        sent.exception()


def _too_late(made: asyncio.Future[WebSocketClientConnection]) -> None:
    """Nobody waits for this socket any more."""
    if not made.cancelled() and made.exception() is None:
        made.result().close()


def _bridges(event: Event, wanted: int) -> bool:
    """Whether a `gap` tells what became of event `wanted`; it stands in the last one's place."""
    return event["type"] == "gap" and int(event.get("first", wanted)) <= wanted


def _key(change: Change) -> tuple[str, str]:
    kind = str(change.get("type"))
    if kind == "progress":
        return kind, f"{change.get('machine')}\n{change.get('session', '')}"
    thing = change.get(kind)
    if isinstance(thing, dict):
        return kind, str(thing.get("id") or thing.get("name"))
    return kind.removesuffix("_removed"), str(change.get("id") or change.get("name"))
