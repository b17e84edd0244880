"""A relay's end of a supervisor's socket."""

import json
import socket
import struct
from typing import Any, Callable, Dict, List

from .journal import End
from .lane import Deed
from .loop import NOTHING, Call, Loop
from .protocol import wire
from .protocol.errors import CodecastError
from .streams import READ, Lines, Outbox
from .waiter import Waiter

LOST = CodecastError(
    "link_lost",
    "The session's supervisor ended before it answered.",
    "Look at the session's state, then do it again.",
)


class Link:
    """Calls go out, answers and wake-ups come in. `lost` is called once, after every open
    call was refused with LOST. `returned(channel, end)`: the supervisor gave a lane back."""

    def __init__(
        self,
        loop: Loop,
        connection: socket.socket,
        woken: Call,
        returned: Callable[[int, End], None],
        lost: Call,
    ) -> None:
        self._loop = loop
        self._connection = connection
        self._woken = woken
        self._returned = returned
        self._has_deed = False
        self._lost = lost
        self._lines = Lines(wire.MAX_LINE)
        self._calls: Dict[int, Waiter] = {}
        self._count = 0
        self._mourners: List[Call] = []
        self.bereft: Call = NOTHING  # called when a lane was lent and the link is lost
        self.open = True
        self._out = Outbox(loop, connection.fileno(), self.close)
        loop.reader(connection.fileno(), self._read)

    def call(self, method: str, params: Dict[str, Any], waiter: Waiter) -> None:
        """Ask the supervisor."""
        if not self.open:
            waiter.refuse(LOST)
            return
        self._count += 1
        self._calls[self._count] = waiter
        self._out.put(wire.request(self._count, method, params))

    def lend(self, deed: Deed, channel: int, seq: int, waiter: Waiter) -> bool:
        """Offer a lane (see `lane`); False when that must wait. `{taken}` is the answer."""
        if not self.open or self._out:
            return False
        frame = wire.request(self._count + 1, "lend", {"channel": channel, "seq": seq})
        fds = [] if self._has_deed else deed.fds
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("%di" % len(fds), *fds))]
        try:
            sent = self._connection.sendmsg([frame], rights if fds else [])
        except OSError:
            return False
        self._has_deed = True
        self._count += 1
        self._calls[self._count] = waiter
        self._out.put(frame[sent:])
        return True

    def when_lost(self, call: Call) -> None:
        """Call once the supervisor is gone."""
        if self.open:
            self._mourners.append(call)
        else:
            call()

    def _read(self) -> None:
        try:
            data = self._connection.recv(READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        woken = False
        for line in self._lines.feed(data)[0]:
            if line == b"!":
                woken = True
            elif line[:1] == b"!":
                channel, *end = map(int, line[1:].split(b" "))
                self._returned(channel, (end[0], end[1], end[2]))
            else:
                self._take(line)
        if woken and self.open:
            self._woken()

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
            waiter = self._calls.pop(message["id"], None)
        except (ValueError, KeyError, TypeError):
            self.close()
            return
        if waiter is None:
            return
        if "error" in message:
            waiter.refuse(CodecastError.from_json(message["error"].get("data")))
        else:
            waiter.reply(message.get("result"))

    def close(self) -> None:
        """The supervisor is gone, or we are."""
        if not self.open:
            return
        self.open = False
        self._out.close()
        self._loop.forget(self._connection.fileno())
        self._connection.close()
        calls, self._calls = self._calls, {}
        for waiter in calls.values():
            waiter.refuse(LOST)
        self.bereft()
        self._lost()
        for call in self._mourners:
            call()
