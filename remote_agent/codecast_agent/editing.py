"""A session's files for an editor: listed, saved, made, renamed, deleted.

What may be read (`files.py`) may be written, by the same rule: below the session's directory
and `files: roots`, judged by where things really lie. Every change is made through a
descriptor of the directory, so that a link moved meanwhile leads nowhere else. A file is
written aside and renamed: it is never half there, and keeps its mode.
"""

import base64
import binascii
import errno
import os
import stat
from functools import partial
from typing import Any, Callable, Dict, List, Optional

from . import files
from .files import PIECE, check_root, led_to, problem_of, real_roots, resolve
from .helper import Helper
from .loop import Loop
from .places import Place
from .protocol.errors import CodecastError
from .registry import Registry
from .waiter import Waiter

Params = Dict[str, Any]
ENTRIES = 5000  # of a directory; more are left out and said
LARGEST = 64 << 20  # bytes of a file that is saved
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def methods(loop: Loop, registry: Registry) -> "Dict[str, Callable[[Params, Waiter], None]]":
    """The `file/*` methods that list and change, by name."""

    def later(call: Callable[[Place, Params], Any], params: Params, waiter: Waiter) -> None:
        def done(value: Any, problem: Optional[CodecastError]) -> None:
            if problem is None:
                waiter.reply(value)
            else:
                waiter.refuse(problem)

        place = registry.find(params.get("session")).place
        Helper(loop, partial(call, place, params), done, files.WITHIN)

    return {
        "file/list": partial(later, listing),
        "file/save": partial(later, save),
        "file/make": partial(later, make),
        "file/rename": partial(later, rename),
        "file/delete": partial(later, delete),
    }


