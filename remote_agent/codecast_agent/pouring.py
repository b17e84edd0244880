"""A stretch of a file, read by a child and passed on to the hub as blocks of a channel.

One child reads the whole stretch, for a network disk may hang. Its bytes are nobody's to hold:
they are taken from it as fast as they leave, and behind what waits to leave already, so that
events come between.
"""

import fcntl
import json
import os
import signal
from functools import partial
from typing import Any, Callable, Dict, Tuple

from .helper import fork, outcome, write_all
from .journal import BLOCK
from .loop import Loop
from .outlet import Outlet
from .protocol.errors import CodecastError
from .waiter import Waiter

HELD = 256 << 10  # bytes that wait to leave, above which nothing more is taken
PAUSE = 0.002  # seconds until looking again whether they have left
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ, which Python 3.8 does not name
Opened = Tuple[int, Dict[str, Any]]  # a descriptor, and what to tell of the file


class Pour:
    """`open` is called in the child. The waiter is answered with what it tells and the `length`
    that was passed on, when all of it was; or refused, as after `patience` seconds without a byte.
    """

    def __init__(
        self,
        loop: Loop,
        outlet: Outlet,
        channel: int,
        open: Callable[[], Opened],
        stretch: Tuple[int, int],
        patience: float,
        waiter: Waiter,
    ) -> None:
        self._loop = loop
        self._outlet = outlet
        self._channel = channel
        self._patience = patience
        self._waiter = waiter
        self._head = b""
        self._about: Dict[str, Any] = {}
        self._length = 0
        self._pid, self._fd = fork(partial(_pour, open, stretch))
        loop.reader(self._fd, self._read)
        self._cancel_timer = loop.after(patience, self._late)

    def _read(self) -> None:
        if self._outlet.size > HELD:
            self._loop.reader(self._fd, None)
            self._loop.after(PAUSE, self._again)
            return
        try:
            data = os.read(self._fd, BLOCK)
        except BlockingIOError:
            return
        self._cancel_timer()
        self._cancel_timer = self._loop.after(self._patience, self._late)
        if not data:
            self._over()
            return
        if not self._about:
            self._head += data
            line, end, data = self._head.partition(b"\n")
            if not end:
                return
            self._about = json.loads(line)
        if data:
            self._length += len(data)
            self._outlet.block(self._channel, data, len(data))
            self._outlet.flush()

    def _again(self) -> None:
        if self._fd >= 0:
            self._loop.reader(self._fd, self._read)

    def _over(self) -> None:
        self._end()
        if "value" in self._about:
            self._waiter.reply({**self._about["value"], "length": self._length})
        elif "error" in self._about:
            self._waiter.refuse(CodecastError.from_json(self._about["error"]))
        else:
            self._waiter.refuse(CodecastError("internal", "A helper process was killed."))

    def _late(self) -> None:
        if self._outlet.size > HELD:  # it is the line that does not move
            self._cancel_timer = self._loop.after(self._patience, self._late)
            return
        try:
            os.kill(self._pid, signal.SIGKILL)
        except OSError:
            pass
        self._end()
        problem = CodecastError("internal", "No answer within %g seconds." % self._patience)
        self._waiter.refuse(problem)

    def _end(self) -> None:
        self._loop.forget(self._fd)
        os.close(self._fd)
        self._fd = -1
        self._cancel_timer()
        try:
            os.waitpid(self._pid, 0)
        except OSError:
            pass


def _pour(open: Callable[[], Opened], stretch: Tuple[int, int], write: int) -> None:
    """The child's: one line of JSON, `{value}` or `{error}`, then the bytes."""
    found = outcome(open)
    offset, left = stretch
    fd = -1
    if "value" in found:
        fd, about = found["value"]
        found = {"value": {**about, "offset": offset}}
    write_all(write, json.dumps(found).encode() + b"\n")
    try:
        fcntl.fcntl(write, _SET_PIPE_SIZE, BLOCK)
    except OSError:
        pass  # more than the system allows a person
    while left and fd >= 0:
        try:
            data = os.pread(fd, min(left, BLOCK), offset)
        except OSError:
            return  # what came until here is told; the rest is asked for again and refused then
        if not data:
            return
        write_all(write, data)
        offset += len(data)
        left -= len(data)
