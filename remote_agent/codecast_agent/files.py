"""Files of a session: attachments that come, files that are fetched.

Every call carries one piece and the relay remembers nothing, so a lost connection costs one
piece. What is read is opened first and judged afterwards, by where the descriptor leads: no
link, however it is moved meanwhile, leads out of the allowed roots. A session's own
directory but for its attachments, and whatever is no plain file, is nobody's to fetch.

Reading happens in a child, for a network disk may hang: one a piece, or one a stretch of a
file that is wanted as blocks (`pouring`). A piece of an attachment is written
in the relay: it lies where the journals lie.
"""

import base64
import binascii
import errno
import os
import re
import stat
from functools import partial
from typing import Any, Callable, Dict, List, Optional

from .attachments import SCHEME, check_name, path_of
from .helper import Helper
from .loop import Loop
from .outlet import Outlet
from .places import Place
from .pouring import Pour
from .protocol.errors import CodecastError
from .registry import Registry
from .waiter import Waiter

Params = Dict[str, Any]
PIECE = 256 << 10  # bytes of one call
STRETCH = 8 << 20  # bytes of one call that come as blocks
LARGEST = 64 << 20  # bytes of an attachment
ASKED = 500  # paths of one `file/stat`
WITHIN = 60.0  # seconds for a disk


def methods(
    loop: Loop, registry: Registry, outlet: Outlet
) -> "Dict[str, Callable[[Params, Waiter], None]]":
    """The `file/*` methods by name; `outlet` takes the blocks of files."""

    def later(call: Callable[[], Any], waiter: Waiter) -> None:
        def done(value: Any, problem: Optional[CodecastError]) -> None:
            if problem is None:
                waiter.reply(value)
            else:
                waiter.refuse(problem)

        Helper(loop, call, done, WITHIN)

    def reading(call: Callable[[Place, Params], Any], params: Params, waiter: Waiter) -> None:
        later(partial(call, registry.find(params.get("session")).place, params), waiter)

    def fetch(params: Params, waiter: Waiter) -> None:
        if params.get("channel") is None:
            reading(get, params, waiter)
            return
        place = registry.find(params.get("session")).place
        stretch = _whole(params, "offset"), min(_whole(params, "length"), STRETCH)
        opening = partial(_open_asked, place, params)
        Pour(loop, outlet, _whole(params, "channel"), opening, stretch, WITHIN, waiter)

    def put(params: Params, waiter: Waiter) -> None:
        place = registry.find(params.get("session")).place
        piece = Piece(place, params)
        if piece.is_there():  # or something else of that name and size
            later(piece.check, waiter)
            return
        reached = piece.write()
        if params.get("done") and reached == piece.size:
            later(piece.finish, waiter)
        else:
            waiter.reply({"offset": reached})

    return {
        "file/put": put,
        "file/get": fetch,
        "file/stat": partial(reading, find),
    }


# -- coming


