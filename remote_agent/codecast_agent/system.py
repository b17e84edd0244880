"""What the kernel does for us and the standard library does not offer.

Each call is a kindness of Linux: elsewhere it does nothing, and the callers hold without it
(a killed supervisor then leaves its CLI to the burial, see `burial`).
"""

import os
import socket
import struct
import sys
from typing import Any, Iterable, List, Optional

LINUX = sys.platform.startswith("linux")
SUPERVISOR = "codecast-sup"  # the name of a supervisor's process, at most 15 bytes
RELAY = "codecast-relay"

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_libc: Any = None


def preload() -> None:
    """Load the C library once, before a fork, so that its pages are shared."""
    global _libc
    if _libc is None and LINUX:
        try:
            import ctypes  # 5 ms: not on the way to the first answer

            _libc = ctypes.CDLL(None)
        except (ImportError, OSError):
            _libc = False


def trace() -> str:
    """Of the exception being handled. What formats it is loaded only now."""
    import traceback

    return traceback.format_exc()


def delete(path: str) -> None:
    """A directory with all that is in it, as far as that can be."""
    import shutil

    shutil.rmtree(path, ignore_errors=True)


def _prctl(option: int, value: Any) -> None:
    preload()
    if _libc:
        _libc.prctl(option, value, 0, 0, 0)


def die_with_parent(signum: int, parent: int) -> None:
    """This process gets `signum` when `parent` dies, also when it did already."""
    _prctl(_PR_SET_PDEATHSIG, signum)
    if os.getppid() != parent:
        os.kill(os.getpid(), signum)


def adopt_orphans() -> None:
    """Orphans below this process become its children."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def set_name(name: str) -> None:
    """What `ps` shows and `/proc/PID/comm` says."""
    try:
        with open("/proc/self/comm", "wb", 0) as file:
            file.write(name.encode())
    except OSError:
        pass


def set_oom_score(score: int) -> None:
    """Memory pressure takes the highest first. Raising is always allowed."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write(str(score))
    except OSError:
        pass


def peer_uid(peer: socket.socket) -> Optional[int]:
    """The user at the other end of a Unix socket; None where the system does not tell."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    size = struct.calcsize("3i")
    return int(struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, option, size))[1])


def boot_id() -> str:
    """Changes with every boot; empty where the system does not tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


def close_all_but(keep: Iterable[int]) -> None:
    """Close every descriptor from 3 up that is not in `keep`."""
    kept = set(keep)
    try:
        names: List[str] = os.listdir("/proc/self/fd" if LINUX else "/dev/fd")
        top = max(int(name) for name in names)
    except (OSError, ValueError):
        top = 4096
    for fd in range(3, top + 1):
        if fd not in kept:
            try:
                os.close(fd)
            except OSError:
                pass


def silence(fds: Iterable[int] = (0, 1, 2)) -> None:
    """Point descriptors at /dev/null, so that nobody waits for their end."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in fds:
        os.dup2(null, fd)
    if null > 2:
        os.close(null)


if hasattr(os, "fdatasync"):
    datasync = os.fdatasync
else:  # macOS
    datasync = os.fsync
