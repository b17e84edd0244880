"""A conversation with the real Claude Code behind a jump host is the same whatever dies on the way.

One scenario has all that a turn can have. Undisturbed it is the reference; then links and
servers are killed in its middle, while Claude streams and while it waits for a person.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.e2e.conftest import Model
from tests.e2e.watching import Watcher
from tests.fixtures.live import Talk, living, until
from tests.fixtures.transcripts import assert_whole, comparable, text_of
from tests.fixtures.world import World

Json = dict[str, Any]
At = dict[str, Callable[[], None]]
STREAMED = " ".join(f"token{number}" for number in range(1, 31))

SCENARIO = """\
think:First I look around.
say:I will touch a file.
bash:touch allowed.txt
say:Now another one.
bash:touch refused.txt
ask:Which way?|Left|Right
usage:1234:56
slow:30:100
say: That is all."""


class Run(NamedTuple):
    transcript: list[Json]
    text: str
    asked: int  # requests to the model
    state: Json


def play(talk: Talk, cwd: Path, at: At | None = None) -> str:
    """The scenario, with something happening `at` "request" or "stream". The first prompt's id."""
    at = at or {}
    id = talk.prompt(SCENARIO)
    permission = talk.wait_request()
    if "request" in at:
        at["request"]()
        again = talk.wait_request()
        assert again["request"] == permission["request"]
    assert not (cwd / "allowed.txt").exists()
    talk.choose(permission, "allow_once")
    talk.wait_event("request_resolved", request=permission["request"])
    refused = until(
        lambda: (other := talk.wait_request())["request"] != permission["request"] and other,
        "the second permission request",
    )
    talk.choose(refused, "reject_once")
    question = talk.wait_request("question")
    talk.answer(question, answers={question["questions"][0]["id"]: ["Right"]})
    if "stream" in at:
        talk.wait_text("token4 ")
        at["stream"]()
    talk.wait_prompt(id)
    talk.ask("say:And once more.")
    return id


def run(world: World, model: Model, cwd: Path, at: At | None = None) -> Run:
    """Play it before a watcher; what it saw is what is stored, whole, and by one process."""
    talk = world.talk(cwd, "claude", mode="ask")
    pid = until(lambda: talk.state["pid"], "the CLI's process is told")
    with Watcher(talk) as watcher:
        id = play(talk, cwd, at)
        stored = talk.events()
        seen = watcher.up_to(stored[-1]["seq"])
    assert_whole(stored)
    assert seen == stored
    assert world.ground.journal(talk.id) == [
        {key: value for key, value in event.items() if key != "time"} for event in stored
    ]
    state = talk.state
    assert state["pid"] == pid
    assert living(pid)
    started = [prompt for e in stored if e["type"] == "turn_started" for prompt in e["prompts"]]
    assert started == list(talk.prompts())
    assert started[0] == id
    assert [p["state"] for p in talk.prompts().values()] == ["done", "done"]
    assert (cwd / "allowed.txt").exists()
    assert not (cwd / "refused.txt").exists()
    # directories differ from test to test
    same = comparable(json.loads(json.dumps(stored).replace(str(cwd), "DIRECTORY")))
    return Run(same, text_of(stored), len(model.finished(state["native"])), state)


@pytest.fixture(scope="module")
def reference(shared_far: tuple[World, Model]) -> Iterator[Run]:
    """Undisturbed."""
    world, model = shared_far
    cwd = world.project()
    yield run(world, model, cwd)


def test_the_undisturbed_conversation_has_all_that_a_turn_can_have(reference: Run) -> None:
    types = [event["type"] for event in reference.transcript]
    for type, how_often in {
        "turn_started": 2,
        "turn_ended": 2,
        "request_opened": 3,
        "request_resolved": 3,
        "agent_thought_chunk": 1,
    }.items():
        assert types.count(type) == how_often, type
    calls = {e["call"] for e in reference.transcript if e["type"] == "tool_call"}
    assert len(calls) == 3
    assert STREAMED in reference.text
    assert reference.text.count("token30") == 1
    assert reference.text.endswith("And once more.")
    thoughts = [e for e in reference.transcript if e["type"] == "agent_thought_chunk"]
    assert thoughts[0]["content"]["text"] == "First I look around."
    resolved = [e for e in reference.transcript if e["type"] == "request_resolved"]
    assert [event.get("option") for event in resolved[:2]] == ["allow_once", "reject_once"]
    assert list(resolved[2]["answers"].values()) == [["Right"]]
    ended = [event for event in reference.transcript if event["type"] == "turn_ended"]
    assert [event["reason"] for event in ended] == ["end_turn", "end_turn"]
    assert ended[0]["usage"]["output_tokens"] > 0
    assert reference.state["cost_usd"] > 0
    failed = [e for e in reference.transcript if e.get("status") == "failed"]
    assert len(failed) == 1, "the refused tool call"


@pytest.mark.parametrize("when", ["stream", "request"])
@pytest.mark.parametrize("what", ["kill_relay", "kill_connection", "kill_server"])
def test_it_is_the_same_when_something_on_the_way_dies(
    far: World, model: Model, project: Path, reference: Run, what: str, when: str
) -> None:
    disturbed = run(far, model, project, {when: getattr(far, what)})
    assert disturbed.transcript == reference.transcript
    assert disturbed.text == reference.text
    assert disturbed.asked == reference.asked, "the model was asked as often"