class Piece:
    """A piece of an attachment: `{name, size, sha256, offset, data, done?}`.

    Written aside until the whole is there and has its hash; a piece that does not fit to what
    is there changes nothing, and the answer's `offset` says where to go on.
    """

    def __init__(self, place: Place, params: Params) -> None:
        """Raises CodecastError `bad_request` or `too_large`."""
        self.hash = params.get("sha256")
        if not isinstance(self.hash, str) or not re.match(r"[0-9a-f]{64}\Z", self.hash):
            raise CodecastError("bad_request", "sha256 cannot be %r." % (self.hash,))
        self.size, self.offset = _whole(params, "size"), _whole(params, "offset")
        if self.size > LARGEST:
            raise CodecastError(
                "too_large",
                "The file has %d MiB; %d can be attached." % (self.size >> 20, LARGEST >> 20),
            )
        try:
            self.data = base64.b64decode(str(params.get("data", "")), validate=True)
        except (binascii.Error, ValueError):
            raise CodecastError("bad_request", "The data is no base64.") from None
        name = check_name(params.get("name"))
        self.uri = "%s%s/%s" % (SCHEME, self.hash[:8], name)
        self.path = path_of(place, self.uri)
        self.directory = os.path.dirname(self.path)
        self.aside = os.path.join(self.directory, ".%s.part" % self.hash)

    def is_there(self) -> bool:
        try:
            status = os.lstat(self.path)
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and status.st_size == self.size

    def check(self) -> Params:
        """What is there is the attachment; else it is forgotten, to be sent anew."""
        if _hash_of(self.path) != self.hash:
            os.unlink(self.path)
            return {"offset": 0}
        return {"offset": self.size, "path": self.path, "uri": self.uri}

    def write(self) -> int:
        """How much of it is there now. Raises OSError."""
        for path in (os.path.dirname(self.directory), self.directory):
            try:
                os.mkdir(path, 0o700)
            except FileExistsError:
                pass
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(self.aside, flags, 0o600)
        try:
            reached = os.fstat(fd).st_size
            if reached > self.size:
                os.ftruncate(fd, 0)
                reached = 0
            if reached != self.offset or reached + len(self.data) > self.size:
                return reached
            view = memoryview(self.data)
            while view:
                written = os.pwrite(fd, view, reached)
                reached += written
                view = view[written:]
            return reached
        finally:
            os.close(fd)

    def finish(self) -> Params:
        """Raises CodecastError("conflict") when the whole is not what was announced."""
        if _hash_of(self.aside) != self.hash:
            os.unlink(self.aside)
            raise CodecastError(
                "conflict", "The attachment arrived damaged.", "Attach it once more."
            )
        os.rename(self.aside, self.path)
        return {"offset": self.size, "path": self.path, "uri": self.uri}


def _hash_of(path: str) -> str:
    """Of a file that is on the disk then."""
    import hashlib  # loads OpenSSL: 9 ms and 4 MB that no other use of a relay pays

    found = hashlib.sha256()
    with open(path, "rb") as file:
        for data in iter(partial(file.read, 1 << 20), b""):
            found.update(data)
        os.fsync(file.fileno())
    return found.hexdigest()


# -- going


def get(place: Place, params: Params) -> Params:
    """`{path, relative?, size, mtime, id, offset, data}`: a piece. `path` is the real one,
    `relative` the same below the session's directory; `id` tells a file from another that took
    its place.

    Raises CodecastError: `not_found`, `forbidden`, `bad_request`.
    """
    offset, length = _whole(params, "offset"), _whole(params, "length")
    fd, about = _open(place, params, resolve(place, params.get("path")))
    try:
        data = os.pread(fd, min(length, PIECE), offset)
    except OSError as problem:
        raise problem_of(str(params.get("path")), problem) from problem
    finally:
        os.close(fd)
    return {**about, "offset": offset, "data": base64.b64encode(data).decode("ascii")}


def _open_asked(place: Place, params: Params) -> "tuple[int, Params]":
    return _open(place, params, resolve(place, params.get("path")))


def find(place: Place, params: Params) -> List[Params]:
    """Those of `paths` that can be fetched: `[{name, path, relative?, size, mtime, id}]`, each
    file once."""
    asked = params.get("paths")
    if not isinstance(asked, list) or len(asked) > ASKED:
        raise CodecastError("bad_request", "paths is a list of at most %d." % ASKED)
    found: Dict[str, Params] = {}
    for name in asked:
        try:
            fd, about = _open(place, params, resolve(place, name))
        except CodecastError:
            continue
        os.close(fd)
        found.setdefault(about["path"], {"name": name, **about})
    return list(found.values())


def resolve(place: Place, name: Any) -> str:
    """What a person or an agent calls a file, as an absolute path."""
    if not isinstance(name, str) or not name or "\0" in name:
        raise CodecastError("bad_request", "A file's path cannot be %r." % (name,))
    if name.startswith(SCHEME):
        return path_of(place, name)
    if name.startswith("file://"):
        name = name[7:]
    return os.path.join(_cwd(place), os.path.expanduser(name))


