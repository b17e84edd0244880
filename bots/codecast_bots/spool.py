"""Files on their way to or from a chat: below the bots' state, for the owner alone, gone once they
were sent. What a crash or a lost place left is removed when it is old and nothing refers to it.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

KEEP = 86400.0  # seconds


class Spool:
    """`state` is the bots' directory."""

    def __init__(self, state: Path) -> None:
        self.directory = state / "out"

    def path(self, name: str) -> Path:
        """Where a file of this name may be written."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        return (
            self.directory / "".join(c if c.isalnum() or c in ".-_" else "-" for c in name)[-120:]
        )

    def folder(self, name: str) -> Path:
        """A directory of its own, for files that keep their names."""
        path = self.path(name)
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def sent(self, path: Path) -> None:
        """This file, or folder, is not needed any more; those of others stay."""
        if path.parent != self.directory:
            return
        with contextlib.suppress(OSError):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def clean(self, needed: Iterable[str]) -> None:
        """Remove what is old, but what `needed` (texts) speak of."""
        if not self.directory.is_dir():
            return
        texts, old = list(needed), time.time() - KEEP
        for path in self.directory.iterdir():
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < old and not any(path.name in text for text in texts):
                    self.sent(path)
