"""F7: an agent that ends before it is ready: exit code and its own words where the person waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.world import World


def test_the_api_tells_exit_code_and_stderr(world: World, project: Path) -> None:
    before = world.trace()
    with pytest.raises(CodecastError) as failed:
        world.talk(project, "broken", prompt="never delivered")
    assert failed.value.code == "cli_failed"
    assert "3" in failed.value.message
    assert "the cause, in its own words" in failed.value.detail
    world.assert_untouched(before)


def test_the_shell_tells_exit_code_and_stderr(world: World, project: Path) -> None:
    before = world.trace()
    told = world.shell("start", "gpu", str(project), "--cli", "broken")
    assert told.code == 1
    assert "3" in told.err
    assert "the cause, in its own words" in told.err
    assert "Traceback" not in told.err
    world.assert_untouched(before)


def test_one_that_ends_later_tells_it_too(world: World, project: Path) -> None:
    talk = world.talk(project, "scripted")
    id = talk.prompt("say half\ndie 7 words of the dying")
    failed = talk.wait_prompt(id, "failed")
    assert "7" in failed["error"]["message"]
    assert "words of the dying" in failed["error"]["detail"]
    state = talk.wait_event("session_state", state="exited")
    assert state["code"] == 7
