"""The CLIs of these tests: the real Claude Code on the scripted model, and the demo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from codecast_agent.clis import catalog
from tests.fixtures.clis import claude
from tests.fixtures.models import ModelServer, model_server

from .driving import Driver, driving

__all__ = ["claude", "model_server"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    path = tmp_path / "project"
    path.mkdir()
    return path


@pytest.fixture
def code(
    claude: Path, model_server: ModelServer, project: Path, tmp_path: Path
) -> Iterator[Driver]:
    """Claude Code, not yet started."""
    env = model_server.claude_environment(tmp_path)
    with driving("claude", [str(claude)], project, env) as driver:
        yield driver


@pytest.fixture
def demo(project: Path, tmp_path: Path) -> Iterator[Driver]:
    """The demo CLI, not yet started."""
    env = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    with driving("demo", catalog.resolve("demo"), project, env) as driver:
        yield driver
