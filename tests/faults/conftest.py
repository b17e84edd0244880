"""One world for all fault tests: each hurts it somewhere, and it is mended after each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.models import model_server  # noqa: F401
from tests.fixtures.world import World, loopback, opened


@pytest.fixture(scope="session")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with opened(loopback(tmp_path_factory.mktemp("faults"))) as world:
        yield world


@pytest.fixture
def world(shared_world: World) -> Iterator[World]:
    yield shared_world
    shared_world.mend()


@pytest.fixture
def project(world: World) -> Path:
    return world.project()
