"""A link: calls, notifications and journal blocks over one pipe to one relay.

A link lives as long as its pipe and never reconnects (`connection.py` does). It pings all the
time: the answers measure the latency, carry the lease that keeps the relay alive, and their
absence (`silent`) is how a dead link is noticed long before TCP would tell.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Callable
from typing import Any

from codecast_agent.protocol import wire
from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.waiting import within

from .bootstrap import Booted
from .pipes import CLOSE_TIMEOUT, PipeEnd

Sink = Callable[[bytes], None]
HELLO_TIMEOUT = 30.0  # seconds
MAX_PATIENCE = 8.0  # seconds
MAX_PINGS = 8  # unanswered at once: more would only fill buffers


class Link:
    """Use `await Link.open(...)`. All methods belong to the loop that opened it.

    `closed` tells that it has ended, and why; whoever opened it calls `close` then too, which
    ends the pipe.
    """

    def __init__(self, booted: Booted) -> None:
        self.hello: dict[str, Any] = {}
        self.root = booted.root
        self.deployed = booted.sent
        self.noise = booted.noise
        self.latency: float | None = None  # seconds of the last ping's round trip
        self.last_heard = time.monotonic()
        self.closed: asyncio.Future[CodecastError] = asyncio.get_running_loop().create_future()
        self.on_notification: Callable[[str, dict[str, Any]], None] = lambda method, params: None
        self.on_silent: Callable[[float], None] = lambda seconds: None
        self.on_heard: Callable[[], None] = lambda: None
        self._pipe = booted.pipe
        self._decoder = wire.Decoder()
        self._ids = itertools.count(1)
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._channels = itertools.count(1)
        self._sinks: dict[int, Sink] = {}
        self._subscribed: dict[str, int] = {}
        self._silent = False
        self._patience = wire.PING_EVERY * wire.PING_MISSED  # seconds
        self._paused = False
        self._pings: asyncio.Task[None] | None = None
        self._measuring: set[asyncio.Task[None]] = set()
        self._end_carrier: Callable[[], None] | None = None
        self._carrier_ended: Callable[[], Awaitable[None]] | None = None
        booted.listen(self._data, self._pipe_closed)

    @classmethod
    async def open(cls, booted: Booted, hub: str, timeout: float = HELLO_TIMEOUT) -> Link:
        """Greet the relay. Raises CodecastError (`protocol_mismatch`, `link_lost`, ...)."""
        link = cls(booted)
        try:
            link.hello = await link.call(
                "hello",
                {"protocols": [wire.PROTOCOL], "lease": wire.LEASE, "hub": hub},
                timeout=timeout,
            )
        except BaseException:
            await link.close()
            raise
        if link.hello.get("protocol") != wire.PROTOCOL:
            await link.close()
            raise CodecastError(
                "protocol_mismatch",
                f"The machine's agent speaks protocol {link.hello.get('protocol')},"
                f" this server {wire.PROTOCOL}.",
                "Update codecast-jupyter where the server runs.",
            )
        link._pings = asyncio.get_running_loop().create_task(link._ping())
        return link

    # calls

    async def call(
        self, method: str, params: dict[str, Any] | None = None, timeout: float | None = None
    ) -> Any:
        """The relay's result. Raises its CodecastError, or `link_lost` when the link ends first.

        After `link_lost` or a timeout nobody knows whether it was done; every method that
        changes something may be called again with the same ids.
        """
        if self.closed.done():
            raise self._lost()
        number = next(self._ids)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._calls[number] = future
        try:
            self._pipe.write(wire.request(number, method, params or {}))
            return await within(future, timeout)
        except asyncio.TimeoutError:
            raise self._late(method, timeout or 0) from None
        finally:
            self._calls.pop(number, None)

    async def fetch(
        self, method: str, params: dict[str, Any], timeout: float
    ) -> tuple[dict[str, Any], list[bytes]]:
        """A call whose answer may come with bytes, as blocks of a channel of its own: `length`
        of the answer says how many. They are returned in the parts they came in. An older relay
        answers without. `timeout` is for each step of the way. Raises CodecastError as `call` does.
        """
        channel = next(self._channels)
        parts: list[bytes] = []
        came = asyncio.Event()

        def take(data: bytes) -> None:
            parts.append(data)
            came.set()

        async def more(other: asyncio.Future[Any]) -> None:
            """Until bytes came, or `other` is done."""
            waiting = asyncio.ensure_future(came.wait())
            await asyncio.wait({waiting, other}, timeout=timeout, return_when="FIRST_COMPLETED")
            waiting.cancel()
            if self.closed.done():
                raise self._lost()
            if not came.is_set() and not other.done():
                raise self._late(method, timeout)
            came.clear()

        self._sinks[channel] = take
        call = asyncio.ensure_future(self.call(method, {**params, "channel": channel}))
        try:
            while not call.done():
                await more(call)
            answer: dict[str, Any] = call.result()
            # an answer goes ahead of blocks that wait
            while sum(map(len, parts)) < int(answer.get("length", 0)):
                await more(self.closed)
        finally:
            self._sinks.pop(channel, None)
            if not call.done():
                call.cancel()
        return answer, parts

    async def subscribe(self, session: str, after: int, sink: Sink) -> dict[str, Any]:
        """Have `sink` called with blocks of whole records `> after`, in order, live ones too.

        A second subscription of a session replaces the first. Returns the relay's answer,
        `{last_seq, reset?}`; blocks may come before it does. A `sink` that raises ends the link:
        a block must never be skipped.
        """
        await self.unsubscribe(session)
        channel = next(self._channels)
        self._sinks[channel] = sink
        self._subscribed[session] = channel
        try:
            answer: dict[str, Any] = await self.call(
                "session/subscribe", {"session": session, "channel": channel, "after": after}
            )
        except BaseException:
            self._sinks.pop(channel, None)
            if self._subscribed.get(session) == channel:
                del self._subscribed[session]
            raise
        return answer

    async def unsubscribe(self, session: str) -> None:
        """No block of `session` reaches its sink from now on."""
        channel = self._subscribed.pop(session, None)
        if channel is None:
            return
        self._sinks.pop(channel, None)
        if not self.closed.done():
            await self.call("session/unsubscribe", {"channel": channel})

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """A call whose answer nobody waits for; ignored once the link has ended."""
        if not self.closed.done():
            self._pipe.write(wire.notification(method, params))

    def open_channel(self, sink: Sink) -> int:
        """A channel of its own for something that sends blocks; `close_channel` ends it."""
        channel = next(self._channels)
        self._sinks[channel] = sink
        return channel

    def close_channel(self, channel: int) -> None:
        self._sinks.pop(channel, None)

    def pause(self) -> None:
        """Take nothing more from the machine until `resume`: the receiver cannot follow."""
        self._paused = True
        self._pipe.pause()

    def resume(self) -> None:
        self._paused = False
        self._pipe.resume()
        self.last_heard = time.monotonic()

    # ending

    def carries(self, end: Callable[[], None], ended: Callable[[], Awaitable[None]]) -> None:
        """What must go with the link (the SSH connection): `end` is called when it has ended,
        and `close` waits for `ended`."""
        self._end_carrier, self._carrier_ended = end, ended

    def stderr_tail(self) -> str:
        return self._pipe.stderr_tail()

    async def close(self, why: CodecastError | None = None) -> None:
        """End the link and its relay. Pending calls fail with `why`."""
        self._end(why or CodecastError("link_lost", "The connection was closed."))
        await self._pipe.close()
        if self._carrier_ended is not None:
            with contextlib.suppress(asyncio.TimeoutError):
                await within(self._carrier_ended(), CLOSE_TIMEOUT)

    def _pipe_closed(self, end: PipeEnd) -> None:
        detail = "\n".join(filter(None, [end.words(), self._pipe.stderr_tail()]))
        self._end(
            CodecastError(
                "link_lost",
                "The connection to the machine was lost.",
                "It comes back by itself; nothing on the machine was stopped.",
                detail,
            )
        )

    def _end(self, why: CodecastError) -> None:
        if self.closed.done():
            return
        self.closed.set_result(why)
        if self._pings is not None:
            self._pings.cancel()
        for future in self._calls.values():
            if not future.done():
                future.set_exception(self._lost())
                future.exception()  # the caller may be gone already
        self._sinks.clear()
        self._subscribed.clear()
        if self._end_carrier is not None:
            self._end_carrier()

    def _late(self, method: str, timeout: float) -> CodecastError:
        return CodecastError(
            "link_lost",
            f"The machine did not answer `{method}` within {timeout:.0f} seconds.",
            detail=self._pipe.stderr_tail(),
        )

    def _lost(self) -> CodecastError:
        why = self.closed.result()
        return CodecastError(why.code, why.message, why.hint, why.detail, why.data)

    # receiving

    def _data(self, data: bytes) -> None:
        if self.closed.done():
            return
        self.last_heard = time.monotonic()
        if self._silent:
            self._silent = False
            # A false alarm: a machine this busy, or a line this poor, is given more time.
            self._patience = min(2 * self._patience, MAX_PATIENCE)
            self.on_heard()
        try:
            for frame in self._decoder.feed(data):
                if isinstance(frame, wire.Block):
                    sink = self._sinks.get(frame.channel)
                    if sink is not None:
                        sink(frame.data)
                else:
                    self._message(frame)
        except Exception as error:  # whatever it was, the stream cannot be trusted any further
            self._end(
                CodecastError(
                    "link_lost",
                    "The machine sent something that cannot be read; the link is made anew.",
                    detail=f"{type(error).__name__}: {error}",
                )
            )

    def _message(self, message: dict[str, Any]) -> None:
        if "method" in message:
            params = message.get("params")
            self.on_notification(str(message["method"]), params if isinstance(params, dict) else {})
            return
        future = self._calls.get(message.get("id", 0))
        if future is None or future.done():
            return
        if "error" in message:
            problem = message["error"]
            data = problem.get("data") if isinstance(problem, dict) else problem
            future.set_exception(CodecastError.from_json(data or problem))
        else:
            future.set_result(message.get("result"))

    # liveness

    async def _ping(self) -> None:
        """Ping without waiting for the answers, which may stand behind megabytes of blocks:
        any byte counts as life."""
        while True:
            if len(self._measuring) < MAX_PINGS:
                task = asyncio.get_running_loop().create_task(self._measure())
                self._measuring.add(task)
                task.add_done_callback(self._measuring.discard)
            before = time.monotonic()
            await asyncio.sleep(wire.PING_EVERY)
            now = time.monotonic()
            if now - before > 2 * wire.PING_EVERY:
                # It is we who slept (a closed lid, a busy loop): give the machine its time again.
                self.last_heard = now
            quiet = now - self.last_heard
            if quiet > self._patience and not self._silent and not self._paused:
                self._silent = True
                self.on_silent(quiet)

    async def _measure(self) -> None:
        start = time.monotonic()
        with contextlib.suppress(CodecastError):
            await self.call("ping", {"n": next(self._ids)})
            self.latency = time.monotonic() - start
