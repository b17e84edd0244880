"""One process a token on this computer: the first one holds a lock until it ends."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from pathlib import Path

from .platforms.contract import Occupied


class Lease:
    """Holds the platform's token as long as it lives, whatever settings another process has."""

    def __init__(self, platform: str, token: str) -> None:
        digest = hashlib.sha256(f"{platform} {token}".encode()).hexdigest()[:24]
        base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
        directory = Path(base, f"codecast-bots-{os.getuid()}")
        directory.mkdir(mode=0o700, exist_ok=True)
        if directory.stat().st_uid != os.getuid():
            raise Occupied(f"{directory} belongs to somebody else")
        self._platform = platform
        self._path = directory / f"{platform}-{digest}"
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)

    def take(self) -> None:
        """Raises Occupied with the process that has it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 20, 0).decode("ascii", "replace").strip() or "?"
            raise Occupied(
                f"process {holder} of this computer serves this {self._platform} bot already"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def close(self) -> None:
        os.close(self._file)
