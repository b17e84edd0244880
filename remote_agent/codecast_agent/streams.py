"""Bytes cut into lines, and bytes that wait until a descriptor takes them.

Both are linear in the bytes however they arrive: a line of 64 MiB comes in 1,000 reads of a
pipe and leaves in as many writes.
"""

import errno
import os
from collections import deque
from typing import Callable, Deque, List, Optional, Tuple

from .loop import Loop

# bytes a read of a pipe or socket: a buffer from the heap, where more would be mapped and unmapped
# each time, and what becomes of more lines at once would stay in memory
READ = 64 << 10


class Lines:
    """Lines without their ends. One longer than `limit` is dropped whole and its length told."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: List[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Tuple[List[bytes], List[int]]:
        """The lines that `data` completes, and the lengths of those that were too long."""
        if not self._size and data[-1:] == b"\n" and len(data) <= self._limit:  # nearly always
            lines = data.split(b"\n")
            lines.pop()
            return lines, []
        end = data.find(b"\n")
        if end < 0:
            self._keep(data)
            return [], []
        self._keep(data[:end])
        first = self.rest()
        lines = data[end + 1 :].split(b"\n")
        self._keep(lines.pop())
        too_long = [first] if isinstance(first, int) else []
        if isinstance(first, bytes):
            lines.insert(0, first)
        if len(data) > self._limit:
            too_long += [len(line) for line in lines if len(line) > self._limit]
            lines = [line for line in lines if len(line) <= self._limit]
        return lines, too_long

    def rest(self) -> "bytes | int":
        """What came after the last line end, at the end of the stream: bytes, or a length."""
        parts, size = self._parts, self._size
        self._parts, self._size = [], 0
        return size if size > self._limit else b"".join(parts)

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            self._parts = []
        elif data:
            self._parts.append(data)


class Outbox:
    """Bytes on their way to a non-blocking descriptor."""

    def __init__(self, loop: Loop, fd: int, broken: Callable[[], None]) -> None:
        self._loop = loop
        self._fd = fd
        self._broken = broken
        self._queue: Deque[bytes] = deque()
        self._offset = 0  # bytes of the first one that are written
        self._watching = False
        self.drained: Optional[Callable[[], None]] = None  # called each time it becomes empty

    def __bool__(self) -> bool:
        return bool(self._queue)

    def put(self, data: bytes) -> None:
        if not data:
            return
        if self._watching:
            self._queue.append(data)
            return
        try:
            written = os.write(self._fd, data)
        except (BlockingIOError, InterruptedError):
            written = 0
        except OSError:
            self._fail()
            return
        if written < len(data):
            self._queue.append(data)
            self._offset = written
            self.flush()
        elif self.drained is not None:
            self.drained()

    def flush(self) -> None:
        """Write what can be written now."""
        try:
            while self._queue:
                data = self._queue[0]
                view = memoryview(data)[self._offset : self._offset + (1 << 20)]
                self._offset += os.write(self._fd, view)
                if self._offset == len(data):
                    self._queue.popleft()
                    self._offset = 0
        except BlockingIOError:
            pass
        except OSError as problem:
            if problem.errno != errno.EINTR:
                self._fail()
                return
        if self._watching != bool(self._queue):
            self._watching = bool(self._queue)
            self._loop.writer(self._fd, self.flush if self._watching else None)
        if not self._queue and self.drained is not None:
            self.drained()

    def _fail(self) -> None:
        self.close()
        self._broken()

    def close(self) -> None:
        """Forget what is unsent; the descriptor stays its owner's."""
        self._queue.clear()
        self._offset = 0
        if self._watching:
            self._watching = False
            self._loop.writer(self._fd, None)
