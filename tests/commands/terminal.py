"""A pseudo-terminal with a program in it, typed at and read by a test."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>78]|\x1b\][^\x07]*\x07")
ROOT = Path(__file__).parents[2]


class Terminal:
    """Runs `python argv...` in a pty. `text` is all output so far without escape sequences."""

    def __init__(
        self,
        argv: list[str],
        env: dict[str, str] | None = None,
        size: tuple[int, int] = (30, 100),
        cwd: Path | None = None,
    ) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        path = os.pathsep.join([str(ROOT), str(ROOT / "remote_agent")])
        self.process = subprocess.Popen(
            [sys.executable, *argv],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            cwd=cwd,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={
                **os.environ,
                "TERM": "xterm-256color",
                "PYTHONPATH": path,
                "COLUMNS": "",
                "LINES": "",
                **(env or {}),
            },
        )
        os.close(slave)
        self.raw = b""
        self._seen = 0

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exc: Any) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.master)

    @property
    def text(self) -> str:
        return ESCAPES.sub("", self.raw.decode("utf-8", "replace"))

    def _read(self, seconds: float) -> bool:
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.raw += data
        return bool(data)

    def expect(self, *words: str, seconds: float = 30.0) -> str:
        """Wait until `words` have come, in this order, after what was expected before."""
        deadline = time.monotonic() + seconds
        while True:
            text, at = self.text, self._seen
            for word in words:
                found = text.find(word, at)
                if found < 0:
                    break
                at = found + len(word)
            else:
                self._seen = at
                return text
            if time.monotonic() > deadline or not self._read(0.2):
                missing = word
                raise AssertionError(
                    f"never saw {missing!r} in:\n{text[self._seen :]}\n--- before:\n"
                    f"{text[: self._seen]}"
                )

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def end(self, seconds: float = 30.0) -> int:
        """The exit code, once it has ended by itself."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it did not end:\n{self.text}"
            self._read(0.1)
        while select.select([self.master], [], [], 0.1)[0] and self._read(0.1):
            pass
        return self.process.returncode
