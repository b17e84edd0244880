"""Terminals on machines: a login shell beside an agent, over the connection that is there.

The shell belongs to the connection and ends with it; pages come and go. What it has shown
last is kept, so that a page that comes back shows it again. A watcher that cannot follow
loses the oldest of what it has not shown and is told so: a flood holds nobody up.
"""

from __future__ import annotations

import asyncio
import base64
import codecs
import re
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from codecast_agent.protocol.errors import CodecastError

if TYPE_CHECKING:
    from .hub import Hub
    from .link import Link

KEPT = 256 << 10  # characters shown again to who comes back
BEHIND = 1 << 20  # characters a watcher may be behind
OPEN_LIMIT = 30.0  # seconds
LEFT_OUT = "\r\n\x1b[0m[… more was written than could be shown …]\r\n"


class Screen:
    """The last of what a terminal showed, as characters."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: deque[str] = deque()
        self.size = 0
        self.cut = False

    def add(self, text: str) -> None:
        self._parts.append(text)
        self.size += len(text)
        while self.size > self._limit and len(self._parts) > 1:
            self.size -= len(self._parts.popleft())
            self.cut = True

    def text(self) -> str:
        return "".join(self._parts)

    def take(self) -> str:
        """Everything, which is forgotten; where the beginning is lost it says so."""
        text = (LEFT_OUT if self.cut else "") + self.text()
        self._parts.clear()
        self.size, self.cut = 0, False
        return text


class Terminal:
    """One of them. Made by `Terminals.open`."""

    def __init__(self, name: str, machine: str, session: str | None, link: Link) -> None:
        self.name, self.machine, self.session = name, machine, session
        self.cwd = self.shell = ""
        self.active = time.time()
        self.ended = False
        self.lost = False  # it ended with its connection, not by itself
        self.channel = link.open_channel(self._shown)
        self._link = link
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._screen = Screen(KEPT)
        self._watchers: dict[asyncio.Event, Screen] = {}

    def to_json(self) -> dict[str, Any]:
        """The API's Terminal."""
        return {
            "name": self.name,
            "machine": self.machine,
            "session": self.session,
            "cwd": self.cwd,
            "shell": self.shell,
            "active": self.active,
        }

    async def start(self, params: dict[str, Any]) -> None:
        """Raises CodecastError."""
        params = {**params, "channel": self.channel}
        try:
            told = await self._link.call("terminal/open", params, timeout=OPEN_LIMIT)
        except CodecastError:
            self.end()
            raise
        self.cwd, self.shell = told["cwd"], told["shell"]

    def write(self, text: str) -> None:
        """What a person types. Nobody waits for the machine: keys keep their order."""
        self.active = time.time()
        data = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
        self._tell("terminal/write", data=data)

    def size(self, rows: int, columns: int) -> None:
        self._tell("terminal/size", rows=rows, columns=columns)

    def close(self) -> None:
        """Hang up."""
        self._tell("terminal/close")
        self.end()

    def _tell(self, method: str, **params: Any) -> None:
        if not self.ended:
            self._link.notify(method, {"channel": self.channel, **params})

    async def watch(self) -> AsyncIterator[str]:
        """What it showed last, then all that it shows, until it ends or the watcher goes."""
        screen, wake = Screen(BEHIND), asyncio.Event()
        if self._screen.size:
            screen.add(self._screen.text())
            wake.set()
        self._watchers[wake] = screen
        try:
            while True:
                if screen.size:
                    yield screen.take()
                elif self.ended:
                    return
                else:
                    wake.clear()
                    await wake.wait()
        finally:
            del self._watchers[wake]

    def _shown(self, data: bytes) -> None:
        text = self._decoder.decode(data, final=not data)
        if text:
            self.active = time.time()
            self._screen.add(text)
            for wake, screen in self._watchers.items():
                screen.add(text)
                wake.set()
        if not data:
            self.end()

    def lose(self) -> None:
        """Its connection has ended."""
        if not self.ended:
            self.lost = True
            self.end()

    def end(self) -> None:
        """It has ended; nothing more is shown."""
        self.ended = True
        self._link.close_channel(self.channel)
        for wake in self._watchers:
            wake.set()


class Terminals:
    """All of a hub's."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._all: dict[str, Terminal] = {}

    async def open(
        self,
        machine: str | None = None,
        session: str | None = None,
        cwd: str | None = None,
        rows: int = 24,
        columns: int = 80,
    ) -> Terminal:
        """In `cwd`, by default the directory of `session`, else home.

        Raises CodecastError: `bad_request`, `not_found`, `no_such_directory`, `not_supported`, or
        what keeps the machine away.
        """
        found = await self._hub.sessions.find(session) if session else None
        name = found.machine if found is not None else machine
        if not name:
            raise CodecastError("bad_request", "A terminal is opened on a machine or a session.")
        link = await self._hub.machines.get(name).link()
        if cwd is None and found is not None:
            cwd = (await self._hub.sessions.get(found.id))["cwd"]
        called = self._name(found.name if found is not None else name)
        terminal = Terminal(called, name, found.id if found is not None else None, link)
        self._all[called] = terminal
        link.closed.add_done_callback(lambda _: terminal.lose())
        await terminal.start({"cwd": cwd or "~", "rows": rows, "columns": columns})
        return terminal

    def _name(self, about: str) -> str:
        """One that fits into an address."""
        plain = re.sub(r"[^A-Za-z0-9_-]+", "-", about).strip("-") or "machine"
        self._forget()
        number = 1
        while f"{plain}-{number}" in self._all:
            number += 1
        return f"{plain}-{number}"

    def list(self) -> list[Terminal]:
        self._forget()
        return [*self._all.values()]

    def get(self, name: str) -> Terminal:
        """Raises CodecastError `not_found`."""
        self._forget()
        if name not in self._all:
            raise CodecastError(
                "not_found",
                f"There is no terminal {name!r} any more.",
                "It ends with its shell or with the connection to its machine. Open another one.",
            )
        return self._all[name]

    def _forget(self) -> None:
        self._all = {name: each for name, each in self._all.items() if not each.ended}
