"""From the journals' files to the hub: whole records, block by block, never parsed.

A subscription is a cursor in a session's files; replay and live are one path, so nothing is
lost or repeated between them. Blocks are read only as fast as they leave, so memory stays
bounded, and a record longer than a block is passed on in pieces without being held. Once
everything has left, the channel is lent to the session's supervisor (see `lane`), until it
gives it back.
"""

import os
import time
from collections import deque
from functools import partial
from typing import Any, Callable, Deque, Dict, List, Optional

from .journal import BLOCK, End, bounds, first_seq_of, seek, segment_path
from .lane import Deed
from .links import Link
from .loop import Call, Loop
from .outlet import HIGH_WATER, Outlet, Slice
from .places import Place
from .protocol.errors import CodecastError
from .waiter import Waiter

REST = 0.01  # seconds until a lane that was given back is lent again


class Loan:
    """A lane offered to the supervisor at the other end of `link`, or lent to it."""

    def __init__(self, link: Link) -> None:
        self.link = link


class Subscription:
    """A cursor in a session's journal."""

    def __init__(self, channel: int, place: Place, after: int) -> None:
        self.channel = channel
        self.place = place
        self.seq = after  # of the last record passed on
        self._fd = -1
        self._segment = 0  # its first seq
        self._offset = 0
        self._scanned = 0  # no line end between _offset and here
        self.queued = False  # for its turn
        self.live = False  # its session has said something since it began
        self.loan: Optional[Loan] = None  # the lane is lent, or offered
        self.lend_from = 0.0  # not before

    @property
    def end(self) -> End:
        return self.seq, self._segment, self._offset

    def move(self, end: End) -> None:
        """Go on from there."""
        seq, segment, offset = end
        if seq == self.seq:
            return
        if segment != self._segment:
            self.close()
            fd = os.open(segment_path(self.place.journal, segment), os.O_RDONLY | os.O_CLOEXEC)
            self._fd, self._segment = fd, segment
        self.seq, self._offset, self._scanned = seq, offset, 0

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
        self._segment = first_seq_of(path)
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._scanned = 0
        return True

    def _next_segment(self) -> bool:
        path = segment_path(self.place.journal, self.seq + 1)
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
        self._fd, self._segment, self._offset, self._scanned = fd, self.seq + 1, 0, 0
        return True


class Subscriptions:
    """All of a relay's, served in turn. `link_of` leads to a session's supervisor."""

    def __init__(self, loop: Loop, fd: int, broken: Call) -> None:
        self.outlet = Outlet(loop, fd, broken, self.pump)
        self.link_of: Callable[[str], Optional[Link]] = lambda session: None
        self._fd = fd
        self._all: Dict[int, Subscription] = {}
        self._of: Dict[str, List[Subscription]] = {}  # by session
        self._ready: Deque[Subscription] = deque()
        self._deed: Optional[Deed] = None
        self._lends = True

    def add(self, channel: int, place: Place, after: int) -> Optional[int]:
        """Begin; returns the journal's last seq, or None when `after` is beyond it."""
        last = bounds(place.journal)[1]
        self.remove(channel)
        if after > last:
            return None
        for other in self._of.get(place.session, ()):
            self._recall(other)
        self._all[channel] = new = Subscription(channel, place, after)
        self._of.setdefault(place.session, []).append(new)
        return last

    def begin(self, channel: int) -> None:
        """After the hub was told: the first blocks."""
        if channel in self._all:
            self._again(self._all[channel])

    def remove(self, channel: int) -> None:
        subscription = self._all.pop(channel, None)
        if subscription is None:
            return
        self._recall(subscription)
        subscription.close()
        session = subscription.place.session
        self._of[session].remove(subscription)
        if not self._of[session]:
            del self._of[session]
        if subscription.queued:
            self._ready.remove(subscription)

    def grew(self, session: str) -> None:
        """A session's journal has more."""
        for subscription in self._of.get(session, ()):
            subscription.live = True
            if not subscription.queued and subscription.loan is None:
                subscription.queued = True
                self._ready.append(subscription)
        self.pump()

    def end(self, session: str) -> None:
        """The session is gone with its files."""
        for channel in self.channels_of(session):
            self.remove(channel)

    def channels_of(self, session: str) -> List[int]:
        return [each.channel for each in self._of.get(session, ())]

    def pump(self) -> None:
        """Blocks of those that have more, one each in turn, up to the high-water mark."""
        while self._ready and self.outlet.size < HIGH_WATER:
            subscription = self._ready.popleft()
            try:
                more = subscription.pump(self.outlet)
            except FileNotFoundError:
                more = False
            subscription.queued = more
            if more:
                self._ready.append(subscription)
            self.outlet.flush()
            if not more:
                self._lend(subscription)

    def _again(self, subscription: Subscription) -> None:
        if not subscription.queued:
            subscription.queued = True
            self._ready.append(subscription)
        self.pump()

    # -- lanes

    def _lend(self, subscription: Subscription) -> None:
        """Offer the lane of a live session of which nothing is left to send."""
        session, channel = subscription.place.session, subscription.channel
        link = self.link_of(session)
        if link is None or not subscription.live or not self._lends or self.outlet.size:
            return
        alone = len(self._of.get(session, ())) == 1 and subscription.loan is None
        if not alone or time.monotonic() < subscription.lend_from:
            return
        if self._deed is None:
            self._deed = self.outlet.deed = Deed.make(self._fd)
            self._lends = self._deed is not None
            if self._deed is None:
                return

        loan = Loan(link)
        back = partial(self._back, subscription, loan)

        def answered(value: Any) -> None:
            if not value.get("taken"):  # it was faster: there is more in the file
                back()

        def refused(problem: CodecastError) -> None:
            if problem.code == "not_supported":  # an older supervisor
                subscription.lend_from = float("inf")
            back()

        self._deed.note(channel, subscription.end)
        if link.lend(self._deed, channel, subscription.seq, Waiter(answered, refused)):
            subscription.loan, link.bereft = loan, back

    def returned(self, channel: int, end: End) -> None:
        """A supervisor gives a lane back: `end` is how far it passed it on."""
        subscription = self._all.get(channel)
        if subscription is not None:
            subscription.lend_from = time.monotonic() + REST
            self._back(subscription, subscription.loan, end)

    def _recall(self, subscription: Subscription) -> None:
        loan = subscription.loan
        if loan is None:
            return

        def answered(value: Any) -> None:
            self._back(subscription, loan, value.get("end"))

        back = Waiter(answered, lambda problem: self._back(subscription, loan))
        loan.link.call("recall", {"channel": subscription.channel}, back)

    def _back(
        self, subscription: Subscription, loan: Optional[Loan], end: Optional[End] = None
    ) -> None:
        """The channel is ours again, from `end` on or where the deed says."""
        if loan is None or subscription.loan is not loan:
            return
        subscription.loan = None
        assert self._deed is not None
        if self._all.get(subscription.channel) is subscription:
            try:
                subscription.move(end or self._deed.noted(subscription.channel))
            except OSError:
                return  # the session was removed
            self._again(subscription)
