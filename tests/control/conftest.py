"""A person's ssh configuration, servers to reach, and machines made of them."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codecast_jupyter.control import bootstrap
from codecast_jupyter.control.machines import Machines
from tests.fixtures import standin_relay
from tests.fixtures.hubs import hub, machine, make_hub, store  # noqa: F401
from tests.fixtures.sshd import Client, Sshd


def standin_archive(directory: Path, extra: str = "") -> bootstrap.Archive:
    """The protocol package with a small relay in place of the real one."""
    package = directory / "codecast_agent"
    shutil.copytree(
        bootstrap.PACKAGE / "protocol",
        package / "protocol",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (package / "__init__.py").write_text("")
    relay = Path(standin_relay.__file__).read_text() + extra
    (package / "relay.py").write_text(relay)
    return bootstrap.pack(package)


@pytest.fixture
def place() -> Iterator[Path]:
    """A short-named directory that any account may pass through, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="cc-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def standin(place: Path, monkeypatch: pytest.MonkeyPatch) -> bootstrap.Archive:
    """The machines of this test run the stand-in relay."""
    archive = standin_archive(place / "standin")
    monkeypatch.setattr(bootstrap, "archive", lambda: archive)
    monkeypatch.setenv("CODECAST_ROOT", str(place / "local-root"))
    return archive


@pytest.fixture
def client(place: Path) -> Client:
    return Client(place / "client")


@pytest.fixture
def start_sshd(place: Path, client: Client) -> Iterator[Callable[..., Sshd]]:
    """`start_sshd(name, trust=True, **Sshd's)`: a running server that host NAME leads to."""
    servers: list[Sshd] = []

    def start(name: str = "gpu", *, trust: bool = True, lines: Any = (), **more: Any) -> Sshd:
        server = Sshd(place / name, client.authorized, **more)
        servers.append(server)
        server.start()
        client.add_host(name, server, *lines, trust=trust)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def machines(
    place: Path,
    client: Client,
    standin: bootstrap.Archive,
    jp_asyncio_loop: asyncio.AbstractEventLoop,
) -> Iterator[Machines]:
    made = Machines(place / "codecast.yaml", client.config, "hub-under-test")
    yield made
    jp_asyncio_loop.run_until_complete(made.close())


class Watcher:
    """An observer that remembers, and lets a test wait for what it expects."""

    def __init__(self, machines: Machines) -> None:
        self.seen: list[tuple[str, Any]] = []
        self.changed = asyncio.Event()
        machines.observers.append(self)

    def _add(self, what: str, value: Any) -> None:
        self.seen.append((what, value))
        self.changed.set()

    async def link_up(self, who: Any, link: Any) -> None:
        self._add("up", link)

    async def link_down(self, who: Any, error: Any) -> None:
        self._add("down", error)

    def machine_changed(self, who: Any) -> None:
        self._add("state", (who.name, who.state, who.error))

    def session_changed(self, who: Any, params: dict[str, Any]) -> None:
        self._add("session", params)

    def of(self, what: str) -> list[Any]:
        return [value for kind, value in self.seen if kind == what]

    async def until(self, condition: Callable[[], bool], deadline: float = 20) -> None:
        async def wait() -> None:
            while not condition():
                self.changed.clear()
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self.changed.wait(), 0.1)

        try:
            await asyncio.wait_for(wait(), deadline)
        except asyncio.TimeoutError:
            raise AssertionError(f"not within {deadline} s; seen: {self.seen}") from None


@pytest.fixture
def watcher(machines: Machines) -> Watcher:
    return Watcher(machines)
