"""A person's own instructions and skills, put into a project before its CLI starts.

Nothing there is overwritten, removed or followed: every directory on the way is opened from the
one above it, links refused, and a file is made where none was or not at all. It happens in a
child, for the project may lie on a slow disk.
"""

import base64
import binascii
import os
import stat
from functools import partial
from typing import Any, Callable, Dict, List

from .helper import Helper
from .loop import Loop
from .protocol.errors import CodecastError
from .starting import directory
from .waiter import Waiter

Params = Dict[str, Any]
LARGEST = 16 << 20  # bytes of one file
WITHIN = 60.0  # seconds for a disk
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class _Left(Exception):
    """Why a file is left out, in words."""


def methods(loop: Loop) -> "Dict[str, Callable[[Params, Waiter], None]]":
    """`skills/put` by name."""

    def put_later(params: Params, waiter: Waiter) -> None:
        def done(value: Any, problem: Any) -> None:
            if problem is None:
                waiter.reply(value)
            else:
                waiter.refuse(problem)

        Helper(loop, partial(put, params), done, WITHIN)

    return {"skills/put": put_later}


def put(params: Params) -> Params:
    """`{cwd, create_directory?, files: [{path, data, mode}]}` to `{added, same, skipped}`.

    One file that cannot be put keeps no other away. Raises CodecastError `no_such_directory`,
    `bad_request`.
    """
    files = params.get("files")
    if not isinstance(files, list) or not all(isinstance(each, dict) for each in files):
        raise CodecastError("bad_request", "Files are a list of {path, data, mode}.")
    cwd, _ = directory(params.get("cwd") or "~", bool(params.get("create_directory")))
    added: List[str] = []
    same: List[str] = []
    skipped: List[Dict[str, str]] = []
    top = os.open(cwd, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for each in files:
            path = each.get("path")
            try:
                (added if _put(top, path, each) else same).append(path)
            except _Left as reason:
                skipped.append({"path": str(path), "reason": str(reason)})
            except (OSError, ValueError) as problem:
                words = getattr(problem, "strerror", None) or str(problem)
                skipped.append({"path": str(path), "reason": words})
    finally:
        os.close(top)
    return {"added": added, "same": same, "skipped": skipped}


def _put(top: int, path: Any, file: Params) -> bool:
    """Whether it was made; False when the very same is there."""
    parts = path.split("/") if isinstance(path, str) else [""]
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise _Left("that is no path below the project")
    try:
        data = base64.b64decode(str(file.get("data", "")), validate=True)
    except (binascii.Error, ValueError):
        raise _Left("the data is no base64") from None
    if len(data) > LARGEST:
        raise _Left("it is too large")
    at = os.dup(top)
    try:
        for part in parts[:-1]:
            below = _enter(at, part)
            os.close(at)
            at = below
        return _write(at, parts[-1], data, 0o755 if file.get("mode") == 0o755 else 0o644)
    finally:
        os.close(at)


def _enter(at: int, name: str) -> int:
    try:
        os.mkdir(name, 0o777, dir_fd=at)
    except FileExistsError:
        pass
    try:
        return os.open(name, _DIRECTORY, dir_fd=at)
    except OSError as problem:
        if stat.S_ISLNK(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode):
            raise _Left("%s is a link" % name) from None
        raise problem


def _write(at: int, name: str, data: bytes, mode: int) -> bool:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(name, flags, mode, dir_fd=at)
    except FileExistsError:
        if _is(at, name, data):
            return False
        raise _Left("another one is there already") from None
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
    except OSError:
        os.unlink(name, dir_fd=at)  # ours, and not whole
        raise
    finally:
        os.close(fd)
    return True


def _is(at: int, name: str, data: bytes) -> bool:
    """Whether a plain file of that content is there."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        fd = os.open(name, flags, dir_fd=at)
    except OSError:
        return False
    with open(fd, "rb") as file:
        status = os.fstat(fd)
        plain = stat.S_ISREG(status.st_mode) and status.st_size == len(data)
        return plain and file.read(len(data) + 1) == data
