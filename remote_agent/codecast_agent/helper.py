"""Something slow (a login shell, nvidia-smi) done in a forked child while the loop goes on.

Not a thread: forks and threads do not mix, and a child can be killed when it hangs.
"""

import json
import os
import signal
from functools import partial
from typing import Any, Callable, List, Optional, Tuple

from . import system
from .loop import Loop
from .protocol.errors import CodecastError

Done = Callable[[Any, Optional[CodecastError]], None]


class Helper:
    """Runs `call` in a child; `done(value, None)` or `done(None, problem)` follows in the loop.

    `value` travels as JSON. After `timeout` seconds the child is killed and `done` hears so.
    """

    def __init__(self, loop: Loop, call: Callable[[], Any], done: Done, timeout: float) -> None:
        self._loop = loop
        self._done: Optional[Done] = done
        self._parts: List[bytes] = []
        self._pid, self._fd = fork(partial(_answer, call))
        loop.reader(self._fd, self._read)
        self._cancel_timer = loop.after(timeout, lambda: self._late(timeout))

    def cancel(self) -> None:
        """`done` is not called any more."""
        self._done = None
        if self._fd >= 0:
            try:
                os.kill(self._pid, signal.SIGKILL)
            except OSError:
                pass
            self._end()

    def _late(self, timeout: float) -> None:
        done = self._done
        self.cancel()
        if done is not None:
            done(None, CodecastError("internal", "No answer within %g seconds." % timeout))

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 1 << 16)
        except BlockingIOError:
            return
        if data:
            self._parts.append(data)
            return
        self._end()
        done, self._done = self._done, None
        if done is None:
            return
        try:
            answer = json.loads(b"".join(self._parts))
        except ValueError:
            answer = {"error": {"code": "internal", "message": "A helper process was killed."}}
        if "error" in answer:
            done(None, CodecastError.from_json(answer["error"]))
        else:
            done(answer.get("value"), None)

    def _end(self) -> None:
        self._loop.forget(self._fd)
        os.close(self._fd)
        self._fd = -1
        self._cancel_timer()
        try:
            os.waitpid(self._pid, 0)
        except OSError:  # a supervisor reaps everything, so it may be gone
            pass


def fork(work: Callable[[int], None]) -> Tuple[int, int]:
    """Do `work(descriptor)` in a child that dies with us; its pid, and where to read (without
    blocking) what it writes to the descriptor."""
    system.preload()
    read, write = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _child(work, write, parent)
    os.close(write)
    os.set_blocking(read, False)
    return pid, read


def write_all(fd: int, data: bytes) -> None:
    """To a descriptor that blocks."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def outcome(call: Callable[[], Any]) -> "dict[str, Any]":
    """`{value}`, or `{error}` of what was raised."""
    try:
        return {"value": call()}
    except CodecastError as error:
        return {"error": error.to_json()}
    except Exception as error:
        return {"error": {"code": "internal", "message": repr(error)}}


def _answer(call: Callable[[], Any], write: int) -> None:
    write_all(write, json.dumps(outcome(call)).encode())


def _child(work: Callable[[int], None], write: int, parent: int) -> None:
    """The forked half: never returns."""
    try:
        signal.set_wakeup_fd(-1)
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(signum, signal.SIG_DFL)
        system.die_with_parent(signal.SIGKILL, parent)
        system.silence()
        system.close_all_but([write])
        work(write)
    finally:
        os._exit(0)
