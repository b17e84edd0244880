"""One world for all fault tests: each hurts it somewhere, and it is mended after each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.clis import claude_binary
from tests.fixtures.models import ModelServer, model_server  # noqa: F401
from tests.fixtures.sshd import Client, Sshd
from tests.fixtures.world import World, configuration, loopback, opened

from .harness.background import LOOP


@pytest.fixture(scope="session", autouse=True)
def loop_of_the_harness() -> Iterator[None]:
    """Begun by its first use."""
    yield
    LOOP.close()


@pytest.fixture(scope="session")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with opened(loopback(tmp_path_factory.mktemp("faults"))) as world:
        yield world


@pytest.fixture
def world(shared_world: World) -> Iterator[World]:
    yield shared_world
    shared_world.mend()


@pytest.fixture(scope="session")
def shared_claude(
    tmp_path_factory: pytest.TempPathFactory,
    model_server: ModelServer,  # noqa: F811
) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("claude")
    client = Client(directory / "keys")
    environment = {"CODECAST_CLI_CLAUDE": str(claude_binary())}
    sshd = Sshd(directory / "gpu", client.authorized, environment=environment)
    client.add_host("gpu", sshd)
    machines = configuration(gpu={"env": model_server.claude_environment(sshd.home)})
    with opened(World(directory, client, {"gpu": sshd}, "gpu", machines)) as world:
        yield world


@pytest.fixture
def claude(shared_claude: World) -> Iterator[World]:
    """A machine with the real Claude Code, whose account there is root's."""
    yield shared_claude
    shared_claude.mend()


@pytest.fixture
def project(world: World) -> Path:
    return world.project()
