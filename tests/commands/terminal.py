"""A pseudo-terminal with a program in it, typed at and read by a test."""

from __future__ import annotations

import codecs
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


TOKENS = re.compile(
    r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b[()][A-Z0-9]|\x1b[=>78]|\x1b\][^\x07]*\x07|.", re.S
)


class Display:
    """What a person sees: just enough of a terminal, characters one cell wide."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self.lines: list[list[str]] = [[]]  # all that scrolled away, then the screen
        self.row = self.column = 0

    def feed(self, text: str) -> None:
        for token in TOKENS.finditer(text):
            numbers, letter = token.group(1), token.group(2)
            if letter:
                self._escape(letter, numbers)
            elif len(token.group()) == 1:
                self._char(token.group())

    def _char(self, char: str) -> None:
        if char == "\n":
            self._down()
        elif char == "\r":
            self.column = 0
        elif char == "\b":
            self.column = max(0, self.column - 1)
        elif char >= " ":
            if self.column >= self.columns:  # the wrap a full line has put off
                self.column = 0
                self._down()
            line = self.lines[self.row]
            line.extend(" " * (self.column + 1 - len(line)))
            line[self.column] = char
            self.column += 1

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append([])

    def _escape(self, letter: str, numbers: str) -> None:
        count = int(numbers) if numbers.isdecimal() and numbers != "0" else 1
        top = max(0, len(self.lines) - self.rows)
        if letter == "A":
            self.row = max(top, self.row - count)
        elif letter == "B":
            self.row = min(len(self.lines) - 1, self.row + count)
        elif letter == "C":
            self.column = min(self.columns - 1, self.column + count)
        elif letter == "D":
            self.column = max(0, min(self.column, self.columns) - count)
        elif letter == "K":
            del self.lines[self.row][self.column :]
        elif letter == "J" and numbers in ("", "0"):
            del self.lines[self.row][self.column :]
            del self.lines[self.row + 1 :]

    def bottom(self, rows: int) -> str:
        return "\n".join("".join(line).rstrip() for line in self.lines[-rows:])


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
        self.display = Display(*size)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

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
        self.display.feed(self._decoder.decode(data))
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

    def shows(self, *words: str, seconds: float = 30.0) -> None:
        """Wait until the last lines of the display show `words`, in this order.

        For what is redrawn in place (label, notes, status), of which only changes are written.
        """
        deadline = time.monotonic() + seconds
        pattern = re.compile(".*".join(map(re.escape, words)), re.S)
        while not pattern.search(self.display.bottom(8)):
            if time.monotonic() > deadline or not self._read(0.2):
                raise AssertionError(f"{words} are not shown in:\n{self.display.bottom(40)}")

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
