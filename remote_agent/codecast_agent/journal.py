"""The journal of a session on disk: numbered, durable, replayable.

A directory of segments named by their first seq (16 digits, `.j`), each a run of records
(`protocol.records`). One process writes, the holder of the session's lock; any number read
the files. `write` alone outlives every kill of a process; `fdatasync` matters when the
machine itself goes down, so its rule is the caller's (`sync`).

On a full disk `append` keeps the bytes in memory and `full` says why: the writer then stops
producing and calls `flush` until it succeeds. Nothing is dropped.
"""

import os
import time
from typing import BinaryIO, Iterator, List, Optional, Tuple

from .protocol import records
from .protocol.errors import CodecastError
from .system import datasync

SEGMENT = 8 << 20  # bytes, after which a new segment begins
BLOCK = 256 << 10
End = Tuple[int, int, int]  # (seq of the last record before it, first seq of the segment, offset)


def segments(directory: str) -> List[str]:
    """The paths of the segments, oldest first."""
    try:
        names = sorted(name for name in os.listdir(directory) if _is_segment(name))
    except FileNotFoundError:
        return []
    return [directory + "/" + name for name in names]


def _is_segment(name: str) -> bool:
    return len(name) == 18 and name.endswith(".j") and name[:16].isdigit()


def segment_path(directory: str, first: int) -> str:
    """Of the segment whose first record is `first`."""
    return "%s/%016d.j" % (directory, first)


def first_seq_of(path: str) -> int:
    """The seq of the first record of a segment, by its name."""
    return int(os.path.basename(path)[:16])


def bounds(directory: str) -> Tuple[int, int]:
    """`(first_seq, last_seq)` of the whole records on disk; `(1, 0)` when there is none."""
    paths = segments(directory)
    if not paths:
        return 1, 0
    return first_seq_of(paths[0]), _last(paths[-1])[0]


def last_payload(directory: str) -> bytes:
    """The JSON of the last whole record; empty when there is none."""
    for path in reversed(segments(directory)):
        payload = _last(path)[1]
        if payload:
            return payload
    return b""


def _last(path: str) -> Tuple[int, bytes]:
    """`(seq, payload)` of a segment's last whole record; of an empty one the seq before it."""
    with open(path, "rb") as file:
        start = file.seek(0, 2)
        tail = b""
        while start:
            step = min(start, max(BLOCK, len(tail)))  # doubles: linear for a huge record
            start -= step
            file.seek(start)
            tail = file.read(step) + tail
            end = tail.rfind(b"\n")
            while end >= 0:
                begin = tail.rfind(b"\n", 0, end) + 1
                if begin == 0 and start:
                    break  # the record begins further up
                parts = tail[begin:end].split(b" ", 3)
                if len(parts) == 4 and parts[0].isdigit():
                    return int(parts[0]), parts[3]
                end = begin - 1
    return first_seq_of(path) - 1, b""


def seek(directory: str, after: int) -> Optional[Tuple[str, int]]:
    """`(path, offset)` of the first record with a seq above `after`, or of the end of the
    last segment; None when there is no segment. Bisects; no index is kept."""
    paths = segments(directory)
    if not paths:
        return None
    path = paths[0]
    for candidate in paths:
        if first_seq_of(candidate) <= after + 1:
            path = candidate
    if after < first_seq_of(path):
        return path, 0
    with open(path, "rb") as file:
        low, high = 0, file.seek(0, 2)
        while low < high:
            middle = (low + high) // 2
            position = _line_start(file, middle)
            file.seek(position)
            head = file.read(24)
            number = head.split(b" ", 1)[0]
            if position >= high or not number.isdigit() or int(number) > after:
                high = middle
            else:
                file.seek(position)
                line = file.readline()
                if not line.endswith(b"\n"):
                    high = middle
                else:
                    low = position + len(line)
        return path, low


def _line_start(file: BinaryIO, offset: int) -> int:
    """The first line start at or after `offset`."""
    if offset == 0:
        return 0
    file.seek(offset - 1)
    file.readline()
    return file.tell()


def scan(directory: str) -> Iterator[Tuple[int, int, bytes]]:
    """`(seq, time_us, payload)` of every whole record, checksums unread (`Journal` checked
    the tail, and what lies before it was synced)."""
    for path in segments(directory):
        with open(path, "rb", BLOCK) as file:
            for line in file:
                parts = line.split(b" ", 3)
                if line.endswith(b"\n") and len(parts) == 4:
                    yield int(parts[0]), int(parts[1]), parts[3][:-1]


