"""Files on this computer that a command, or a notebook, writes."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from codecast_agent.protocol.errors import CodecastError

from .words import one_line


def target(cwd: str | Path, output: str | Path | None, name: str, force: bool) -> Path:
    """Where to write: the file `output`, or one called `name` in that directory.

    Raises CodecastError("conflict") for a file that is there, without `force`.
    """
    path = Path(cwd, Path(output or ".").expanduser())
    if path.is_dir():
        path /= name
    if path.exists() and not force:
        raise CodecastError(
            "conflict",
            f"{one_line(path)} exists already.",
            "Write elsewhere by --output FILE, or over it by --force.",
        )
    return path


@contextlib.contextmanager
def writing(path: Path, hint: str = "Name another place by --output FILE.") -> Iterator[None]:
    """What the system refuses is told in words: CodecastError `disk_full` or `bad_request`."""
    try:
        yield
    except OSError as error:
        raise CodecastError(
            "disk_full" if error.errno == errno.ENOSPC else "bad_request",
            f"{one_line(path)} cannot be written: {error.strerror or error}.",
            hint,
        ) from error
