"""The short way of live records: from a supervisor straight into its hub's pipe.

A relay that has nothing left to send of a session lends the supervisor its own stdout, for
that one channel. What the journal takes from then on is written there by the supervisor in the
same breath, and the relay sleeps: a process less on the way of every event. The lane goes back
at the first difficulty (a batch that is not small, a full pipe, a frame of the relay's half
out, a gap), and the relay goes on from the file, which has everything: there is one owner of a
channel at any time, so nothing is lost, doubled or out of order.

What makes it safe: a write of at most PIPE_BUF bytes to a pipe is whole or not at all, also
when its writer is killed. Larger frames are the relay's alone, and while one is under way it
holds a lock (`Deed`), without which no supervisor writes. The deed also has how far each lane
came, for a relay whose supervisor died.
"""

import fcntl
import os
import select
import stat
import struct
from fcntl import lockf
from typing import List, Optional

from .journal import End
from .protocol.wire import block_header

ROOM = getattr(select, "PIPE_BUF", 512)  # bytes of a frame that is written whole or not at all
RECORDS = ROOM - 32  # of it, behind the header
BATCH = 4 * RECORDS  # what is more at once the relay passes on faster
LOCK_NB, LOCK_UN = fcntl.LOCK_EX | fcntl.LOCK_NB, fcntl.LOCK_UN
_END = struct.Struct("<QQQ")
_pack = _END.pack


class Deed:
    """A page that a relay and the supervisors share: the pipe's lock, and how far each channel is.

    `fds` is what a supervisor needs: the pipe and the page.
    """

    def __init__(self, pipe: int, page: int) -> None:
        self.pipe = pipe
        self.page = page
        self._held = False

    @classmethod
    def make(cls, pipe: int) -> "Optional[Deed]":
        """A relay's, of its stdout; None where that is no pipe or the system has no such page."""
        try:
            if not stat.S_ISFIFO(os.fstat(pipe).st_mode):
                return None
            return cls(pipe, os.memfd_create("codecast-lanes"))
        except (OSError, AttributeError):
            return None

    @property
    def fds(self) -> List[int]:
        return [self.pipe, self.page]

    def lock(self) -> bool:
        """Keep the others' frames out; False when one of them is writing just now."""
        if not self._held:
            try:
                lockf(self.page, LOCK_NB, 1)
            except OSError:
                return False
            self._held = True
        return True

    def unlock(self) -> None:
        if self._held:
            self._held = False
            lockf(self.page, LOCK_UN, 1)

    def note(self, channel: int, end: End) -> None:
        """The records of `channel` up to `end` are in the pipe."""
        os.pwrite(self.page, _END.pack(*end), _END.size * (1 + channel))

    def noted(self, channel: int) -> End:
        data = os.pread(self.page, _END.size, _END.size * (1 + channel))
        seq, segment, offset = _END.unpack(data)
        return seq, segment, offset

    def close(self) -> None:
        for fd in self.fds:
            os.close(fd)


class Lane:
    """A supervisor's, while it is lent: `end` is how far it was passed on."""

    def __init__(self, deed: Deed, channel: int, end: End) -> None:
        self.channel = channel
        self.end = end
        self._deed = deed
        self._place = _END.size * (1 + channel)

    def pass_on(self, data: bytes, after: int, end: End) -> bool:
        """Write the records after `after` and up to `end`, as frames that are whole or not there;
        False when that cannot be (`end` tells how far it went): the lane is to be given back."""
        if after != self.end[0] or not 0 < len(data) <= BATCH:
            return False
        page, pipe = self._deed.page, self._deed.pipe
        try:
            lockf(page, LOCK_NB, 1)
        except OSError:  # a frame of the relay's is under way
            return False
        try:
            while len(data) > RECORDS:
                cut = data.rfind(b"\n", 0, RECORDS) + 1
                if not cut:
                    return False  # a large record
                os.write(pipe, block_header(self.channel, cut) + data[:cut])
                after += data.count(b"\n", 0, cut)
                data = data[cut:]
                self.end = after, end[1], end[2] - len(data)
                os.pwrite(page, _pack(*self.end), self._place)
            os.write(pipe, block_header(self.channel, len(data)) + data)
        except OSError:  # full, or nobody reads any more
            return False
        finally:
            lockf(page, LOCK_UN, 1)
        self.end = end
        os.pwrite(page, _pack(*end), self._place)
        return True
