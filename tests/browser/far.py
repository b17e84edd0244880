"""A Lab whose machine `gpu` is behind an sshd and has the real Claude Code, its model scripted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.fixtures.clis import claude_binary
from tests.fixtures.models import serving
from tests.fixtures.server import JupyterServer
from tests.fixtures.sshd import Client, Sshd

from .driving import running_lab


class Far(NamedTuple):
    """`server` is the Lab, `sshd` the way to the machine `gpu`."""

    server: JupyterServer
    sshd: Sshd


@contextmanager
def far_lab(
    directory: Path, environment: Mapping[str, str] | None = None, prefix: str = ""
) -> Iterator[Far]:
    """`environment` is more of the machine's; `prefix` is where a proxy puts the server."""
    with serving("--delta-ms", "15") as model:
        client = Client(directory / "keys")
        sshd = Sshd(
            directory / "gpu",
            client.authorized,
            environment={"CODECAST_CLI_CLAUDE": str(claude_binary()), **(environment or {})},
        )
        client.add_host("gpu", sshd)
        machines = json.dumps({"machines": {"gpu": {"env": model.claude_environment(sshd.home)}}})
        home = directory / "person"
        home.mkdir()
        sshd.start()
        try:
            with running_lab(home, client.config.read_text(), machines, prefix) as server:
                yield Far(server, sshd)
        finally:
            sshd.stop()
