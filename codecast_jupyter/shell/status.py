"""One line of a terminal that changes while somebody waits, and leaves nothing behind."""

from __future__ import annotations

import os
from typing import TextIO

from ..commands.words import one_line

ERASE = "\r\x1b[K"


class StatusLine:
    """Shows a text in place of the one before; an empty one takes the line away."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._shown = ""

    def __call__(self, text: str) -> None:
        columns = os.get_terminal_size(self._file.fileno()).columns or 80
        text = one_line(text, columns - 1)
        if text != self._shown:
            self._shown = text
            self._file.write(ERASE + text)
            self._file.flush()
