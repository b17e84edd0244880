"""Servers for clients: one in this process, and one of its own that can be killed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codecast_jupyter.client import AsyncClient, Connection
from tests.api.conftest import fake, hub, server  # noqa: F401  (the server with the fake hub)
from tests.fixtures.server import JupyterServer

FAKE = """
from pathlib import Path
from codecast_jupyter.app import CodecastApp
from tests.fixtures.fake_hub import FakeHub
CodecastApp.make_hub = lambda self: FakeHub(Path(self.machines_file), Path(self.data_dir))
"""


@pytest.fixture
def connection(
    server: Any,  # noqa: F811
    http_server: Any,
    jp_http_port: int,
    jp_base_url: str,
) -> Connection:
    url = f"http://localhost:{jp_http_port}{jp_base_url}"
    return Connection(url, server.identity_provider.token)


@pytest.fixture
def client(connection: Connection, jp_asyncio_loop: Any) -> Iterator[AsyncClient]:
    made = AsyncClient(connection, surface="test")
    yield made
    jp_asyncio_loop.run_until_complete(made.close())


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JupyterServer]:
    """A server process with the fake hub, started."""
    root = str(Path(__file__).parents[2])
    monkeypatch.setenv("PYTHONPATH", f"{root}:{root}/remote_agent:{root}/bots")
    home = tmp_path / "apart"
    (home / "config").mkdir(parents=True)
    (home / "config" / "jupyter_server_config.py").write_text(FAKE)
    with JupyterServer(home) as process:
        yield process


async def within(seconds: float, work: Any) -> Any:
    """A deadline that only a fault reaches."""
    return await asyncio.wait_for(work, seconds)
