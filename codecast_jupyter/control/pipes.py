"""A pipe: bytes to and from one command on a machine. The link does not know which kind it has.

The contract is `Pipe`. Data comes by callback, straight from the transport (half the CPU of
streams), and the receiver may `pause` it; writes are buffered and never block. Kinds: an exec
channel of asyncssh (`ssh.py`), and here a process of ours, which is the `ssh` binary or, for
the machine `local`, a shell.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import asyncssh

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.waiting import within

STDERR_TAIL = 8192  # bytes
WINDOW = 8 << 20  # of an SSH channel: what fills a long line, see docs/architecture
CLOSE_TIMEOUT = 2.0  # seconds
LAST_WORDS = 0.3  # seconds


@dataclass(frozen=True)
class PipeEnd:
    """How a pipe ended: the command's exit status or signal, or the error that cut it off."""

    status: int | None = None
    signal: str | None = None
    error: CodecastError | None = None

    def words(self) -> str:
        if self.error is not None:
            return self.error.message
        if self.signal is not None:
            return f"ended by signal {self.signal}"
        return f"ended with status {self.status}" if self.status is not None else ""


class Pipe(ABC):
    """One command's stdin and stdout, and the tail of its stderr.

    Set `on_data` and `on_close` before `start`. `on_close` is called once, after the last data,
    also after `close`. A pipe is used for one command.
    """

    def __init__(self) -> None:
        self.on_data: Callable[[bytes], None] = lambda data: None
        self.on_close: Callable[[PipeEnd], None] = lambda end: None
        self._stderr = b""
        self._ended = False

    @abstractmethod
    async def start(self, command: str) -> None:
        """Run `command` with the machine's shell. Raises CodecastError."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Queue `data`; ignored once the pipe has ended."""

    @abstractmethod
    def pause(self) -> None:
        """Read no more; the command feels it when the buffers on the way are full."""

    @abstractmethod
    def resume(self) -> None:
        """Read again."""

    @abstractmethod
    async def close(self) -> None:
        """End it, at once, whatever is still under way."""

    def stderr_tail(self) -> str:
        """The last of what the command wrote to stderr."""
        return self._stderr.decode(errors="replace").strip()

    def _stderr_data(self, data: bytes) -> None:
        self._stderr = (self._stderr + data)[-STDERR_TAIL:]

    def _end(self, end: PipeEnd) -> None:
        if not self._ended:
            self._ended = True
            self.on_close(end)


