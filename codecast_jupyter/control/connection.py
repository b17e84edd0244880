"""Keeps one machine connected, and says at any time how that stands.

One task a machine does it all: connect, serve, notice silence, connect again. A link that
falls silent is not given up: a second one is tried beside it, and whichever speaks first
stays. What only a person can mend (a host key, a secret, a missing Python) stops the attempts
until that person did something; the rest is tried again, ever more slowly.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.waiting import within

from .attempts import discard, first_of, owned
from .host_keys import HostKeyRefused, OfferedKey, accept
from .link import Link
from .secrets import Secrets
from .ssh_keys import Ask

FIRST_DELAY = 0.2  # seconds between attempts; doubles
LAST_DELAY = 10.0
AUTH_DELAY = 30.0  # a machine that boots refuses logins for a while; one that bans must not be hit
SPARE_DELAY = 1.0  # from one attempt beside a silent link to the next, at least

# Errors that pass by themselves. Where sessions are, or a link was up once, a few more may: the
# prompts that wait there have nobody who would press the button.
PASSING = frozenset({"unreachable", "link_lost"})
PASSING_KEPT = PASSING | {"bootstrap_failed", "no_place", "disk_full", "internal"}
PASSING_LATER = PASSING_KEPT | {"auth_failed"}


class Route(Protocol):
    """How a machine is reached."""

    async def open(self, ask: Ask, progress: Callable[[str], None], again: bool) -> Link:
        """A greeted link. `again` asks for short patience. Raises CodecastError."""


class Listener(Protocol):
    """Who is told; `Machine` passes it on to the observers."""

    def state_changed(self) -> None: ...
    async def link_up(self, link: Link) -> None: ...
    async def link_down(self, error: CodecastError) -> None: ...
    def notified(self, method: str, params: dict[str, Any]) -> None: ...


class Connection:
    """States: offline (nobody wants it), connecting, online, reconnecting, failed."""

    def __init__(self, name: str, route: Route, listener: Listener) -> None:
        self.name = name
        self.route = route
        self.state = "offline"
        self.error: CodecastError | None = None
        self.progress = ""
        self.since = time.time()
        self.current: Link | None = None
        self.offered: OfferedKey | None = None
        self.secrets = Secrets(name, self._secret_needed, self._secret_settled)
        self._listener = listener
        self._kept = False  # sessions want it
        self._asked = False  # a person wants it
        self._closed = False  # for good
        self._runner: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._waiters: set[asyncio.Future[Link]] = set()
        self._tellers: asyncio.Queue[Coroutine[Any, Any, None]] = asyncio.Queue()
        self._teller: asyncio.Task[None] | None = None

    # what people and sessions want

    @property
    def wanted(self) -> bool:
        return self._kept or self._asked

    def keep(self, wanted: bool) -> None:
        """A machine with something running reconnects by itself."""
        self._kept = wanted
        mendable = self.error is None or self.error.code in PASSING
        if wanted and self.current is None and (self.state != "failed" or mendable):
            self._start()

    async def connect(self, timeout: float = 60) -> None:
        """Ask for it, and wait for the first outcome, which `state` and `error` then tell."""
        self._asked = True
        with contextlib.suppress(CodecastError):
            await self.link(timeout)

    async def disconnect(self) -> None:
        """Let go, until somebody asks again."""
        self._kept = self._asked = False
        await self._stop()
        self._set("offline", None)

    async def close(self) -> None:
        """For good: who asks for a link now is refused. Observers are told `link_down` before it
        returns."""
        self._closed = True
        await self.disconnect()
        if self._teller is not None:
            await self._tellers.join()
            self._teller.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._teller
            self._teller = None

    async def link(self, timeout: float = 60) -> Link:
        """The link, made if need be. Raises the CodecastError of the attempt that failed."""
        if self.current is not None and not self.current.closed.done():
            return self.current
        if self.secrets.waiting and self.error is not None:
            raise self.error
        return await self._next_link(timeout)

    async def _next_link(self, timeout: float) -> Link:
        if self._closed:
            raise self._disconnected()
        waiter: asyncio.Future[Link] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            self._start()
            return await within(waiter, timeout)
        except asyncio.TimeoutError:
            raise self.error or CodecastError(
                "unreachable",
                f"{self.name} was not connected within {timeout:.0f} seconds.",
                "It is tried further; look again in a while.",
            ) from None
        finally:
            self._waiters.discard(waiter)

    async def accept_host_key(self, fingerprint: str) -> None:
        """Keep the offered unknown key as the machine's and connect.

        Raises CodecastError `conflict` when that is not the key that was offered.
        """
        offered = self.offered
        if offered is None or self.error is None or self.error.code != "unknown_host_key":
            raise CodecastError(
                "conflict",
                f"No unknown host key of {self.name} waits to be accepted.",
                "Connect first; a changed key cannot be accepted here.",
            )
        if offered.fingerprint != fingerprint.strip():
            raise CodecastError(
                "conflict",
                f"{self.name} offered another key than the one accepted.",
                "Compare the fingerprint again.",
                f"offered: {offered.fingerprint}",
            )
        await asyncio.to_thread(accept, offered)
        self.offered = None
        await self.connect()

    async def give_secret(self, prompt: str, value: str) -> None:
        """The answer to `prompt` (see `error.data`); kept in memory only."""
        if not self.secrets.give(prompt, value):
            await self.connect()
            return
        with contextlib.suppress(CodecastError):
            await self._next_link(60)

    # the task

    def _start(self) -> None:
        if self._closed:
            return
        self._wake.set()
        if self._runner is None or self._runner.done():
            self._runner = asyncio.get_running_loop().create_task(
                self._run(), name=f"connection {self.name}"
            )

    async def _stop(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await runner
        self.secrets.cancel()
        self._answer(self._disconnected())

    def _disconnected(self) -> CodecastError:
        return CodecastError("unreachable", f"{self.name} was disconnected.")

    async def _run(self) -> None:
        delay = FIRST_DELAY
        was_up = False
        spare: asyncio.Task[Link] | None = None
        try:
            while True:
                self._set("reconnecting" if was_up else "connecting", self.error)
                quiet = spare is not None
                opening, spare = spare or self._opening(again=was_up), None
                try:
                    link = await owned(opening)
                except CodecastError as error:
                    if quiet:
                        continue  # it asked nobody; the next one may
                    if not self._may_try_again(error, was_up):
                        return
                    if error.code == "auth_failed":
                        delay = max(delay, AUTH_DELAY)
                    await self._pause(delay * random.uniform(0.7, 1.3))
                    delay = min(delay * 2, LAST_DELAY)
                    continue
                delay = FIRST_DELAY
                was_up = True
                self._up(link)
                spare = await self._serve()
                asked = any(not waiter.done() for waiter in self._waiters)
                if not self.wanted and not asked and spare is None:
                    self._set("offline", self.error)
                    return
        finally:
            if spare is not None:
                await discard(spare)
            link_left, self.current = self.current, None
            if link_left is not None:
                why = CodecastError("link_lost", f"{self.name} was disconnected.")
                await link_left.close(why)
                self._tell(self._listener.link_down(why))

    def _may_try_again(self, error: CodecastError, was_up: bool) -> bool:
        self.offered = error.offered if isinstance(error, HostKeyRefused) else None
        may_pass = PASSING_LATER if was_up else PASSING_KEPT if self._kept else PASSING
        passing = error.code in may_pass
        again = passing and self.wanted
        state = ("reconnecting" if was_up else "connecting") if again else "failed"
        self._set(state, error)
        self._answer(error)
        return again

    def _opening(self, again: bool, quiet: bool = False) -> asyncio.Task[Link]:
        """Where it was up before, an attempt that stands still is joined by others: quiet ones,
        as a person is asked once."""
        ask = self.secrets.quiet if quiet else self.secrets.ask

        def begin(number: int) -> Coroutine[Any, Any, Link]:
            return self._open(self.secrets.quiet if number else ask, again)

        opening = first_of(begin) if again else begin(0)
        return asyncio.get_running_loop().create_task(opening)

    async def _open(self, ask: Ask, again: bool) -> Link:
        try:
            return await self.route.open(ask, self._progress, again)
        except (CodecastError, asyncio.CancelledError):
            raise
        except Exception as error:  # a fault of ours must not end the task that reconnects
            raise CodecastError(
                "internal",
                f"Connecting to {self.name} failed in an unexpected way.",
                "Please report this.",
                f"{type(error).__name__}: {error}",
            ) from error

    def _up(self, link: Link) -> None:
        self.current = link
        self.offered = None
        link.on_notification = self._listener.notified
        self._set("online", None)
        self._tell(self._listener.link_up(link))
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(link)

    async def _serve(self) -> asyncio.Task[Link] | None:
        """Until the link has ended. Returns the attempt that already runs beside it, if any."""
        link = self.current
        assert link is not None
        silent, heard = asyncio.Event(), asyncio.Event()
        quiet_for = 0.0

        def on_silent(seconds: float) -> None:
            nonlocal quiet_for
            quiet_for = seconds
            heard.clear()
            silent.set()

        def on_heard() -> None:
            silent.clear()
            heard.set()

        link.on_silent, link.on_heard = on_silent, on_heard
        spare: asyncio.Task[Link] | None = None
        try:
            while await _either(link.closed, silent.wait()) != 0:
                self._set("reconnecting", _silence(self.name, quiet_for))
                spare, failed, begun = None, False, 0.0
                while not heard.is_set() and not link.closed.done():
                    if failed:
                        left = begun + SPARE_DELAY - time.monotonic()
                        await _either(link.closed, heard.wait(), timeout=max(left, 0))
                        failed = False
                        continue
                    if spare is None:
                        begun = time.monotonic()
                        spare = self._opening(again=True, quiet=True)
                    which = await _either(link.closed, heard.wait(), spare)
                    if which == 2:
                        failed = spare.exception() is not None
                        if not failed:
                            await link.close(_silence(self.name, quiet_for))
                        else:
                            spare = None
                if link.closed.done():
                    break
                silent.clear()
                self._set("online", None)
                if spare is not None:
                    await discard(spare)
                    spare = None
            why = link.closed.result()
            await link.close()
        except asyncio.CancelledError:
            if spare is not None:
                await discard(spare)
            raise
        self.current = None
        self._set("reconnecting", why)
        self._tell(self._listener.link_down(why))
        return spare

    async def _pause(self, seconds: float) -> None:
        self._wake.clear()
        with contextlib.suppress(asyncio.TimeoutError):
            await within(self._wake.wait(), seconds)

    # telling

    def _set(self, state: str, error: CodecastError | None) -> None:
        if state != self.state:
            self.since = time.time()
        changed = state != self.state or error is not self.error
        self.state, self.error = state, error
        if state != "connecting" and state != "reconnecting":
            self.progress = ""
        if changed:
            self._listener.state_changed()

    def _progress(self, text: str) -> None:
        self.progress = text
        self._listener.state_changed()

    def _secret_needed(self, error: CodecastError) -> None:
        self._set(self.state, error)
        self._answer(error)

    def _secret_settled(self) -> None:
        if self.error is not None and self.error.code == "secret_needed":
            self._set(self.state, None)

    def _answer(self, error: CodecastError) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(error)

    def _tell(self, what: Coroutine[Any, Any, None]) -> None:
        """Observers hear of ups and downs in order, and never hold the connection up."""
        self._tellers.put_nowait(what)
        if self._teller is None or self._teller.done():
            self._teller = asyncio.get_running_loop().create_task(self._tell_all())

    async def _tell_all(self) -> None:
        while True:
            what = await self._tellers.get()
            try:
                await what
            finally:
                self._tellers.task_done()


def _silence(name: str, seconds: float) -> CodecastError:
    return CodecastError(
        "link_lost",
        f"{name} has not answered for {seconds:.0f} s; a second connection is tried beside the"
        " first.",
        "Nothing on the machine was stopped.",
    )


async def _either(*what: Awaitable[Any], timeout: float | None = None) -> int | None:
    """The index of the first to be done (the lowest, if several); None at the timeout.

    Coroutines are cancelled afterwards, futures and tasks left alone.
    """
    tasks = [asyncio.ensure_future(item) for item in what]
    try:
        await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        return next((index for index, task in enumerate(tasks) if task.done()), None)
    finally:
        for item, task in zip(what, tasks, strict=True):
            if task is not item:
                task.cancel()
