"""F13: another version of us comes to the machine: sessions keep running under it, untouched.

Both ways: a newer hub finds sessions of an older agent, and an older hub those of a newer one.
The other version is the same source with another hash, as a fixed bug would make it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import codecast_agent
from tests.fixtures.live import living
from tests.fixtures.transcripts import assert_whole, text_of
from tests.fixtures.world import World

OURS = Path(codecast_agent.__file__).resolve().parent


@pytest.fixture
def versions(world: World, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two values of PYTHONPATH: with another version of the agent, and as it was."""
    now = os.environ.get("PYTHONPATH", "")
    shutil.copytree(OURS, tmp_path / "codecast_agent", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "codecast_agent" / "relay.py").open("a") as file:
        file.write("\n# another build\n")
    yield f"{tmp_path}{os.pathsep}{now}", now
    run(world, now)


def run(world: World, path: str) -> None:
    """Let the hub run with that PYTHONPATH."""
    if world.server.environment.get("PYTHONPATH", "") != path:
        world.server.set_environment("PYTHONPATH", path)
        world.server.restart()


@pytest.mark.parametrize("order", ["upgrade", "downgrade"])
def test_a_running_session_lives_through_it(
    world: World, project: Path, versions: tuple[str, str], order: str
) -> None:
    first, then = versions if order == "upgrade" else versions[::-1]
    run(world, first)
    talk = world.talk(project, mode="auto")
    pid, supervisor = talk.state["pid"], world.ground.supervisor(talk.id)
    old = world.api.machine("gpu")["hello"]["agent"]
    talk.ask("run echo under the first")
    id = talk.prompt("slow 5")
    talk.wait_text("3 ")

    run(world, then)
    talk.wait_prompt(id)
    new = world.api.machine("gpu")["hello"]["agent"]
    assert new != old
    assert {old, new} <= {path.name for path in world.ground.agents()}

    talk.ask("run echo under the second > second.txt")
    assert (project / "second.txt").exists()
    events = talk.events()
    assert_whole(events)
    assert "".join(f"{step} " for step in range(1, 21)) + "done." in text_of(events)
    assert talk.state["pid"] == pid
    assert living(pid)
    assert world.ground.supervisor(talk.id) == supervisor

    # only its own end ends it; what takes its place is of the new version
    talk.stop()
    talk.ask("run echo again > again.txt")
    assert (project / "again.txt").exists()
    fresh = world.talk(project, mode="auto")
    fresh.ask("run echo fresh > fresh.txt")
    assert (project / "fresh.txt").exists()
