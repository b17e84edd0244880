"""Cut Markdown into pieces that fit, at natural places.

The cut is append-only: a longer text never changes an earlier piece, so that what was sent
stays. A place is decided by what stands before it alone; what may still grow (the last line)
counts with the most that any of its beginnings needs. A code fence that is cut is closed and
opened again, a table's heads are repeated; nothing else is added and nothing is lost: the
pieces' `source`s joined are the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

Size = Callable[[str], int]

# marks of more than 16 characters are taken for text: they could fill a piece by themselves
_FENCE = re.compile(r"^ {0,3}(`{3,16}|~{3,16})(?![`~])[ \t]*([^`\n]*)$")
_FENCE_LIKE = re.compile(r"^ {0,3}(?:`{3}|~{3})")
_HEADING = re.compile(r"^ {0,3}#{1,6}(?:\s|$)")
_RULER = re.compile(r"^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
_OPEN_LINK = re.compile(r"!?\[[^\[\]\n]{0,300}(?:\]\([^()\s]{0,600})?$")


class Piece(NamedTuple):
    """`text` is what to show, whole by itself; `source` the part of the text it came from."""

    text: str
    source: str


class _Fence(NamedTuple):
    mark: str
    info: str


class _Line(NamedTuple):
    text: str
    end: str  # "\n", or nothing where a line was cut or the text ends
    fence: _Fence | None  # open after it
    table: tuple[str, str] | None  # the heads of the table it belongs to


class _Building:
    """A piece under way: what was repeated from earlier (`head`) and its lines."""

    def __init__(self, fence: _Fence | None = None, table: tuple[str, str] | None = None) -> None:
        self.begin, self.table = fence, table
        # of what was said about the code, its language comes again
        self.head = [fence.mark + fence.info.split(" ")[0][:12]] if fence else list(table or ())
        self.lines: list[_Line] = []
        self._joined, self._count = "", -1  # of so many lines

    @property
    def fence(self) -> _Fence | None:
        return self.lines[-1].fence if self.lines else self.begin

    def text(self, more: str | None = None, fence: _Fence | None = None) -> str:
        """Shown if it ended now, or after the line `more`, which leaves `fence` open."""
        closing = self.fence if more is None else fence
        shown = [] if more is None else [more]
        if closing:
            shown.append(closing.mark)
        if self.head or self.lines:
            shown.insert(0, self._whole())
        return "\n".join(shown)

    def _whole(self) -> str:
        """Head and lines; asked for after each line, which would take ever longer to join."""
        count = len(self.lines)
        if count == self._count + 1 and count > 1:
            self._joined += "\n" + self.lines[-1].text
        elif count != self._count:
            self._joined = "\n".join(self.head + [line.text for line in self.lines])
        self._count = count
        return self._joined

    def piece(self) -> Piece:
        return Piece(self.text(), "".join(line.text + line.end for line in self.lines))


def split(source: str, limit: int, size: Size = len) -> list[Piece]:
    """The pieces of `source`, each with `size(text) <= limit`. At least one.

    `size` must not shrink when text is added. A `limit` below 40 is not sensible.
    """
    pieces: list[Piece] = []
    now = _Building()
    lines = source.split("\n")
    for index, line in enumerate(lines):
        end = "\n" if index < len(lines) - 1 else ""
        while True:
            if _need(now, line, size) <= limit:
                now.lines.append(_Line(line, end, _after(line, now.fence), _table(now, line)))
                break
            if now.lines:
                now = _flush(now, line, pieces, limit, size)
                continue
            cut = _cut(now, line, limit, size)
            now.lines.append(_Line(line[:cut], "", now.fence or _after(line[:cut], None), None))
            pieces.append(now.piece())
            now, line = _Building(now.fence), line[cut:]
    if now.lines or not pieces:
        pieces.append(now.piece())
    return pieces


def _after(line: str, fence: _Fence | None) -> _Fence | None:
    """The fence that is open after this line."""
    found = _FENCE.match(line)
    if fence is None:
        return _Fence(found[1], found[2].strip()) if found else None
    ends = (
        found is not None
        and not found[2].strip()
        and found[1][0] == fence.mark[0]
        and len(found[1]) >= len(fence.mark)
    )
    return None if ends else fence


def _need(now: _Building, line: str, size: Size) -> int:
    """What the piece takes with this line, or with any beginning of it: a line that only looks
    like a fence until it goes on must not fit later where it did not before."""
    if not _FENCE_LIKE.match(line):
        return size(now.text(line, now.fence))
    ends = range(1, len(line)) if len(line) <= 120 else range(0)
    beginnings = [line[:end] for end in ends if _FENCE_LIKE.match(line[: end + 1])] + [line]
    return max(size(now.text(part, _after(part, now.fence))) for part in beginnings)


def _table(now: _Building, line: str) -> tuple[str, str] | None:
    """The heads of the table that this line goes on with, or ends the heads of."""
    if now.fence is not None or not line.lstrip().startswith("|"):
        return None
    if not now.lines:
        return now.table
    before = now.lines[-1]
    if before.table is not None:
        return before.table
    if before.fence is None and before.text.lstrip().startswith("|") and _RULER.match(line):
        return before.text, line
    return now.table if all(row.text.lstrip().startswith("|") for row in now.lines) else None


def _flush(now: _Building, line: str, pieces: list[Piece], limit: int, size: Size) -> _Building:
    """End the piece before `line`, at the best place of its last third; the next one."""
    place = _place(now, limit, size)
    carried = now.lines[place:]
    now.lines = now.lines[:place]
    pieces.append(now.piece())
    last = now.lines[-1]
    goes_on = carried[0].text if carried else line
    table = last.table if last.table and goes_on.lstrip().startswith("|") else None
    if table is not None and size("\n".join([*table, ""])) > limit // 3:
        table = None
    following = _Building(last.fence, table)
    following.lines = carried
    return following


def _place(now: _Building, limit: int, size: Size) -> int:
    """How many lines stay: up to the last blank line or heading, else all of them."""
    for index in range(len(now.lines) - 1, 0, -1):
        before = now.lines[index - 1]
        if before.fence is None and (
            not before.text.strip() or _HEADING.match(now.lines[index].text)
        ):
            shown = now.head + [line.text for line in now.lines[:index]]
            if size("\n".join(shown)) < limit * 2 // 3:
                break
            if any(line.text.strip() for line in now.lines[:index]):
                return index
    return len(now.lines)


def _cut(now: _Building, line: str, limit: int, size: Size) -> int:
    """Where to cut one line that is too long for a piece of its own."""
    fence = now.fence
    low, high = 1, len(line)
    while low < high:
        middle = (low + high + 1) // 2
        part = line[:middle]
        if size(now.text(part, fence or _after(part, None))) <= limit:
            low = middle
        else:
            high = middle - 1
    if fence is None:
        link = _OPEN_LINK.search(line[:low])
        if link is not None and link.start() > low // 3:
            return link.start()
    cut = line.rfind(" ", low // 2, low) + 1 or low
    if cut == low:
        while cut > low // 2 and cut < len(line) and _joined(line, cut):
            cut -= 1
        if cut == low // 2:
            cut = low
    return cut


def _joined(line: str, cut: int) -> bool:
    """Whether the characters around `cut` are one for the reader."""
    after, before = line[cut], line[cut - 1]
    return (
        "\u200d" in (before, after)
        or unicodedata.combining(after) != 0
        or unicodedata.category(after) in ("Mn", "Me", "Mc")
        or 0x1F3FB <= ord(after) <= 0x1F3FF
        or (_flag(after) and _flags(line[:cut]) % 2 == 1)
    )


def _flag(char: str) -> bool:
    """Half of a flag."""
    return 0x1F1E6 <= ord(char) <= 0x1F1FF


def _flags(text: str) -> int:
    """How many halves of flags stand at the end."""
    count = 0
    while count < len(text) and _flag(text[-1 - count]):
        count += 1
    return count
