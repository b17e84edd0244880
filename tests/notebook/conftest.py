"""Kernels beside a real server: three machines over SSH, one behind a jump host, real CLIs."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from codecast_jupyter.client import Client, Connection
from codecast_jupyter.notebook import connection
from tests.e2e.conftest import Model
from tests.fixtures.clis import claude_binary, codex_binary
from tests.fixtures.models import ModelServer, model_server
from tests.fixtures.netns import Network
from tests.fixtures.server import JupyterServer
from tests.fixtures.sshd import Client as Keys
from tests.fixtures.sshd import Sshd
from tests.fixtures.world import World, opened

__all__ = ["model_server"]
ROOT = Path(__file__).parents[2]
PATIENCE = 120  # seconds a cell may take on a busy machine


class Machines(World):
    """`gpu-1` to `gpu-3` on loopback, and `inner`, which only `jump` reaches."""

    def __init__(
        self, directory: Path, network: Network, model: ModelServer, inside: Model
    ) -> None:
        client = Keys(directory / "keys")
        found = {
            "CODECAST_CLI_CLAUDE": str(claude_binary()),
            "CODECAST_CLI_CODEX": str(codex_binary()),
        }
        hosts: dict[str, Sshd] = {}
        machines: dict[str, Any] = {}
        for name in ("gpu-1", "gpu-2", "gpu-3"):
            host = Sshd(directory / name, client.authorized, environment=found)
            client.add_host(name, host)
            hosts[name] = host
            env = model.claude_environment(host.home) | model.codex_environment(host.home)
            machines[name] = {"env": env}
        for name in ("jump", "inner"):
            hosts[name] = Sshd(
                directory / name,
                client.authorized,
                address=getattr(network, name),
                wrap=network.wrap(name),
                environment=found,
            )
        client.add_host("jump", hosts["jump"])
        client.add_host("inner", hosts["inner"], "ProxyJump jump")
        machines["inner"] = {"env": inside.environment(hosts["inner"].home)}
        super().__init__(
            directory, client, hosts, "gpu-1", json.dumps({"machines": machines}, indent=1)
        )

    def kernel_environment(self) -> dict[str, str]:
        """That of a kernel of this server, with runs of its own."""
        return environment(self.server, self.directory)


def environment(server: JupyterServer, directory: Path) -> dict[str, str]:
    kept = {k: v for k, v in server.environment.items() if k != "PYTHONWARNINGS"}
    return {**kept, "CODECAST_RUNS": str(directory / "runs"), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


@pytest.fixture(scope="package")
def machines(
    tmp_path_factory: pytest.TempPathFactory, model_server: ModelServer
) -> Iterator[Machines]:
    # Codex's sandbox leaves /tmp writable; its home is best elsewhere, and a short path
    directory = tmp_path_factory.mktemp("notebook")
    with (
        Network() as network,
        contextlib.closing(Model(directory / "model", network.wrap("inner"))) as inside,
        opened(Machines(directory, network, model_server, inside)) as world,
    ):
        yield world


@pytest.fixture
def api(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """The Python API in this very process, without any kernel."""
    monkeypatch.setenv("CODECAST_RUNS", str(machines.directory / "runs"))
    server = machines.server
    with Client(connection=Connection(server.url, server.token), surface="notebook") as client:
        connection.use(client)
        yield client
        connection.use(None)


def notebook(*cells: str) -> Any:
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )


def execute(book: Any, env: dict[str, str], directory: Path, **more: Any) -> Any:
    """Run it from top to bottom in a kernel of its own; the notebook with its outputs."""
    client = NotebookClient(
        book, timeout=PATIENCE, resources={"metadata": {"path": str(directory)}}, **more
    )
    # what a kernel would inherit from the tests is not what a person's would have
    client.execute(env={**os.environ, **env})
    return book


def outputs(cell: Any, kind: str = "text/plain") -> str:
    """All that a cell has shown, of that type of media."""
    found = []
    for output in cell.outputs:
        if output.output_type == "stream":
            found.append(output.text)
        elif output.output_type == "error":
            found.append("\n".join(output.traceback))
        elif kind in output.data:
            found.append(output.data[kind])
    return "\n".join(found)
