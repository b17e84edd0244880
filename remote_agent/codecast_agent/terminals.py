"""Terminals: a person's login shell on a pseudo-terminal of the machine.

They live as long as the connection, as over `ssh`: its end closes the pseudo-terminal, and
the kernel hangs up whatever runs there. What a shell writes goes to the hub as blocks of the
channel that the hub gave, an empty one at its end, and is read no faster than it leaves; no
second SSH channel is needed, so a terminal works wherever the relay does.
"""

import base64
import binascii
import fcntl
import os
import pwd
import signal
import struct
import termios
from functools import partial
from typing import Any, Callable, Dict, List, Optional

from . import system
from .loop import Loop
from .outlet import Outlet
from .protocol.errors import CodecastError
from .registry import Registry
from .starting import directory
from .streams import Outbox
from .waiter import Waiter

Params = Dict[str, Any]
READ = 64 << 10  # bytes
BUSY = 256 << 10  # unsent bytes above which no terminal is read: events go before floods
MOST = 64  # terminals of one connection
TICK = 0.1  # seconds between looks at shells that may have ended, and at a full outlet
LAST_WORDS = 5  # ticks for what a shell that ended has left behind in the terminal
GRACE = 20  # ticks that a shell has to end once it was hung up
LARGEST = 1 << 20  # bytes of one write


class Terminal:
    """A shell and our end of its pseudo-terminal. Raises OSError when it cannot be had."""

    def __init__(self, argv0: str, shell: str, cwd: str, rows: int, columns: int) -> None:
        system.preload()
        master, slave = os.openpty()
        relay = os.getpid()
        try:
            _resize(master, rows, columns)
            self.pid = os.fork()
        except OSError:
            os.close(master)
            os.close(slave)
            raise
        if self.pid == 0:
            _become(argv0, shell, cwd, slave, relay)
        os.close(slave)
        os.set_blocking(master, False)
        self.fd = master
        self.status: Optional[int] = None  # of `waitpid`, once it has ended
        self.ticks = 0  # since then

    def reap(self) -> bool:
        """Whether the shell has ended."""
        if self.status is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                pid, status = self.pid, 0
            if pid:
                self.status = status
        return self.status is not None

    def hang_up(self) -> None:
        """Close our end: the kernel tells whatever runs there."""
        self.signal(signal.SIGHUP)
        os.close(self.fd)
        self.ticks = 0

    def signal(self, signum: int) -> None:
        if self.status is None:
            try:
                os.killpg(self.pid, signum)
            except OSError:
                pass


