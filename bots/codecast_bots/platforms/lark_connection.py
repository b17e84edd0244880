"""The long connection: events come, each is acknowledged by the frame it came in.

It is opened at `open`, opened again whenever it breaks, watched by pings that must be answered,
and ended by `close`. What was not acknowledged in three seconds the platform sends again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlparse

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from .contract import BadCredentials, PlatformError, Unavailable
from .lark_frames import CONTROL, EVENT, PONG, Frame, const, ping
from .lark_http import Endpoint
from .pressing import PressAnswer
from .rest import reason

log = logging.getLogger(__name__)
Json = dict[str, Any]
BEAT = 20.0  # seconds between two pings, at most
GRACE = 5.0  # seconds more than two of them, after which silence is death
FIRST_WAIT, LONGEST_WAIT = 0.5, 15.0  # seconds until it is opened again
STEADY = 60.0  # seconds after which a connection counts as a good one
PARTS_FOR = 5.0  # seconds in which the parts of one event come
BIGGEST = 16 << 20  # bytes of a frame


class Delivery:
    """An event of the platform. `ack` once; what it is given is shown to who pressed."""

    def __init__(self, payload: Json, frame: Frame, socket: ClientConnection) -> None:
        self.payload = payload
        self._frame = frame
        self._socket = socket
        self._came = time.monotonic()
        self._done = False

    async def ack(self, data: Json | None = None) -> None:
        """Never raises: without it the event comes once more."""
        if self._done:
            return
        self._done = True
        spent = int((time.monotonic() - self._came) * 1000)
        with contextlib.suppress(WebSocketException, OSError):
            await self._socket.send(self._frame.answer(data, spent))


class DeliveryAnswer(PressAnswer):
    def __init__(self, delivery: Delivery) -> None:
        super().__init__()
        self._delivery = delivery

    async def _tell(self, words: str, passing: bool) -> None:
        toast = {"toast": {"type": "info", "content": words[:200]}} if words else {}
        await self._delivery.ack(toast)


class Connection:
    """`heard` is the time.monotonic() of the last frame, `error` why there is none now."""

    def __init__(self, endpoint: Callable[[], Awaitable[Endpoint]]) -> None:
        self._endpoint = endpoint
        self.connected = False
        self.heard = time.monotonic()
        self.error = ""
        self._beat = BEAT
        self._inbox: asyncio.Queue[Delivery | PlatformError] = asyncio.Queue()
        self._parts: dict[str, tuple[float, dict[int, bytes]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._socket: ClientConnection | None = None

    async def open(self) -> None:
        """Raises BadCredentials, Unavailable."""
        socket, service = await self._connect()
        self._task = asyncio.create_task(self._keep(socket, service))

    async def close(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        if self._socket is not None:  # the task may never have begun
            await self._socket.close()
        self.connected = False

    async def next(self) -> Delivery:
        """Raises BadCredentials when the app is refused."""
        found = await self._inbox.get()
        if isinstance(found, PlatformError):
            raise found
        return found

    # -- its life

    async def _connect(self) -> tuple[ClientConnection, int]:
        where = await self._endpoint()
        self._beat = min(BEAT, where.ping)
        query = parse_qs(urlparse(where.url).query)
        service = (query.get(const.SERVICE_ID) or ["0"])[0]
        try:
            socket = await connect(
                where.url, max_size=BIGGEST, open_timeout=10, close_timeout=2, ping_interval=None
            )
        except InvalidStatus as error:
            raise _refused(error) from None
        except (OSError, WebSocketException, asyncio.TimeoutError) as error:
            raise Unavailable(f"Lark's long connection does not open: {reason(error)}") from None
        self._socket = socket
        self.connected, self.heard, self.error = True, time.monotonic(), ""
        return socket, int(service) if service.isdecimal() else 0

    async def _keep(self, socket: ClientConnection, service: int) -> None:
        wait = FIRST_WAIT
        while True:
            begun = time.monotonic()
            try:
                await self._serve(socket, service)
            finally:
                self.connected = False
                await socket.close()
            if time.monotonic() - begun > STEADY:
                wait = FIRST_WAIT
            while True:
                # not all of a provider's clients at the same moment
                await asyncio.sleep(random.uniform(wait / 2, wait))
                wait = min(wait * 2, LONGEST_WAIT)
                try:
                    socket, service = await self._connect()
                    break
                except BadCredentials as error:
                    self._inbox.put_nowait(error)
                    return
                except PlatformError as error:
                    self.error = str(error)
                    log.info("lark: %s", error)

    async def _serve(self, socket: ClientConnection, service: int) -> None:
        """Until it breaks."""
        beating = asyncio.create_task(self._pulse(socket, service))
        try:
            async for data in socket:
                self.heard = time.monotonic()
                try:
                    if isinstance(data, bytes):
                        self._take(Frame(data), socket)
                except ValueError as error:
                    log.warning("lark: a frame could not be read: %s", error)
            self.error = "the connection was closed"
        except (WebSocketException, OSError) as error:
            self.error = reason(error)
        finally:
            beating.cancel()
            await asyncio.wait({beating})
        log.info("lark: the long connection ended: %s", self.error)

    async def _pulse(self, socket: ClientConnection, service: int) -> None:
        """Ping; close what is silent though pinged."""
        with contextlib.suppress(WebSocketException, OSError):
            while time.monotonic() - self.heard < 2 * self._beat + GRACE:
                await socket.send(ping(service))
                await asyncio.sleep(self._beat)
            await socket.close()

    # -- frames

    def _take(self, frame: Frame, socket: ClientConnection) -> None:
        kind = frame.headers.get(const.HEADER_TYPE)
        if frame.method == CONTROL:
            if kind == PONG and frame.payload:
                given = float(json.loads(frame.payload).get("PingInterval") or BEAT)
                self._beat = min(BEAT, given)
            return
        if kind != EVENT:
            return
        whole = self._joined(frame)
        if whole is not None:
            self._inbox.put_nowait(Delivery(json.loads(whole), frame, socket))

    def _joined(self, frame: Frame) -> bytes | None:
        """The event, once all of its parts are here."""
        total = frame.number(const.HEADER_SUM, 1)
        if total <= 1:
            return frame.payload
        now = time.monotonic()
        self._parts = {k: v for k, v in self._parts.items() if now - v[0] < PARTS_FOR}
        id = frame.headers.get(const.HEADER_MESSAGE_ID, "")
        _, parts = self._parts.setdefault(id, (now, {}))
        parts[frame.number(const.HEADER_SEQ, 0)] = frame.payload
        if len(parts) < total:
            return None
        del self._parts[id]
        return b"".join(parts[number] for number in sorted(parts))


def _refused(error: InvalidStatus) -> PlatformError:
    """What the handshake's headers say."""
    headers = error.response.headers
    words = headers.get(const.HEADER_HANDSHAKE_MSG, "") or f"HTTP {error.response.status_code}"
    if headers.get(const.HEADER_HANDSHAKE_AUTH_ERRCODE) == str(const.EXCEED_CONN_LIMIT):
        return Unavailable(f"too many programs are connected as this app: {words}")
    if headers.get(const.HEADER_HANDSHAKE_STATUS) == str(const.FORBIDDEN):
        return BadCredentials(f"Lark forbids the long connection: {words}")
    return Unavailable(f"Lark's long connection does not open: {words}")
