"""Claude Code or its supervisor dies: what was said stays, the end has its reason, and the next
prompt goes on with the same conversation.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import Model
from tests.fixtures.live import Talk, assert_nothing_left, gone, kill, of_session
from tests.fixtures.transcripts import assert_whole, text_of
from tests.fixtures.world import World

Victim = Callable[[World, Talk], int]


def the_cli(world: World, talk: Talk) -> int:
    pid: int = talk.state["pid"]
    return pid


def the_supervisor(world: World, talk: Talk) -> int:
    return world.ground.supervisor(talk.id)


def goes_on(world: World, model: Model, talk: Talk, native: str, remembered: str) -> None:
    """The next prompt reaches a new process that remembers the conversation."""
    talk.ask(f"say:resumed after {remembered}")
    assert talk.state["native"] == native
    events = talk.events()
    assert_whole(events)
    assert [e["resumed"] for e in events if e.get("state") == "ready"] == [False, True]
    said = model.heard(f"resumed after {remembered}")
    assert ("user", f"say:{remembered}") in said, "the model is told the earlier prompt"
    assert ("assistant", remembered) in said, "and what it answered then"
    assert world.ground.journal(talk.id)[-1]["seq"] == events[-1]["seq"]
    assert len(of_session(talk.id)) == 1


@pytest.mark.parametrize("victim", [the_cli, the_supervisor])
def test_in_mid_turn(far: World, model: Model, project: Path, victim: Victim) -> None:
    talk = far.talk(project, "claude", mode="ask")
    marker = f"before-{victim.__name__}"
    talk.ask(f"say:{marker}")
    native = talk.state["native"]
    before = of_session(talk.id)
    id = talk.prompt("say:Now slowly. \nslow:300:100")
    talk.wait_text("token5 ")
    said = text_of(talk.events())
    kill(victim(far, talk))

    failed = talk.wait_prompt(id, "failed")
    assert failed["error"]["message"]
    ended = talk.wait_event("turn_ended", reason="error")
    assert ended["error"]["message"]
    assert ended["error"]["hint"]
    if victim is the_cli:
        assert "killed by SIGKILL" in ended["error"]["message"]
    else:
        assert "supervisor" in ended["error"]["message"]
    talk.wait_status("exited")
    gone(before)
    assert_nothing_left(talk.id)
    events = talk.events()
    assert_whole(events)
    assert text_of(events).startswith(said)
    goes_on(far, model, talk, native, marker)


@pytest.mark.parametrize("victim", [the_cli, the_supervisor])
def test_at_an_open_request(far: World, model: Model, project: Path, victim: Victim) -> None:
    talk = far.talk(project, "claude", mode="ask")
    marker = f"asked-{victim.__name__}"
    talk.ask(f"say:{marker}")
    native = talk.state["native"]
    before = of_session(talk.id)
    id = talk.prompt("bash:touch never.txt")
    request = talk.wait_request()
    waiting = talk.prompt("say:from the queue")
    talk.wait_prompt(waiting, "queued")
    kill(victim(far, talk))

    withdrawn = talk.wait_event("request_withdrawn", request=request["request"])
    assert withdrawn["why"]
    talk.wait_prompt(id, "failed")
    talk.wait_event("turn_ended", reason="error")
    gone(before)
    assert not (project / "never.txt").exists()
    talk.wait_status("exited", "starting", "running", "idle")
    # what was queued is not lost: it waits for the person to go on
    talk.api.post(f"{talk.path}/resume")
    talk.wait_prompt(waiting)
    goes_on(far, model, talk, native, marker)
    assert text_of(talk.events()).count("from the queue") == 1
