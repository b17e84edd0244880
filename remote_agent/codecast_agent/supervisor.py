"""One session's keeper: forked from a relay, alive until it is told to stop.

It holds the session's lock, the CLI's pipes and process group, and the socket at which
relays come and go. It shares the relay's pages, never returns to its code, and takes nothing
from it but what `spawn` says.
"""

import gc
import json
import os
import signal
import socket
import struct
import time
from functools import partial
from typing import Any, List, Optional, Sequence

from . import burial, system, tree
from .journal import Journal
from .lane import Deed, Lane
from .ledger import Ledger
from .loop import Loop
from .places import Lock, Place
from .protocol import wire
from .protocol.errors import CodecastError
from .scribe import Scribe
from .session import Session
from .streams import READ, Lines, Outbox
from .verbs import Verbs
from .waiter import Waiter

LISTENING = b"1"
WAKE = b"!\n"
_LENT = socket.CMSG_SPACE(2 * 4)
_CLOEXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
LOCK_WITHIN = 30.0  # seconds for another's burial to end


def spawn(place: Place, begin: bool) -> int:
    """Fork a supervisor for `place`; `begin` starts its CLI at once.

    Returns a descriptor that gives LISTENING once somebody listens at the session's socket,
    or a `CodecastError` as JSON, or its end when the supervisor died.
    """
    system.preload()
    gc.collect()
    gc.freeze()  # also keeps the child from ever finalizing what belongs to the relay
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            if os.fork() == 0:
                _detach(write)
                _run(place, begin, write)
        except BaseException:
            _complain(place)
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(pid, 0)
    os.set_blocking(read, False)
    return read


def _detach(write: int) -> None:
    signal.set_wakeup_fd(-1)
    for signum in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(signum, signal.SIG_DFL)
    for signum in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(signum, signal.SIG_IGN)
    system.silence()
    system.close_all_but([write])
    os.chdir("/")
    system.set_name(system.SUPERVISOR)
    system.adopt_orphans()