class Terminals:
    """The `terminal/*` methods of one relay."""

    def __init__(self, loop: Loop, outlet: Outlet, registry: Registry) -> None:
        self._loop = loop
        self._outlet = outlet
        self._registry = registry
        self._open: Dict[int, Terminal] = {}  # by channel
        self._inputs: Dict[int, Outbox] = {}
        self._paused: Dict[int, Terminal] = {}
        self._dying: List[Terminal] = []
        self._ticking = False

    def methods(self) -> "Dict[str, Callable[[Params, Waiter], None]]":
        return {
            "terminal/open": self.open,
            "terminal/write": self.write,
            "terminal/size": self.size,
            "terminal/close": self.close,
        }

    def open(self, params: Params, waiter: Waiter) -> None:
        """`{channel, session?, cwd?, rows?, columns?}`: `{cwd, shell}`."""
        channel = params.get("channel")
        if not isinstance(channel, int) or channel in self._open:
            raise CodecastError("bad_request", "A terminal's channel cannot be %r." % (channel,))
        if len(self._open) >= MOST:
            raise CodecastError(
                "conflict", "%d terminals are open on this connection." % MOST, "Close one."
            )
        cwd = params.get("cwd")
        if params.get("session") and not cwd:
            cwd = self._registry.find(params["session"]).place.read_meta().get("cwd")
        cwd = directory(cwd or "~", create=False)[0]
        shell = _shell()
        terminal = Terminal("-" + os.path.basename(shell), shell, cwd, *_extent(params))
        self._open[channel] = terminal
        self._inputs[channel] = Outbox(self._loop, terminal.fd, lambda: None)
        waiter.reply({"cwd": cwd, "shell": shell})  # before the first words
        self._loop.reader(terminal.fd, partial(self._read, channel))
        if not self._ticking:
            self._ticking = True
            self._loop.after(TICK, self._tick)

    def write(self, params: Params, waiter: Waiter) -> None:
        """`{channel, data}`, base64: what the person types."""
        self._find(params)
        try:
            data = base64.b64decode(str(params.get("data", "")), validate=True)
        except (binascii.Error, ValueError):
            raise CodecastError("bad_request", "The data is no base64.") from None
        if len(data) > LARGEST:
            raise CodecastError("too_large", "That is too much to type at once.")
        self._inputs[params["channel"]].put(data)
        waiter.reply({})

    def size(self, params: Params, waiter: Waiter) -> None:
        """`{channel, rows, columns}`."""
        _resize(self._find(params).fd, *_extent(params))
        waiter.reply({})

    def close(self, params: Params, waiter: Waiter) -> None:
        """Hang up; one that has ended is no mistake."""
        channel = params.get("channel")
        if isinstance(channel, int) and channel in self._open:
            self._end(channel)
        waiter.reply({})

    def _find(self, params: Params) -> Terminal:
        terminal = self._open.get(params.get("channel", -1))
        if terminal is None:
            raise CodecastError("not_found", "That terminal has ended.", "Open another one.")
        return terminal

    def _read(self, channel: int) -> None:
        terminal = self._open[channel]
        try:
            data = os.read(terminal.fd, READ)
        except BlockingIOError:
            return
        except OSError:  # nobody has the other end any more
            data = b""
        if not data:
            self._loop.reader(terminal.fd, None)
            terminal.ticks = LAST_WORDS
            return
        self._outlet.block(channel, data, len(data))
        self._outlet.flush()
        if self._outlet.size >= BUSY:
            self._loop.reader(terminal.fd, None)
            self._paused[channel] = terminal

    def _tick(self) -> None:
        if self._outlet.size < BUSY:
            for channel, terminal in self._paused.items():
                self._loop.reader(terminal.fd, partial(self._read, channel))
            self._paused.clear()
        for channel, terminal in list(self._open.items()):
            if terminal.reap() and channel not in self._paused:
                # something it left behind may hold the terminal open for ever
                terminal.ticks += 1
                if terminal.ticks > LAST_WORDS:
                    self._end(channel)
        for terminal in self._dying:
            terminal.ticks += 1
            if terminal.ticks > GRACE:
                terminal.signal(signal.SIGKILL)
        self._dying = [terminal for terminal in self._dying if not terminal.reap()]
        self._ticking = bool(self._open or self._dying)
        if self._ticking:
            self._loop.after(TICK, self._tick)

    def _end(self, channel: int) -> None:
        terminal = self._open.pop(channel)
        self._inputs.pop(channel).close()
        self._paused.pop(channel, None)
        self._loop.forget(terminal.fd)
        terminal.hang_up()
        self._dying.append(terminal)
        self._outlet.block(channel, b"", 0)
        self._outlet.flush()


def _become(argv0: str, shell: str, cwd: str, slave: int, relay: int) -> None:
    """The forked half: never returns."""
    try:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        system.die_with_parent(signal.SIGHUP, relay)
        for fd in (0, 1, 2):
            os.dup2(slave, fd)
        system.close_all_but([])
        for signum in (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, signal.SIG_DFL)
        env = dict(os.environ, TERM="xterm-256color", COLORTERM="truecolor", PWD=cwd)
        env.setdefault("SHELL", shell)
        env.setdefault("LANG", "C.UTF-8")
        os.chdir(cwd)
        try:
            os.execve(shell, [argv0], env)
        except OSError:
            os.execve("/bin/sh", ["-sh"], env)
    except BaseException as problem:
        os.write(2, ("%s cannot be started: %s\r\n" % (shell, problem)).encode())
    finally:
        os._exit(127)


def _shell() -> str:
    """The person's login shell."""
    try:
        shell = pwd.getpwuid(os.getuid()).pw_shell
    except KeyError:
        shell = ""
    return shell if os.path.isabs(shell) and os.access(shell, os.X_OK) else "/bin/sh"


def _extent(params: Params) -> "tuple[int, int]":
    """Rows and columns, as far as they make sense."""
    found = []
    for name, default in (("rows", 24), ("columns", 80)):
        value = params.get(name)
        found.append(value if isinstance(value, int) and 0 < value < 10000 else default)
    return found[0], found[1]


def _resize(fd: int, rows: int, columns: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
