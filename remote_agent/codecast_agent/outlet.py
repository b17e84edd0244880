"""The hub's end of a relay: frames on their way out, in order, never more than memory allows.

What a relay has to tell goes before blocks that wait. A block may be a part of a file, read
when it leaves. Supervisors may have the pipe too (see `lane`): what is larger than they can be
kept from by the pipe itself is written under the deed's lock.
"""

import os
from collections import deque
from typing import Deque, Optional, Union

from .journal import BLOCK
from .lane import ROOM, Deed
from .loop import Call, Loop
from .protocol.wire import block_header

HIGH_WATER = 1 << 20  # bytes held above which no journal is read
LOCK_EVERY = 0.001  # seconds, while a supervisor has the lock


class Slice:
    """A part of a file on its way out, read when it leaves."""

    def __init__(self, fd: int, offset: int, length: int) -> None:
        self._fd = os.dup(fd)
        self._offset = offset
        self._left = length

    def take(self) -> bytes:
        """The next piece; empty at the end. Raises EOFError when the file was cut."""
        if not self._left:
            os.close(self._fd)
            return b""
        data = os.pread(self._fd, min(BLOCK, self._left), self._offset)
        if not data:
            raise EOFError("a journal was cut while it was sent")
        self._offset += len(data)
        self._left -= len(data)
        return data


class Outlet:
    """Frames on their way to the hub; `room` is called when more may be put."""

    def __init__(self, loop: Loop, fd: int, broken: Call, room: Call) -> None:
        self._loop = loop
        self._fd = fd
        self._broken = broken
        self._room = room
        self._first: Deque[bytes] = deque()
        self._blocks: Deque[Union[bytes, Slice]] = deque()
        self._current: Union[memoryview, None] = None
        self._watching = False
        self._locked_out = False  # and a timer will look again
        self.deed: Optional[Deed] = None  # once lanes are lent
        self.size = 0  # bytes held

    def tell(self, frame: bytes) -> None:
        """A message: it goes before blocks that wait."""
        self._first.append(frame)
        self.size += len(frame)
        if not self._watching:
            self.flush()

    def block(self, channel: int, data: Union[bytes, Slice], length: int) -> None:
        """A block of `length` bytes; the caller flushes."""
        header = block_header(channel, length)
        if isinstance(data, bytes):
            self._blocks.append(header + data)
            self.size += len(header) + length
        else:
            self._blocks.append(header)
            self._blocks.append(data)
            self.size += len(header)

    def _next(self) -> Optional[memoryview]:
        """What leaves next. A slice at the head of the blocks is the rest of a frame."""
        while self._blocks and isinstance(self._blocks[0], Slice):
            piece = self._blocks[0].take()
            if piece:
                self.size += len(piece)
                return memoryview(piece)
            self._blocks.popleft()
        if self._first:
            return memoryview(self._first.popleft())
        if self._blocks:
            block = self._blocks.popleft()
            assert isinstance(block, bytes)
            return memoryview(block)
        return None

    def _mid_frame(self) -> bool:
        return bool(self._blocks) and isinstance(self._blocks[0], Slice)

    def _may_write(self, deed: Deed, data: memoryview) -> bool:
        if (len(data) <= ROOM and not self._mid_frame()) or deed.lock():
            return True
        if not self._locked_out:
            self._locked_out = True
            self._loop.after(LOCK_EVERY, self._look_again)
        return False

    def _look_again(self) -> None:
        self._locked_out = False
        self._writable()

    def flush(self) -> None:
        """Write what can be written now."""
        deed = self.deed
        try:
            while True:
                if self._current is None:
                    self._current = self._next()
                    if self._current is None:
                        break
                if deed is not None and not self._may_write(deed, self._current):
                    break
                written = os.write(self._fd, self._current)
                self.size -= written
                rest = self._current[written:]
                self._current = rest if rest else None
                if deed is not None and self._current is None and not self._mid_frame():
                    deed.unlock()
        except BlockingIOError:
            pass
        except (OSError, EOFError):
            self._broken()
            return
        waiting = self._current is not None or bool(self._first) or bool(self._blocks)
        waiting = waiting and not self._locked_out
        if waiting != self._watching:
            self._watching = waiting
            self._loop.writer(self._fd, self._writable if waiting else None)

    def _writable(self) -> None:
        self.flush()
        if self.size < HIGH_WATER // 2:
            self._room()
