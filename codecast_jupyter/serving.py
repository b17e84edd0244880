"""A server for the shell: the running one, else our own headless one in the background.

Ours is a Jupyter server with no extension but Codecast's, on loopback, on a free port,
with a random token handed over by the environment. It says where it is by the connection
file every Codecast server writes (`client.discovery`), so that kernels and other shells
find it too. One lock keeps two shells from starting two.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from codecast_agent.protocol.errors import CodecastError

from .commands.results import Server

if TYPE_CHECKING:
    from .client import AsyncClient

START_TIMEOUT = 60.0  # seconds, for slow disks and cold caches
STOP_TIMEOUT = 20.0
Say = Callable[[str], None]


def runtime_directory() -> Path:
    from .client import discovery

    path = discovery.runtime_dir()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _note() -> Path:
    """`{pid}` of the server that a shell started."""
    return runtime_directory() / "codecast_shell.json"


def log_file() -> Path:
    return runtime_directory() / "codecast_shell.log"


async def connect(
    server: str | None, start: bool = True, say: Say = lambda text: None
) -> AsyncClient:
    """A client of `server`, of the running server, or of one started now.

    Raises CodecastError("unreachable") when there is none and none may be or can be started.
    """
    from .client import AsyncClient, discovery

    try:
        return AsyncClient(discovery.discover(server), surface="shell")
    except CodecastError:
        if server is not None or not start:
            raise
    await start_server(say)
    return AsyncClient(discovery.discover(None), surface="shell")


async def status() -> Server:
    from .client import discovery

    try:
        found = discovery.discover(None)
    except CodecastError:
        return Server(False)
    pid = _pid_of(found.url)
    own = pid is not None and pid == _own_pid()
    return Server(True, found.url, pid, own, str(log_file()) if own else "")


async def start(say: Say) -> Server:
    """Start ours where no server runs."""
    now = await status()
    if now.running:
        return now._replace(words=f"A server runs already: {now.url}")
    await start_server(say)
    now = await status()
    return now._replace(words=f"Started {now.url} (process {now.pid}). Its log: {now.log}")


async def stop(force: bool = False) -> Server:
    """Stop ours; a person's own Jupyter server only by `force`."""
    own = _own_pid()
    if own is not None and _alive(own) and connection_file(own).exists():
        # ours, even where a person's own was started since and is used now
        from .client import discovery

        found = discovery.read(connection_file(own))
        now = Server(True, found.url if found else f"process {own}", own, True)
    else:
        now = await status()
    if not now.running or now.pid is None:
        return Server(False, words="No server runs.")
    if not now.own and not force:
        raise CodecastError(
            "conflict",
            f"{now.url} was not started by codecast: it is somebody's Jupyter server.",
            "Stop it where it was started, or add --force.",
        )
    await _shut_down(now.pid)
    _note().unlink(missing_ok=True)
    return Server(False, words=f"Stopped {now.url}. Sessions go on running on their machines.")


async def start_server(say: Say = lambda text: None) -> None:
    """Raises CodecastError("unreachable") with the log's end when it does not come up."""
    from .client import discovery

    with _lock():
        with contextlib.suppress(CodecastError):
            discovery.discover(None)  # another shell was faster
            return
        say("no server runs: starting one in the background (codecast server tells more)")
        process = spawn(log_file())
        try:
            await _wait_for(process)
        except BaseException:
            if process.poll() is None:
                process.terminate()
            raise
        _write_owner_only(_note(), json.dumps({"pid": process.pid}))


async def revive() -> bool:
    """Start our server again where it died without having been told to stop."""
    pid = _own_pid()
    if pid is None or _alive(pid):
        return False
    await start_server()
    return True


def spawn(log: Path, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Our headless server, detached from this terminal; it writes to `log`."""
    _write_owner_only(log, "")
    env = {**os.environ, **(environment or {})}
    env["JUPYTER_TOKEN"] = secrets.token_urlsafe(32)
    for name in ("CODECAST_CONNECTION_FILE", "CODECAST_URL", "CODECAST_TOKEN", "JPY_PARENT_PID"):
        env.pop(name, None)
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "codecast_jupyter.headless", str(free_port())],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=env,
            cwd=Path.home(),
            start_new_session=True,
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def connection_file(pid: int) -> Path:
    return runtime_directory() / f"codecast-{pid}.json"


async def _wait_for(process: subprocess.Popen[bytes]) -> None:
    """Until the server answers."""
    from .client import AsyncClient, discovery

    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CodecastError(
                "unreachable",
                f"The server ended with exit code {process.returncode} before it was ready.",
                f"Its log: {log_file()}",
                tail(log_file()),
            )
        if connection_file(process.pid).exists():
            found = discovery.read(connection_file(process.pid))
            if found is not None:
                client = AsyncClient(found, surface="shell")
                try:
                    await client.health()
                    return
                except CodecastError as error:
                    if error.code != "unreachable":
                        raise
                finally:
                    await client.close()
        await asyncio.sleep(0.05)
    raise CodecastError(
        "unreachable",
        f"The server was not ready after {START_TIMEOUT:.0f} seconds.",
        f"Its log: {log_file()}",
        tail(log_file()),
    )


def tail(log: Path, lines: int = 15) -> str:
    with contextlib.suppress(OSError):
        return "\n".join(log.read_text("utf-8", "replace").splitlines()[-lines:])
    return ""


def _pid_of(url: str) -> int | None:
    """The process behind a URL, by the connection files."""
    from .client import discovery

    for path in discovery.newest(runtime_directory()):
        found = discovery.read(path)
        if found is not None and found.url == url:
            return int(json.loads(path.read_text())["pid"])
    return None


def _own_pid() -> int | None:
    try:
        return int(json.loads(_note().read_text())["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


async def _shut_down(pid: int) -> None:
    import signal

    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT
    while time.monotonic() < deadline:
        if not _alive(pid):
            return
        await asyncio.sleep(0.05)
    raise CodecastError(
        "conflict", f"The server (process {pid}) did not end in time.", f"kill -9 {pid}"
    )


def _alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    path = runtime_directory() / "codecast_shell.lock"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write_owner_only(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
