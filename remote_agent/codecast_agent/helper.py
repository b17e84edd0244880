"""Something slow (a login shell, nvidia-smi) done in a forked child while the loop goes on.

Not a thread: forks and threads do not mix, and a child can be killed when it hangs.
"""

import json
import os
import signal
from typing import Any, Callable, List, Optional

from . import system
from .loop import Loop
from .protocol.errors import CodecastError

Done = Callable[[Any, Optional[CodecastError]], None]


class Helper:
    """Runs `call` in a child; `done(value, None)` or `done(None, problem)` follows in the loop.

    `value` travels as JSON. After `timeout` seconds the child is killed and `done` hears so.
    """

    def __init__(self, loop: Loop, call: Callable[[], Any], done: Done, timeout: float) -> None:
        system.preload()
        self._loop = loop
        self._done: Optional[Done] = done
        self._parts: List[bytes] = []
        self._fd, write = os.pipe()
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            _work(call, write, parent)
        os.close(write)
        os.set_blocking(self._fd, False)
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


def _work(call: Callable[[], Any], write: int, parent: int) -> None:
    """The forked half: never returns."""
    try:
        signal.set_wakeup_fd(-1)
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(signum, signal.SIG_DFL)
        system.die_with_parent(signal.SIGKILL, parent)
        system.silence()
        system.close_all_but([write])
        try:
            answer = {"value": call()}
        except CodecastError as problem:
            answer = {"error": problem.to_json()}
        except Exception as problem:
            answer = {"error": {"code": "internal", "message": repr(problem)}}
        data = memoryview(json.dumps(answer).encode())
        while data:
            data = data[os.write(write, data) :]
    finally:
        os._exit(0)