def _cwd(place: Place) -> str:
    return str(place.read_meta().get("cwd") or "/nowhere")


def _open(place: Place, params: Params, path: str) -> "tuple[int, Params]":
    """A descriptor for reading, and what it leads to. Raises CodecastError."""
    roots = real_roots(place, params)
    try:
        # looked at first: to open a device or a pipe may do something
        real = os.path.realpath(path)
        check_root(place, path, real, roots)
        _check_plain(path, os.lstat(real))
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(real, flags)
    except (OSError, ValueError) as problem:
        raise problem_of(path, problem) from problem
    try:
        status = os.fstat(fd)
        _check_plain(path, status)
        check_root(place, path, led_to(fd, real, status), roots)
    except (OSError, CodecastError) as problem:
        os.close(fd)
        raise problem if isinstance(problem, CodecastError) else problem_of(path, problem) from None
    about = {
        "path": real,
        "size": status.st_size,
        "mtime": status.st_mtime,
        "id": "%x-%x" % (status.st_dev, status.st_ino),
    }
    cwd = os.path.realpath(_cwd(place)).rstrip("/") + "/"
    if real.startswith(cwd):
        about["relative"] = real[len(cwd) :]
    return fd, about


def real_roots(place: Place, params: Params) -> List[str]:
    """Where everything open to people lies."""
    roots = [place.attachments, _cwd(place)]
    roots += [os.path.expanduser(root) for root in params.get("roots") or [] if str(root).strip()]
    return [os.path.realpath(root) for root in roots if os.path.isabs(root)]


def led_to(fd: int, real: str, status: os.stat_result) -> str:
    """Where the descriptor leads, by the kernel's own word where it gives one."""
    try:
        return os.readlink("/proc/self/fd/%d" % fd)
    except OSError:
        there = os.stat(os.path.realpath(real))
        if (there.st_dev, there.st_ino) != (status.st_dev, status.st_ino):
            raise FileNotFoundError(errno.ENOENT, "it was moved meanwhile", real) from None
        return os.path.realpath(real)


def check_root(place: Place, path: str, real: str, roots: List[str]) -> None:
    """Below a root, and not among what we keep of the session but its attachments."""

    def below(root: str) -> bool:
        return (real + "/").startswith(root.rstrip("/") + "/")

    own = os.path.dirname(os.path.realpath(place.path))
    if any(map(below, roots)) and (not below(own) or below(os.path.realpath(place.attachments))):
        return
    raise CodecastError(
        "forbidden",
        "%s is not below a directory whose files may be fetched%s."
        % (path, "" if real == path else " (it leads to %s)" % real),
        "Those are the session's own directory and `files: roots` of codecast.yaml.",
        data={"roots": roots},
    )


def _check_plain(path: str, status: os.stat_result) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    kind = "a directory" if stat.S_ISDIR(status.st_mode) else "no plain file"
    raise CodecastError("bad_request", "%s is %s." % (path, kind), "Name a file.")


def problem_of(path: str, problem: Exception, done: str = "read") -> CodecastError:
    """What the system said, for a person who wanted it `done`."""
    number = getattr(problem, "errno", None)
    if number == errno.EEXIST:
        return CodecastError("conflict", "%s is there already." % path, "Take another name.")
    if number == errno.ENOTEMPTY:
        return CodecastError("conflict", "%s is not empty." % path, "Empty it first.")
    if number in (errno.ENOSPC, errno.EDQUOT):
        return CodecastError("disk_full", "The machine's disk is full.", "Free space there.")
    if number in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP):
        return CodecastError("not_found", "There is no file %s." % path)
    words = getattr(problem, "strerror", None) or str(problem)
    code = "forbidden" if number in (errno.EACCES, errno.EPERM) else "bad_request"
    return CodecastError(code, "%s cannot be %s: %s." % (path, done, words))


def _whole(params: Params, name: str) -> int:
    value = params.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise CodecastError("bad_request", "%s cannot be %r." % (name, value))
    return value
