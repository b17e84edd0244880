"""Where things lie on a machine: roots, session directories, locks.

    ROOT/hosts/<hostname>/sessions/<id>/  meta.json lock sup.sock sup.log journal/ attachments/

The hostname keeps apart the machines that share a home over the network. A session
directory appears whole, by a rename, so its name is the proof that it was started; its lock
is held by the living supervisor. Sockets are reached by `chdir` and a relative name, because
an address holds 108 bytes (relay and supervisor have one thread each).
"""

import errno
import fcntl
import json
import os
import re
import socket
import stat
import time
from typing import Any, Callable, Dict, Iterator, List, Optional

from .protocol.errors import CodecastError
from .system import delete

Meta = Dict[str, Any]
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


def roots(own: str) -> List[str]:
    """Every root that exists and is ours alone, `own` first: sessions may live in any."""
    home = os.path.expanduser("~")
    user = "/codecast-%d" % os.getuid()
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    wanted = [
        own,
        os.environ.get("CODECAST_ROOT") or "",
        (os.environ.get("XDG_STATE_HOME") or home + "/.local/state") + "/codecast",
        home + "/.codecast",
        "/var/tmp" + user,
        "/tmp" + user,
        "/dev/shm" + user,
        runtime + "/codecast" if runtime else "",
    ]
    if os.environ.get("CODECAST_ROOT"):
        wanted = wanted[:2]  # set on purpose: keep to it
    found: List[str] = []
    seen = set()
    for path in wanted:
        if not os.path.isabs(path):
            continue
        try:
            status = os.lstat(path)
        except OSError:
            continue
        ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
        key = (status.st_dev, status.st_ino)
        if ours and not status.st_mode & 0o077 and key not in seen:
            seen.add(key)
            found.append(path)
    return found


def sessions_directory(root: str) -> str:
    """Where this machine's sessions lie below a root; made when it is not there."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", socket.gethostname()) or "unnamed"
    path = root
    for part in ("hosts", name.lstrip(".") or "unnamed", "sessions"):
        path += "/" + part
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            pass
    return path


def places(directories: List[str]) -> Iterator["Place"]:
    """Every session below the given `sessions` directories."""
    for directory in directories:
        try:
            names = os.listdir(directory)
        except OSError:
            continue
        for name in names:
            if _ID.match(name):
                yield Place(directory + "/" + name)


def tidy(directory: str, older: float = 3600.0) -> None:
    """Delete what a relay killed in the middle of making or removing a session left aside."""
    for name in os.listdir(directory):
        path = directory + "/" + name
        try:
            if name.startswith(".") and os.lstat(path).st_mtime < time.time() - older:
                delete(path)
        except OSError:
            continue


def check_id(session: Any) -> str:
    """`session`, when it can be a directory's name. Raises CodecastError("bad_request")."""
    if isinstance(session, str) and _ID.match(session):
        return session
    raise CodecastError("bad_request", "A session's id cannot be %r." % (session,))


class Lock:
    """A held flock; freed by `release` or the end of the process."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def release(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class Place:
    """The directory of one session."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.session = os.path.basename(path)
        self.journal = path + "/journal"
        self.log = path + "/sup.log"
        self.socket = path + "/sup.sock"
        self.attachments = path + "/attachments"

    @classmethod
    def create(
        cls, directory: str, meta: Meta, fill: Optional[Callable[["Place"], None]] = None
    ) -> Optional["Place"]:
        """A new session's directory; None when there is one of that id already.

        `fill` may put more into it before it appears.
        """
        place = cls(directory + "/" + check_id(meta["session"]))
        aside = "%s/.%s-%d" % (directory, place.session, os.getpid())
        try:
            os.mkdir(aside, 0o700)
            cls(aside).write_meta(meta)
            if fill is not None:
                fill(cls(aside))
            os.rename(aside, place.path)
        except CodecastError:
            delete(aside)
            raise
        except OSError as problem:
            delete(aside)
            if problem.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return None
            raise CodecastError(
                "disk_full" if problem.errno in (errno.ENOSPC, errno.EDQUOT) else "no_place",
                "The session's directory cannot be made: %s." % problem.strerror,
                "Free space for %s." % directory,
            ) from problem
        return place

    def exists(self) -> bool:
        return os.path.isdir(self.path)

    def read_meta(self) -> Meta:
        """What the session was started with; empty when it cannot be read."""
        try:
            with open(self.path + "/meta.json", encoding="utf-8") as file:
                meta = json.load(file)
        except (OSError, ValueError):
            return {}
        return meta if isinstance(meta, dict) else {}

    def write_meta(self, meta: Meta) -> None:
        """In one step. Raises OSError."""
        aside = self.path + "/meta.json.new"
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            json.dump(meta, file)
            file.flush()
            os.fsync(file.fileno())
        os.rename(aside, self.path + "/meta.json")

    def lock(self) -> Optional[Lock]:
        """The lock when it is free; None when a supervisor or a burial has it.

        Raises OSError, and CodecastError("no_place") where the disk keeps no locks.
        """
        fd = os.open(self.path + "/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            os.close(fd)
            if problem.errno in (errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN):
                return None
            raise CodecastError(
                "no_place",
                "The disk of %s keeps no locks: %s." % (self.path, problem.strerror),
                "Set CODECAST_ROOT there to a directory of your own on a local disk.",
            ) from problem
        return Lock(fd)

    def write_pid(self, lock: Lock) -> None:
        """Leave word of who holds the lock, for lists of processes."""
        os.ftruncate(lock.fd, 0)
        os.pwrite(lock.fd, b"%d\n" % os.getpid(), 0)

    def read_pid(self) -> int:
        """The last supervisor's process; 0 when unknown."""
        try:
            with open(self.path + "/lock", "rb") as file:
                return int(file.read(32) or b"0")
        except (OSError, ValueError):
            return 0

    def listen(self) -> socket.socket:
        """The supervisor's socket, for its own user alone. Raises OSError."""
        self.unlink_socket()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            os.chdir(self.path)
            listener.bind("sup.sock")
        finally:
            os.umask(before)
            os.chdir("/")
        listener.listen(64)
        listener.setblocking(False)
        return listener

    def connect(self) -> Optional[socket.socket]:
        """To the supervisor; None when nobody listens."""
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            os.chdir(self.path)
            peer.connect("sup.sock")
        except OSError:
            peer.close()
            return None
        finally:
            os.chdir("/")
        peer.setblocking(False)
        return peer

    def has_socket(self) -> bool:
        return os.path.exists(self.socket)

    def unlink_socket(self) -> None:
        try:
            os.unlink(self.socket)
        except FileNotFoundError:
            pass

    def log_tail(self, size: int = 4096) -> str:
        """The end of the supervisor's log."""
        try:
            with open(self.log, "rb") as file:
                end = file.seek(0, 2)
                file.seek(max(0, end - size))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def remove(self) -> None:
        """Delete the directory: it is gone in one step, its files soon after."""
        aside = "%s/.%s-%d-gone" % (os.path.dirname(self.path), self.session, os.getpid())
        try:
            os.rename(self.path, aside)
        except FileNotFoundError:
            return
        delete(aside)
