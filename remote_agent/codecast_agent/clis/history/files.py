"""Records that are files of JSON lines: their heads, their tails, their lines one by one."""

import calendar
import json
import os
import time
from typing import Any, Dict, Iterator, List, Optional

HEAD = 16 << 20  # bytes looked at for the first prompt, which may have pictures in it
TAIL = 32 << 10
LINE = 64 << 20  # a longer line is passed over


def parse(line: bytes) -> Optional[Dict[str, Any]]:
    """The object of a line; None when it is none."""
    try:
        value = json.loads(line.decode("utf-8", "replace"), parse_constant=lambda name: None)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def head(path: str) -> Iterator[Dict[str, Any]]:
    """The objects at the beginning, read only as far as they are asked for."""
    try:
        with open(path, "rb", 16 << 10) as file:
            left = HEAD
            while left > 0:
                line = file.readline(left)
                if not line.endswith(b"\n"):
                    return
                left -= len(line)
                value = parse(line)
                if value is not None:
                    yield value
    except OSError:
        return


def tail(path: str) -> List[Dict[str, Any]]:
    """The objects at the end, the last one first."""
    try:
        with open(path, "rb") as file:
            start = max(0, file.seek(0, 2) - TAIL)
            file.seek(start)
            lines = file.read().split(b"\n")
    except OSError:
        return []
    found = [parse(line) for line in (lines[1:] if start else lines) if line]
    return [value for value in reversed(found) if value is not None]


def lines(path: str) -> Iterator[bytes]:
    """Every whole line without its end; one that is too long is left out."""
    with open(path, "rb", 1 << 20) as file:
        while True:
            line = file.readline(LINE)
            if not line:
                return
            if line.endswith(b"\n"):
                yield line[:-1]
                continue
            while line and not line.endswith(b"\n"):  # half written, or longer than LINE
                line = file.readline(LINE)


def below(directory: str, depth: int, suffix: str) -> Iterator["os.DirEntry[str]"]:
    """Files exactly `depth` directories down whose name has that end."""
    try:
        with os.scandir(directory) as found:
            entries = list(found)
    except OSError:
        return
    for entry in entries:
        try:
            if depth:
                if entry.is_dir():
                    yield from below(entry.path, depth - 1, suffix)
            elif entry.name.endswith(suffix) and entry.is_file():
                yield entry
        except OSError:
            continue


def stamp(value: Any) -> float:
    """Seconds of `2026-11-21T00:46:36.744Z`; 0 where it is no such text."""
    if not isinstance(value, str) or len(value) < 19:
        return 0.0
    try:
        whole = calendar.timegm(time.strptime(value[:19], "%Y-%m-%dT%H:%M:%S"))
        rest = value[19:].rstrip("Z").split("+")[0]
        return whole + (float("0" + rest) if rest.startswith(".") else 0.0)
    except ValueError:
        return 0.0