class Journal:
    """The one writer. Opening it cuts off what a crash of the machine left broken.

    `seq` is the last number given, `full` the reason why bytes wait for space (else None),
    `news` what the last `append` wrote, all of it after the record `news_after`; `segment` is the
    first seq of the open segment.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.seq = 0
        self.full: Optional[OSError] = None
        self.dirty = False
        self.news = b""
        self.news_after = 0
        self.segment = 0
        self._pending = b""  # records that are not on disk yet
        self._first = 1  # the seq of the first of them
        self._held = 0  # bytes of an unfinished batch that are on disk
        self._fd = -1
        self._size = 0  # bytes of finished batches in the open segment
        os.makedirs(directory, 0o700, exist_ok=True)
        paths = segments(directory)
        if paths:
            self._repair(paths[-1])

    def _repair(self, path: str) -> None:
        expected = self.segment = first_seq_of(path)
        size = 0
        with open(path, "rb", BLOCK) as file:
            for line in file:
                record = records.split(line[:-1]) if line.endswith(b"\n") else None
                if record is None or record[0] != expected:
                    break
                expected += 1
                size += len(line)
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        if os.fstat(self._fd).st_size > size:
            os.ftruncate(self._fd, size)
            os.fsync(self._fd)
        self.seq, self._size = expected - 1, size

    @property
    def end(self) -> End:
        """Where the next record will begin."""
        return self.seq, self.segment, self._size

    def append(self, payloads: List[bytes], times: Optional[List[int]] = None) -> bool:
        """Number and write events (`records.dump`) at once; False when they wait for space.

        `times` (microseconds) tells when each happened, where that is not now.
        """
        now = int(time.time() * 1e6)
        if not self._pending:
            self._first = self.seq + 1
        out = [self._pending] if self._pending else []
        for index, payload in enumerate(payloads):
            self.seq += 1
            out.append(records.encode(self.seq, times[index] if times else now, payload))
        data = b"".join(out)
        self._pending = data
        whole = not self._held
        if not self.flush():
            self.news = b""
            return False
        self.news, self.news_after = data if whole else b"", self._first - 1
        return True

    def append_or_refuse(self, payloads: List[bytes]) -> None:
        """`append` and `sync`, or nothing at all and CodecastError("disk_full")."""
        problem = self.full
        if problem is None:
            seq = self.seq
            if self.append(payloads) and self.sync():
                return
            problem = self.full
            if self._pending:
                if self._held:  # a part of the batch is on disk: take it back
                    os.ftruncate(self._fd, self._size)
                self.seq, self._pending, self._held, self.full = seq, b"", 0, None
            else:
                return  # written; only the disk's word is missing, and `full` keeps asking
        raise CodecastError(
            "disk_full",
            "The machine cannot store it: %s." % (problem.strerror if problem else "disk full"),
            "Free space for %s, then send it again. Nothing else was lost." % self.directory,
        )

    def flush(self) -> bool:
        """Write what waits; False, with the reason in `full`, when the disk takes no more."""
        try:
            if self._pending:
                if self._fd < 0 or (self._size >= SEGMENT and not self._held):
                    self._begin_segment()
                written = 0 if self._held else os.write(self._fd, self._pending)
                self.dirty = self.dirty or written > 0
                if written == len(self._pending):  # nearly always
                    self._size += written
                    self._pending = b""
                else:
                    self._write_rest(written)
        except OSError as problem:  # ENOSPC, EDQUOT; an EIO of a network disk may pass, too
            self.full = problem
            return False
        self.full = None
        return True

    def _write_rest(self, written: int) -> None:
        view = memoryview(self._pending)
        try:
            while written < len(view):
                written += os.write(self._fd, view[written:])
        finally:
            view.release()
            self.dirty = self.dirty or written > 0
            self._held += written
            self._pending = self._pending[written:]
            if not self._pending:
                self._size += self._held
                self._held = 0

    def _begin_segment(self) -> None:
        """A new segment, or the old one for a while longer when there is no room for a file."""
        if not self.sync():
            return
        path = segment_path(self.directory, self._first)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            fd = os.open(path, flags, 0o600)
        except OSError:
            if self._fd < 0:
                raise
            return
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._size, self.segment = fd, 0, self._first
        _sync_directory(self.directory)

    def sync(self) -> bool:
        """Everything written is on the platter; False (and `full`) when the disk refuses."""
        if self.dirty and self._fd >= 0:
            try:
                datasync(self._fd)
            except OSError as problem:  # delayed allocation: the lack of space shows only now
                self.full = problem
                return False
            self.dirty = False
        return True

    def close(self) -> None:
        if self._fd >= 0:
            self.sync()
            os.close(self._fd)
            self._fd = -1


def _sync_directory(path: str) -> None:
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(fd)
    except OSError:
        pass
    finally:
        os.close(fd)
