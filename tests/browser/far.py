"""A Lab whose machine `gpu` is behind an sshd and has the real Claude Code, its model scripted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.fixtures.clis import claude_binary
from tests.fixtures.models import ROOT, ModelServer
from tests.fixtures.server import JupyterServer
from tests.fixtures.sshd import Client, Sshd

from .driving import running_lab


class Far(NamedTuple):
    """`server` is the Lab, `sshd` the way to the machine `gpu`."""

    server: JupyterServer
    sshd: Sshd


@contextmanager
def far_lab(
    directory: Path, delta_ms: float = 15, environment: Mapping[str, str] | None = None
) -> Iterator[Far]:
    """`delta_ms` is the pause between two pieces of what the model says; `environment` is more
    of the machine's."""
    with _model(delta_ms) as model:
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
            with running_lab(home, client.config.read_text(), machines) as server:
                yield Far(server, sshd)
        finally:
            sshd.stop()


@contextmanager
def _model(delta_ms: float) -> Iterator[ModelServer]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.fixtures.model_server", "--exit-with-stdin"),
            *("--delta-ms", str(delta_ms)),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield ModelServer(json.loads(process.stdout.readline())["url"])
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(10)
