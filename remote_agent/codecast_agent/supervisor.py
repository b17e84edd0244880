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
import time
import traceback
from functools import partial
from typing import Any, List, Optional

from . import burial, system, tree
from .journal import Journal
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
        os.write(fd, traceback.format_exc().encode("utf-8", "backslashreplace"))
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

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if system.peer_uid(connection) not in (None, os.getuid()):
            connection.close()
            return
        connection.setblocking(False)
        self._peers.append(Peer(self._loop, connection, self._verbs, self._peers))

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
    """A relay at the socket: JSON-RPC lines both ways, and WAKE."""

    def __init__(
        self, loop: Loop, connection: socket.socket, verbs: Verbs, peers: "List[Peer]"
    ) -> None:
        self._loop = loop
        self._connection = connection
        self._verbs = verbs
        self._peers = peers
        self._lines = Lines(wire.MAX_LINE)
        self._open = True
        self._woken = False  # a wake-up is on its way
        self._out = Outbox(loop, connection.fileno(), self._close)
        self._out.drained = self._drained
        loop.reader(connection.fileno(), self._read)

    def wake(self) -> None:
        if not self._woken and self._open:
            self._woken = True
            self._out.put(WAKE)

    def _drained(self) -> None:
        self._woken = False

    def _read(self) -> None:
        try:
            data = self._connection.recv(READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
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

        self._verbs.call(method, params, Waiter(reply, refuse))

    def _put(self, data: bytes) -> None:
        if self._open:
            self._out.put(data)

    def _close(self) -> None:
        if self._open:
            self._open = False
            self._out.close()
            self._loop.forget(self._connection.fileno())
            self._connection.close()
            # not while somebody walks the list
            self._loop.after(0, partial(self._peers.remove, self))
