"""The CLIs of these tests: real programs on the scripted model, and the demo."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from codecast_agent.clis import catalog
from tests.fixtures.clis import (
    acp_agent_command,
    claude,
    codex,
    gemini_command,
    opencode_binary,
)
from tests.fixtures.models import ModelServer, model_server

from .driving import Driver, driving

__all__ = ["claude", "codex", "model_server"]
OUTSIDE = Path("/var/tmp")  # what Codex's sandbox protects; /tmp it leaves writable


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
def codex_home() -> Iterator[Path]:
    """A home with a `project`, outside of what Codex's sandbox leaves writable."""
    with tempfile.TemporaryDirectory(prefix="codecast-codex-", dir=OUTSIDE) as name:
        (Path(name) / "project").mkdir()
        yield Path(name)


@pytest.fixture
def cx(codex: Path, model_server: ModelServer, codex_home: Path) -> Iterator[Driver]:
    """Codex, not yet started."""
    env = model_server.codex_environment(codex_home)
    command = [str(codex), "app-server"]
    with driving("codex", command, codex_home / "project", env) as driver:
        yield driver


@pytest.fixture
def gemini(model_server: ModelServer, project: Path, tmp_path: Path) -> Iterator[Driver]:
    """Gemini CLI, not yet started."""
    env = model_server.gemini_environment(tmp_path)
    with driving("gemini", gemini_command(), project, env) as driver:
        yield driver


@pytest.fixture
def opencode(model_server: ModelServer, project: Path, tmp_path: Path) -> Iterator[Driver]:
    """OpenCode, not yet started."""
    env = model_server.opencode_environment(tmp_path)
    with driving("opencode", [str(opencode_binary()), "acp"], project, env) as driver:
        yield driver


@pytest.fixture
def acp_agent(model_server: ModelServer, project: Path, tmp_path: Path) -> Iterator[Driver]:
    """An ACP agent that no quirk of ours knows, not yet started."""
    env = model_server.claude_environment(tmp_path)
    with driving("acp-agent", acp_agent_command(), project, env) as driver:
        yield driver


@pytest.fixture
def demo(project: Path, tmp_path: Path) -> Iterator[Driver]:
    """The demo CLI, not yet started."""
    env = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    with driving("demo", catalog.resolve("demo"), project, env) as driver:
        yield driver
