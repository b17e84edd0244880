"""A file on its way in from a person: hashed as it comes, held in memory only while it is small.

Beyond INLINE bytes it goes into a file aside; `keep` moves that to its place, `discard` deletes
it. Disk and hash are worked at in a thread, so that the loop goes on, and whoever sends waits.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import BinaryIO

INLINE = 64 << 10  # bytes: what may become text of a prompt
GATHER = 1 << 20  # bytes worked at in one go
ASIDE, END = ".incoming-", ".part"


class Incoming:
    """`write` until the end, then `keep` or `discard`. Beyond `largest` bytes it only counts."""

    def __init__(self, directory: Path, largest: int) -> None:
        self.size = 0
        self.head = b""  # the first INLINE bytes
        self._directory, self._largest = directory, largest
        self._parts: list[bytes] = []
        self._waiting = 0
        self._hash = hashlib.sha256()
        self._file: BinaryIO | None = None
        self._over = False
        self._using = threading.Lock()

    @property
    def small(self) -> bytes | None:
        """The whole, where it is no more than INLINE."""
        return self.head if self.size <= INLINE else None

    async def write(self, data: bytes) -> None:
        """Raises OSError."""
        self.size += len(data)
        if self.size > self._largest:
            self.discard()
        if self._over:
            return
        if len(self.head) < INLINE:
            self.head += data[: INLINE - len(self.head)]
        self._parts.append(data)
        self._waiting += len(data)
        if self._waiting >= GATHER:
            await asyncio.to_thread(self._store)

    async def keep(self, folder: Path, name: str) -> str:
        """Put it into `folder`, below a directory named by its SHA-256, which is returned.
        Raises OSError."""
        return await asyncio.to_thread(self._keep, folder, name)

    def discard(self) -> None:
        """Nothing of it is left, and nothing more is taken; safe to repeat, and after `keep`."""
        self._over = True
        with self._using:  # a thread may be at it, for as long as GATHER bytes take
            self._parts, self._waiting = [], 0
            if self._file is not None:
                self._file.close()
                self._file = None
                self._path.unlink(missing_ok=True)

    def _store(self) -> None:
        with self._using:
            if not self._over:
                self._write()

    def _write(self) -> None:
        parts, self._parts, self._waiting = self._parts, [], 0
        if self._file is None:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd, path = tempfile.mkstemp(END, ASIDE, self._directory)
            self._file, self._path = os.fdopen(fd, "wb", buffering=0), Path(path)
        for part in parts:
            self._hash.update(part)
            view = memoryview(part)
            while view:
                view = view[self._file.write(view) :]

    def _keep(self, folder: Path, name: str) -> str:
        with self._using:
            self._write()
            assert self._file is not None
            os.fsync(self._file.fileno())
            digest = self._hash.hexdigest()
            for each in (folder, folder / digest):
                each.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.replace(folder / digest / name)
            return digest


def forget_old(directory: Path, age: float) -> None:
    """Delete what a server that was killed has left aside, `age` seconds ago or more."""
    for path in directory.glob(f"{ASIDE}*{END}"):
        if path.stat().st_mtime < time.time() - age:
            path.unlink(missing_ok=True)
