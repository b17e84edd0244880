"""Errors in a cell are what happened, why, and what to do; not a stack of ours.

IPython asks an exception that has `_render_traceback_` for its own words. Only the line of
the person's own cell is told, since that is the one that they can change.
"""

from __future__ import annotations

import linecache
import re
from types import TracebackType

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.commands.words import safe

__all__ = ["CodecastError", "Interrupted", "install", "rendered"]

RED, YELLOW, DIM, BOLD, END = "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[1m", "\x1b[0m"


class Interrupted(KeyboardInterrupt):
    """The person interrupted the cell; `words` tell what became of what it waited for."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words

    def _render_traceback_(self) -> list[str]:
        return [f"{YELLOW}{BOLD}Interrupted.{END} {safe(self.words)}"]


class NotYet(TimeoutError):
    """It was waited for so long; it goes on."""

    def _render_traceback_(self) -> list[str]:
        return [f"{YELLOW}{BOLD}{safe(self)}{END}", f"{YELLOW}It goes on: `wait()` again.{END}"]


def install() -> None:
    """Let IPython show a CodecastError in its own words. Elsewhere this changes nothing."""
    CodecastError._render_traceback_ = rendered  # type: ignore[attr-defined]


def rendered(error: CodecastError) -> list[str]:
    """The lines of an error: message, the other program's words, what to do, the cell's line."""
    lines = [f"{RED}{BOLD}{safe(error.message)}{END}"]
    if error.detail:
        lines += [f"{DIM}  {line}{END}" for line in safe(error.detail).rstrip().split("\n")]
    if error.hint:
        lines.append(f"{YELLOW}{safe(in_a_cell(error.hint))}{END}")
    place = _line_of_cell(error.__traceback__)
    if place is not None:
        number, text = place
        lines.append(f"{DIM}line {number} of the cell: {safe(text)}{END}")
    return lines


def in_a_cell(words: str) -> str:
    """Commands are written as a cell takes them: `codecast ls` is `%codecast ls`."""
    from codecast_jupyter.commands.table import split

    def mark(found: re.Match[str]) -> str:
        command, _ = split(found[1].split())
        return found[0] if command is None else f"%{found[0]}"

    return re.sub(r"(?<![\w%/.-])codecast ((?:[a-z]+ ?){1,2})", mark, words)


def _line_of_cell(trace: TracebackType | None) -> tuple[int, str] | None:
    """The deepest line that a cell holds, where the cell has more than this line."""
    found = None
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if "ipykernel_" in file or file.startswith("<ipython-input"):
            lines = linecache.getlines(file)
            if len([line for line in lines if line.strip()]) > 1:
                found = trace.tb_lineno, linecache.getline(file, trace.tb_lineno).strip()
        trace = trace.tb_next
    return found