class ExecPipe(Pipe):
    """An exec channel on an asyncssh connection. `on_end` is told too, to close the connection."""

    def __init__(
        self,
        connection: asyncssh.SSHClientConnection,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._connection = connection
        self._environment: dict[bytes | str, bytes | str] = dict((environment or {}).items())
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._closed = asyncio.Event()

    async def start(self, command: str) -> None:
        try:
            await self._connection.create_session(
                lambda: _ExecSession(self),
                command,
                encoding=None,
                window=WINDOW,
                env=self._environment,
            )
        except asyncssh.ChannelOpenError as error:
            raise CodecastError(
                "bootstrap_failed",
                "The SSH server refuses to run a command.",
                "Its sshd_config must allow at least one session (MaxSessions 1).",
                str(error),
            ) from None
        except (asyncssh.Error, OSError) as error:
            raise CodecastError(
                "link_lost", "The SSH connection ended.", detail=str(error)
            ) from None

    def write(self, data: bytes) -> None:
        if self._channel is not None and not self._ended:
            with contextlib.suppress(OSError):  # asyncssh's word for a channel just closed
                self._channel.write(data)

    def pause(self) -> None:
        if self._channel is not None:
            self._channel.pause_reading()

    def resume(self) -> None:
        if self._channel is not None:
            self._channel.resume_reading()

    async def close(self) -> None:
        if self._channel is None:
            self._end(PipeEnd())
            return
        self._channel.abort()
        with contextlib.suppress(asyncio.TimeoutError):
            await within(self._closed.wait(), CLOSE_TIMEOUT)
        self._end(PipeEnd())


class _ExecSession(asyncssh.SSHClientSession[bytes]):
    def __init__(self, pipe: ExecPipe) -> None:
        self._pipe = pipe
        self._status: int | None = None
        self._signal: str | None = None

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._pipe._channel = chan  # what comes now may be answered before `start` returns

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        if datatype is None:
            self._pipe.on_data(data)
        else:
            self._pipe._stderr_data(data)

    def exit_status_received(self, status: int) -> None:
        self._status = status

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        self._signal = signal

    def connection_lost(self, exc: Exception | None) -> None:
        error = None
        if exc is not None:
            error = CodecastError("link_lost", "The SSH connection was lost.", detail=str(exc))
        self._pipe._closed.set()
        self._pipe._end(PipeEnd(self._status, self._signal, error))


class ProcessPipe(Pipe):
    """A process of ours: `argv`, with the command as its last argument.

    It leads a process group of its own, so that a Ctrl-C at the server's terminal is not for it.
    `explain(status, stderr)` may know that an end was a failure of the way and not of the command.
    `ends_at` is sent at `close` to a process that the end of its input does not end at once.
    """

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str] | None = None,
        explain: Callable[[int | None, str], CodecastError | None] = lambda status, words: None,
        ends_at: signal.Signals | None = None,
    ) -> None:
        super().__init__()
        self._explain = explain
        self._ends_at = ends_at
        self._argv = list(argv)
        self._environment = dict(os.environ if environment is None else environment)
        self._transport: asyncio.SubprocessTransport | None = None
        self._closed = asyncio.Event()

    async def start(self, command: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.subprocess_exec(
                lambda: _ProcessProtocol(self),
                *self._argv,
                command,
                env=self._environment,
                start_new_session=True,
            )
        except OSError as error:
            raise CodecastError(
                "bootstrap_failed",
                f"{self._argv[0]} cannot be started.",
                "Is it installed where the Jupyter server runs?",
                str(error),
            ) from None

    @property
    def pid(self) -> int | None:
        return self._transport.get_pid() if self._transport is not None else None

    def _part(self, descriptor: int) -> asyncio.BaseTransport | None:
        if self._transport is None:
            return None
        return self._transport.get_pipe_transport(descriptor)

    def write(self, data: bytes) -> None:
        stdin = self._part(0)
        if isinstance(stdin, asyncio.WriteTransport) and not stdin.is_closing():
            stdin.write(data)

    def pause(self) -> None:
        stdout = self._part(1)
        if isinstance(stdout, asyncio.ReadTransport):
            stdout.pause_reading()

    def resume(self) -> None:
        stdout = self._part(1)
        if isinstance(stdout, asyncio.ReadTransport):
            stdout.resume_reading()

    async def close(self) -> None:
        if self._transport is None:
            self._end(PipeEnd())
            return
        stdin = self._part(0)
        if stdin is not None:
            stdin.close()  # what a relay ends at
        if self._ends_at is not None:
            with contextlib.suppress(ProcessLookupError):
                self._transport.send_signal(self._ends_at)
        try:
            await within(self._closed.wait(), CLOSE_TIMEOUT)
        except asyncio.TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._transport.send_signal(signal.SIGKILL)
            with contextlib.suppress(asyncio.TimeoutError):
                await within(self._closed.wait(), CLOSE_TIMEOUT)
        finally:
            self._transport.close()
            self._end(PipeEnd())


class _ProcessProtocol(asyncio.SubprocessProtocol):
    def __init__(self, pipe: ProcessPipe) -> None:
        self._pipe = pipe
        self._transport: asyncio.SubprocessTransport | None = None
        self._open = {1, 2}
        self._exited = False
        self._waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = self._pipe._transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 1:
            self._pipe.on_data(data)
        else:
            self._pipe._stderr_data(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self._open.discard(fd)
        self._maybe_end()

    def process_exited(self) -> None:
        self._exited = True
        self._maybe_end()

    def _maybe_end(self) -> None:
        if not self._exited or 1 in self._open:
            return
        if 2 in self._open and not self._waiting:
            # Its last words are on the way, or something it left behind holds stderr open.
            self._waiting = True
            asyncio.get_running_loop().call_later(LAST_WORDS, self._end)
        elif 2 not in self._open:
            self._end()

    def _end(self) -> None:
        assert self._transport is not None
        code = self._transport.get_returncode()
        self._pipe._closed.set()
        if code is not None and code < 0:
            self._pipe._end(PipeEnd(signal=signal.Signals(-code).name))
        else:
            error = self._pipe._explain(code, self._pipe.stderr_tail())
            self._pipe._end(PipeEnd(status=code, error=error))