def _complain(place: Place) -> None:
    try:
        fd = os.open(place.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(fd, system.trace().encode("utf-8", "backslashreplace"))
    except OSError:
        pass


def _run(place: Place, begin: bool, write: int) -> None:
    try:
        lock = _take_lock(place)
        if lock is not None:
            supervisor = Supervisor(place, lock)
    except CodecastError as problem:
        os.write(write, json.dumps(problem.to_json()).encode())
        return
    os.write(write, LISTENING)
    os.close(write)
    if lock is not None:
        supervisor.run(begin)


def _take_lock(place: Place) -> Optional[Lock]:
    """None when another supervisor listens already."""
    deadline = time.monotonic() + LOCK_WITHIN
    while time.monotonic() < deadline:
        lock = place.lock()
        if lock is not None:
            place.write_pid(lock)
            return lock
        other = place.connect()
        if other is not None:
            other.close()
            return None
        time.sleep(0.02)
    raise CodecastError("conflict", "Another process holds the lock of session %s." % place.session)


class Supervisor:
    """The loop, the socket and the children; the session does the rest."""

    def __init__(self, place: Place, lock: Lock) -> None:
        self._place = place
        self._lock = lock  # held as long as the process lives
        self._loop = Loop()
        self._peers: List[Peer] = []
        journal = Journal(place.journal)
        ledger = Ledger()
        if journal.seq:
            tree.end(place.session)
            ledger = Ledger.read(place.journal)
            if not burial.is_buried(place):
                burial.close(journal, ledger)
        self._journal = journal
        self._session = Session(
            Scribe(self._loop, place, journal, ledger), self._wake, self._loop.stop
        )
        self._verbs = Verbs(self._session)
        self._listener = place.listen()

    def run(self, begin: bool) -> None:
        """Until stopped."""
        self._loop.reader(self._listener.fileno(), self._accept)
        self._loop.on_signal(signal.SIGCHLD, self._reap)
        self._loop.on_signal(signal.SIGTERM, self._verbs.shut_down)
        if begin:
            self._session.start()
        self._loop.run()
        self._place.unlink_socket()
        self._journal.close()

    def _wake(self) -> None:
        for peer in self._peers:
            peer.wake()
        self._journal.news = b""  # it may be large

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if system.peer_uid(connection) not in (None, os.getuid()):
            connection.close()
            return
        connection.setblocking(False)
        self._peers.append(Peer(self._loop, connection, self._verbs, self._journal, self._peers))

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._session.life.exited(pid, status)


class Peer:
    """A relay at the socket: JSON-RPC lines both ways, WAKE, and the lane it may lend."""

    def __init__(
        self,
        loop: Loop,
        connection: socket.socket,
        verbs: Verbs,
        journal: Journal,
        peers: "List[Peer]",
    ) -> None:
        self._loop = loop
        self._connection = connection
        self._verbs = verbs
        self._journal = journal
        self._peers = peers
        self._deed: Optional[Deed] = None
        self._lane: Optional[Lane] = None
        self._lines = Lines(wire.MAX_LINE)
        self._open = True
        self._woken = False  # a wake-up is on its way
        self._out = Outbox(loop, connection.fileno(), self._close)
        self._out.drained = self._drained
        loop.reader(connection.fileno(), self._read)

    def wake(self) -> None:
        """The journal grew."""
        if self._lane is not None:
            journal = self._journal
            if self._lane.pass_on(journal.news, journal.news_after, journal.end):
                return
            lane, self._lane = self._lane, None
            self._put(b"!%d %d %d %d\n" % (lane.channel, *lane.end))
        elif not self._woken and self._open:
            self._woken = True
            self._out.put(WAKE)

    def _drained(self) -> None:
        self._woken = False

    def _read(self) -> None:
        try:
            data, lent, _, _ = self._connection.recvmsg(READ, _LENT, _CLOEXEC)
        except BlockingIOError:
            return
        except OSError:
            data, lent = b"", []
        for level, kind, fds in lent:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self._take_deed(struct.unpack("%di" % (len(fds) // 4), fds))
        if not data:
            self._close()
            return
        for line in self._lines.feed(data)[0]:
            try:
                message = json.loads(line)
                self._call(message.get("id"), str(message["method"]), message.get("params") or {})
            except (ValueError, KeyError, AttributeError):
                self._close()  # no relay of ours
                return

    def _call(self, id: Any, method: str, params: Any) -> None:
        def reply(value: Any) -> None:
            self._put(wire.result(id, value))

        def refuse(problem: CodecastError) -> None:
            self._put(wire.error(id, problem))

        if method == "lend":
            reply({"taken": self._borrow(params)})
        elif method == "recall":
            lane, self._lane = self._lane, None
            reply({"end": lane.end if lane is not None else None})
        else:
            self._verbs.call(method, params, Waiter(reply, refuse))

    def _take_deed(self, fds: Sequence[int]) -> None:
        if self._deed is not None or len(fds) != 2:
            for fd in fds:
                os.close(fd)
        else:
            self._deed = Deed(*fds)

    def _borrow(self, params: Any) -> bool:
        """Take the lane when the relay is not behind; it may ask again."""
        channel, seq = params.get("channel"), params.get("seq")
        journal = self._journal
        if self._deed is None or self._lane is not None or journal.full is not None:
            return False
        if seq != journal.seq or not isinstance(channel, int):
            return False
        self._lane = Lane(self._deed, channel, journal.end)
        return True

    def _put(self, data: bytes) -> None:
        if self._open:
            self._out.put(data)

    def _close(self) -> None:
        if self._open:
            self._open = False
            self._lane = None
            if self._deed is not None:
                self._deed.close()
            self._out.close()
            self._loop.forget(self._connection.fileno())
            self._connection.close()
            # not while somebody walks the list
            self._loop.after(0, partial(self._peers.remove, self))
