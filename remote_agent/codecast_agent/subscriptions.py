"""From the journals' files to the hub: whole records, block by block, never parsed.

A subscription is a cursor in a session's files; replay and live are one path, so nothing is
lost or repeated between them. `Outlet` is the hub's end: what it is told goes before blocks,
and blocks are read from the files only as fast as they leave, so memory stays bounded. A
record longer than a block is passed on in pieces without being held.
"""

import os
from collections import deque
from typing import Deque, Dict, List, Optional, Union

from .journal import BLOCK, bounds, seek
from .loop import Call, Loop
from .places import Place
from .protocol.wire import block_header

HIGH_WATER = 1 << 20  # unsent bytes above which no journal is read


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

    def flush(self) -> None:
        """Write what can be written now."""
        try:
            while True:
                if self._current is None:
                    self._current = self._next()
                    if self._current is None:
                        break
                written = os.write(self._fd, self._current)
                self.size -= written
                rest = self._current[written:]
                self._current = rest if rest else None
        except BlockingIOError:
            pass
        except (OSError, EOFError):
            self._broken()
            return
        waiting = self._current is not None or bool(self._first) or bool(self._blocks)
        if waiting != self._watching:
            self._watching = waiting
            self._loop.writer(self._fd, self._writable if waiting else None)

    def _writable(self) -> None:
        self.flush()
        if self.size < HIGH_WATER // 2:
            self._room()


class Subscription:
    """A cursor in a session's journal."""

    def __init__(self, channel: int, place: Place, after: int) -> None:
        self.channel = channel
        self.place = place
        self.seq = after  # of the last record passed on
        self._fd = -1
        self._offset = 0
        self._scanned = 0  # no line end between _offset and here

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def pump(self, outlet: Outlet) -> bool:
        """Put one block; False when there is none now."""
        if self._fd < 0 and not self._open():
            return False
        data = os.pread(self._fd, BLOCK, self._offset)
        if not data:
            return self._next_segment() and self.pump(outlet)
        cut = data.rfind(b"\n") + 1
        if not cut:
            return self._pump_long(outlet)
        block = data[:cut]
        last = block.rfind(b"\n", 0, cut - 1) + 1
        self.seq = int(block[last : last + 24].split(b" ", 1)[0])
        self._offset += cut
        outlet.block(self.channel, block, cut)
        return True

    def _pump_long(self, outlet: Outlet) -> bool:
        """A record longer than a block, or one that is still being written."""
        if os.fstat(self._fd).st_size < self._scanned:
            self._scanned = 0  # a burial has cut what a dead supervisor had begun
        position = max(self._scanned, self._offset)
        while True:
            data = os.pread(self._fd, BLOCK, position)
            if not data:
                self._scanned = position
                return False
            end = data.find(b"\n")
            if end >= 0:
                break
            position += len(data)
        length = position + end + 1 - self._offset
        head = os.pread(self._fd, 24, self._offset)
        outlet.block(self.channel, Slice(self._fd, self._offset, length), length)
        self.seq = int(head.split(b" ", 1)[0])
        self._offset += length
        return True

    def _open(self) -> bool:
        found = seek(self.place.journal, self.seq)
        if found is None:
            return False
        path, self._offset = found
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._scanned = 0
        return True

    def _next_segment(self) -> bool:
        path = "%s/%016d.j" % (self.place.journal, self.seq + 1)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        if os.fstat(fd).st_ino == os.fstat(self._fd).st_ino:
            os.close(fd)  # the open one, with nothing in it yet
            return False
        if os.fstat(self._fd).st_size > self._offset:
            os.close(fd)  # it grew between our reading and the new one's beginning
            return True
        self.close()
        self._fd, self._offset, self._scanned = fd, 0, 0
        return True


class Subscriptions:
    """All of a relay's, served in turn."""

    def __init__(self, loop: Loop, fd: int, broken: Call) -> None:
        self.outlet = Outlet(loop, fd, broken, self.pump)
        self._all: Dict[int, Subscription] = {}
        self._ready: Deque[Subscription] = deque()

    def add(self, channel: int, place: Place, after: int) -> Optional[int]:
        """Begin; returns the journal's last seq, or None when `after` is beyond it."""
        last = bounds(place.journal)[1]
        self.remove(channel)
        if after > last:
            return None
        self._all[channel] = Subscription(channel, place, after)
        return last

    def begin(self, channel: int) -> None:
        """After the hub was told: the first blocks."""
        if channel in self._all:
            self._ready.append(self._all[channel])
            self.pump()

    def remove(self, channel: int) -> None:
        subscription = self._all.pop(channel, None)
        if subscription is not None:
            subscription.close()
            self._ready = deque(each for each in self._ready if each is not subscription)

    def grew(self, session: str) -> None:
        """A session's journal has more."""
        for subscription in self._all.values():
            if subscription.place.session == session and subscription not in self._ready:
                self._ready.append(subscription)
        self.pump()

    def end(self, session: str) -> None:
        """The session is gone with its files."""
        for channel in self.channels_of(session):
            self.remove(channel)

    def channels_of(self, session: str) -> List[int]:
        return [each.channel for each in self._all.values() if each.place.session == session]

    def pump(self) -> None:
        """Blocks of those that have more, one each in turn, up to the high-water mark."""
        while self._ready and self.outlet.size < HIGH_WATER:
            subscription = self._ready.popleft()
            try:
                more = subscription.pump(self.outlet)
            except FileNotFoundError:
                more = False
            if more:
                self._ready.append(subscription)
            self.outlet.flush()
