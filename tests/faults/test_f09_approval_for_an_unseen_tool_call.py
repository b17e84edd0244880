"""F9: a permission request whose tool call nobody announced is shown from the request itself."""

from __future__ import annotations

from pathlib import Path

from tests.fixtures.transcripts import text_of
from tests.fixtures.world import World


def test_the_request_says_enough_by_itself(world: World, project: Path) -> None:
    talk = world.talk(project, "scripted", mode="ask")
    id = talk.prompt("unseen rm -rf build")
    request = talk.wait_request()
    (call,) = [e for e in talk.events() if e["type"] == "tool_call"]  # told for the agent
    assert call["call"] == request["call"] and call["status"] == "pending"
    assert request["title"] == "rm -rf build"
    assert request["tool_kind"] == "execute"
    assert request["raw_input"] == {"command": "rm -rf build"}
    assert request["description"] == "why: rm -rf build"
    assert [option["label"] for option in request["options"]] == ["Yes", "No"]
    talk.choose(request, "reject_once")
    talk.wait_prompt(id)
    assert text_of(talk.events()) == "outcome: no"
