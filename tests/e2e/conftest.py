"""Claude Code on a host behind a jump host, with a scripted model of its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.clis import claude_binary
from tests.fixtures.models import ROOT, ModelServer
from tests.fixtures.netns import Network
from tests.fixtures.sshd import Client, Sshd
from tests.fixtures.world import World, configuration, loopback, opened


class Model:
    """The scripted model inside a namespace: reached by what runs there, read through files."""

    def __init__(self, directory: Path, wrap: list[str]) -> None:
        directory.mkdir()
        self._log, self._record = directory / "log.jsonl", directory / "requests"
        self._process = subprocess.Popen(
            [
                *wrap,
                *(sys.executable, "-m", "tests.fixtures.model_server", "--exit-with-stdin"),
                *("--log", str(self._log), "--record", str(self._record)),
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self.url: str = json.loads(self._process.stdout.readline())["url"]

    def environment(self, home: Path) -> dict[str, str]:
        return ModelServer(self.url).claude_environment(home)

    def finished(self, session: str) -> list[dict[str, Any]]:
        """What the model was asked by a session and has answered."""
        if not self._log.exists():
            return []
        lines = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [line for line in lines if line.get("session") == session]

    @property
    def records(self) -> Path:
        """The requests that came, one a file, in their order."""
        return self._record

    def heard(self, marker: str) -> list[tuple[str, str]]:
        """The conversation (role, text) of the last request whose prompts have `marker`."""
        for path in sorted(self._record.iterdir(), reverse=True):
            told = json.loads(path.read_text())["body"].get("messages", [])
            texts = [(message["role"], text) for message in told for text in _texts(message)]
            if any(marker in text for role, text in texts if role == "user"):
                return texts
        raise AssertionError(f"the model was never told {marker!r}")

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _texts(message: dict[str, Any]) -> list[str]:
    """Those of one message of the model's API."""
    content = message["content"]
    if isinstance(content, str):
        return [content]
    return [block["text"] for block in content if block.get("type") == "text"]


@pytest.fixture(scope="session")
def shared_far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Model]]:
    directory = tmp_path_factory.mktemp("far")
    claude = claude_binary()
    with Network() as network:
        model = Model(directory / "model", network.wrap("inner"))
        try:
            client = Client(directory / "keys")
            jump = Sshd(
                directory / "jump",
                client.authorized,
                address=network.jump,
                wrap=network.wrap("jump"),
            )
            inner = Sshd(
                directory / "inner",
                client.authorized,
                address=network.inner,
                wrap=network.wrap("inner"),
                environment={"CODECAST_CLI_CLAUDE": str(claude)},
            )
            client.add_host("jump", jump)
            client.add_host("inner", inner, "ProxyJump jump")
            machines = configuration(inner={"env": model.environment(inner.home)})
            hosts = {"inner": inner, "jump": jump}
            with opened(World(directory, client, hosts, "inner", machines)) as world:
                yield world, model
        finally:
            model.close()


@pytest.fixture
def far(shared_far: tuple[World, Model]) -> Iterator[World]:
    """The machine `inner`, behind `jump`."""
    yield shared_far[0]
    shared_far[0].mend()


@pytest.fixture
def model(shared_far: tuple[World, Model]) -> Model:
    return shared_far[1]


@pytest.fixture(scope="session")
def shared_near(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with opened(loopback(tmp_path_factory.mktemp("near"))) as world:
        yield world


@pytest.fixture
def near(shared_near: World) -> Iterator[World]:
    """The machine `gpu`, on loopback, without any CLI."""
    yield shared_near
    shared_near.mend()


@pytest.fixture
def project(request: pytest.FixtureRequest) -> Path:
    """An own directory, in the world that the test uses."""
    world: World = request.getfixturevalue("far" if "far" in request.fixturenames else "near")
    return world.project()