class Spot:
    """A name in an open directory that may be changed: `with Spot(...) as spot`.

    Raises CodecastError `forbidden`, `not_found`, `bad_request`.
    """

    def __init__(self, place: Place, params: Params, path: Any, follow: bool) -> None:
        """`follow`: what a link of that name leads to is meant, not the link."""
        asked = resolve(place, path)
        roots = real_roots(place, params)
        try:
            if follow and os.path.islink(asked):
                asked = os.path.realpath(asked)
            folder, self.name = os.path.split(asked.rstrip("/") or "/")
            if self.name in ("", ".", ".."):
                raise CodecastError("bad_request", "%s is no file's name." % path)
            folder = os.path.realpath(folder)
            self.path = os.path.join(folder, self.name)
            check_root(place, str(path), self.path, roots)
            if self.path in roots:
                raise CodecastError("forbidden", "%s itself stays where it is." % path)
            if (folder + "/").startswith(os.path.realpath(place.attachments) + "/"):
                raise CodecastError("forbidden", "What was attached stays as it was sent.")
            self.at = os.open(folder, _DIRECTORY)
        except (OSError, ValueError) as problem:
            raise problem_of(str(path), problem) from problem
        try:
            led = led_to(self.at, folder, os.fstat(self.at))
            check_root(place, str(path), os.path.join(led, self.name), roots)
        except (OSError, CodecastError) as problem:
            os.close(self.at)
            raise (
                problem if isinstance(problem, CodecastError) else problem_of(str(path), problem)
            ) from None

    def __enter__(self) -> "Spot":
        return self

    def __exit__(self, *error: Any) -> None:
        os.close(self.at)

    def status(self) -> Optional[os.stat_result]:
        """Of what is there, links not followed; None when nothing is."""
        try:
            return os.stat(self.name, dir_fd=self.at, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def describe(self) -> Params:
        """`{name, kind, size, mtime, writable}`."""
        return describe(self.name, self.at)


def describe(name: str, at: int) -> Params:
    """An entry of an open directory; a link is what it leads to. Raises OSError."""
    status = os.stat(name, dir_fd=at)
    kind = "file" if stat.S_ISREG(status.st_mode) else "other"
    return {
        "name": name,
        "kind": "directory" if stat.S_ISDIR(status.st_mode) else kind,
        "size": status.st_size,
        "mtime": status.st_mtime,
        "writable": os.access(name, os.W_OK, dir_fd=at),
    }


def listing(place: Place, params: Params) -> Params:
    """`{path, kind, size, mtime, writable, entries?, left_out?}`: `path` is the real one, and
    `entries`, in a directory, are `[{name, kind, size, mtime, writable}]` by name."""
    path = params.get("path")
    asked = resolve(place, path)
    try:
        real = os.path.realpath(asked)
        check_root(place, str(path), real, real_roots(place, params))
        if not os.path.isdir(real):
            with Spot(place, params, real, follow=True) as spot:
                return {**spot.describe(), "path": real}
        at = os.open(real, _DIRECTORY)
        try:
            check_root(place, str(path), led_to(at, real, os.fstat(at)), real_roots(place, params))
            names = sorted(os.listdir(at))
            answer = {**describe(".", at), "name": os.path.basename(real), "path": real}
            answer["entries"] = _entries(at, names[:ENTRIES])
            if len(names) > ENTRIES:
                answer["left_out"] = len(names) - ENTRIES
            return answer
        finally:
            os.close(at)
    except (OSError, ValueError) as problem:
        raise problem_of(str(path), problem) from problem


def _entries(at: int, names: List[str]) -> List[Params]:
    found = []
    for name in names:
        try:
            name.encode("utf-8")  # a name that is none could not be asked for
            found.append(describe(name, at))
        except (OSError, UnicodeError):  # a link to nowhere
            continue
    return found


def save(place: Place, params: Params) -> Params:
    """`{session, path, data | upload, mtime?}`: write a file, whole or not at all.

    `upload` is an attachment that `file/put` brought, which is taken away then. With `mtime`
    (null: there is none yet) the file must not have changed since. What is there already as
    it shall be is left alone, so that a repeated call does no harm. Returns its description.
    """
    data = _data(place, params)
    with Spot(place, params, params.get("path"), follow=True) as spot:
        try:
            status = spot.status()
            if status is not None and not stat.S_ISREG(status.st_mode):
                raise CodecastError("bad_request", "%s is no plain file." % params.get("path"))
            if status is None or not _is(spot, data):
                _check_unchanged(params, status)
                _replace(spot, data, status, params)
            answer = {**spot.describe(), "path": spot.path}
        except OSError as problem:
            raise problem_of(str(params.get("path")), problem, "written") from problem
    _forget_upload(place, params)
    return answer


def _data(place: Place, params: Params) -> bytes:
    if params.get("upload") is not None:
        try:
            with open(resolve(place, params["upload"]), "rb") as file:
                return file.read(LARGEST + 1)
        except OSError as problem:
            raise problem_of(str(params["upload"]), problem) from problem
    try:
        data = base64.b64decode(str(params.get("data", "")), validate=True)
    except (binascii.Error, ValueError):
        raise CodecastError("bad_request", "The data is no base64.") from None
    if len(data) > PIECE:
        raise CodecastError("too_large", "Bring that by file/put first.")
    return data


def _forget_upload(place: Place, params: Params) -> None:
    if params.get("upload") is not None:
        try:
            os.unlink(resolve(place, params["upload"]))
        except OSError:
            pass  # a repeated call


def _is(spot: Spot, data: bytes) -> bool:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        fd = os.open(spot.name, flags, dir_fd=spot.at)
    except OSError:
        return False
    with open(fd, "rb") as file:
        same_size = os.fstat(fd).st_size == len(data)
        return same_size and file.read(len(data) + 1) == data


def _check_unchanged(params: Params, status: Optional[os.stat_result]) -> None:
    if "mtime" not in params:
        return
    expected, now = params["mtime"], None if status is None else status.st_mtime
    # JSON has no more digits than a double
    if expected is None or now is None:
        if expected is not now:
            raise _changed(params, now)
    elif abs(float(expected) - now) > 1e-3:
        raise _changed(params, now)


def _changed(params: Params, now: Optional[float]) -> CodecastError:
    return CodecastError(
        "conflict",
        "%s %s." % (params.get("path"), "is gone" if now is None else "was changed meanwhile"),
        "Look at what is there before you write over it.",
        data={"mtime": now},
    )


def _replace(spot: Spot, data: bytes, status: Optional[os.stat_result], params: Params) -> None:
    if status is not None and not os.access(spot.name, os.W_OK, dir_fd=spot.at):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    aside = ".%s.%d.part" % (spot.name[:200], os.getpid())
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(aside, flags, 0o666, dir_fd=spot.at)
    try:
        try:
            if status is not None:
                if status.st_uid != os.geteuid() or status.st_gid != os.getegid():
                    try:
                        os.fchown(fd, status.st_uid, status.st_gid)
                    except OSError:
                        pass  # only root gives files away
                os.fchmod(fd, stat.S_IMODE(status.st_mode))
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        _check_unchanged(params, spot.status())
        os.rename(aside, spot.name, src_dir_fd=spot.at, dst_dir_fd=spot.at)
    except BaseException:
        os.unlink(aside, dir_fd=spot.at)
        raise


def make(place: Place, params: Params) -> Params:
    """`{session, path, kind}`: a new directory, or an empty file. Raises `conflict`."""
    with Spot(place, params, params.get("path"), follow=False) as spot:
        try:
            if params.get("kind") == "directory":
                os.mkdir(spot.name, 0o777, dir_fd=spot.at)
            else:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                os.close(os.open(spot.name, flags, 0o666, dir_fd=spot.at))
            return {**spot.describe(), "path": spot.path}
        except OSError as problem:
            raise problem_of(str(params.get("path")), problem, "made") from problem


def rename(place: Place, params: Params) -> Params:
    """`{session, path, to}`; nothing is written over. Raises `conflict`."""
    with Spot(place, params, params.get("path"), follow=False) as old:
        with Spot(place, params, params.get("to"), follow=False) as new:
            try:
                if new.status() is not None:
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
                os.rename(old.name, new.name, src_dir_fd=old.at, dst_dir_fd=new.at)
                return {**new.describe(), "path": new.path}
            except FileExistsError as problem:
                raise problem_of(str(params.get("to")), problem, "made") from problem
            except OSError as problem:
                raise problem_of(str(params.get("path")), problem, "renamed") from problem


def delete(place: Place, params: Params) -> Params:
    """`{session, path}`: a file, a link, or a directory with nothing in it."""
    with Spot(place, params, params.get("path"), follow=False) as spot:
        try:
            status = spot.status()
            if status is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            if stat.S_ISDIR(status.st_mode):
                os.rmdir(spot.name, dir_fd=spot.at)
            else:
                os.unlink(spot.name, dir_fd=spot.at)
            return {}
        except OSError as problem:
            raise problem_of(str(params.get("path")), problem, "deleted") from problem
