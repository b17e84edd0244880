"""A real Jupyter server in front of a site's machine, with the probe of its event loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from codecast_jupyter.client import AsyncClient, Connection
from tests.fixtures.server import JupyterServer

from .patience import until
from .site import Site

ROOT = Path(__file__).resolve().parents[2]


class Server:
    """`client` is an AsyncClient of it."""

    def __init__(self, process: JupyterServer, client: AsyncClient) -> None:
        self.process, self.client = process, client

    @property
    def pid(self) -> int:
        assert self.process.process is not None
        return self.process.process.pid

    async def sessions(self, count: int) -> None:
        """Until it knows so many."""

        async def known() -> bool:
            return len(await self.client.sessions()) >= count

        await until(known, 0.1)

    async def lag(self) -> dict[str, Any]:
        """See `probe`."""
        request = urllib.request.Request(
            f"{self.process.url}/bench/lag",
            headers={"Authorization": f"token {self.process.token}"},
        )

        def ask() -> dict[str, Any]:
            with urllib.request.urlopen(request, timeout=30) as answer:
                found: dict[str, Any] = json.load(answer)
                return found

        return await asyncio.to_thread(ask)


@contextlib.asynccontextmanager
async def serving(site: Site, machines: str = "") -> AsyncIterator[Server]:
    """The site's own hub must not run: one hub a machine is enough."""
    process = JupyterServer(
        site.home / "server",
        ssh_config=site.client.config,
        machines=machines or site.config.read_text(),
        env={"PYTHONPATH": str(ROOT), "HOME": str(site.home), "XDG_RUNTIME_DIR": ""},
        extensions={"tests.bench.probe": True},
    )
    await asyncio.to_thread(process.start)
    try:
        connection = Connection(process.url, process.token)
        async with AsyncClient(connection, surface="bench") as client:
            yield Server(process, client)
    finally:
        await asyncio.to_thread(process.stop)
