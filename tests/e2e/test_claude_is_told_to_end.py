"""Interrupt, stop and destroy take effect on the real Claude Code, with all that it has started."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.e2e.conftest import Model
from tests.fixtures.live import Talk, assert_nothing_left, living, of_session, until
from tests.fixtures.transcripts import assert_whole, text_of
from tests.fixtures.world import World


def interrupted(talk: Talk, id: str) -> None:
    """The turn is over and cancelled, the process the same, and it takes the next prompt."""
    pid = talk.state["pid"]
    talk.interrupt()
    talk.wait_prompt(id, "cancelled")
    talk.wait_event("turn_ended", reason="cancelled")
    talk.wait_status("idle")
    assert not talk.state["requests"]
    talk.ask("say:still here")
    assert text_of(talk.events()).endswith("still here")
    assert talk.state["pid"] == pid
    assert_whole(talk.events())


def test_interrupt_while_it_streams(far: World, project: Path) -> None:
    talk = far.talk(project, "claude", mode="ask")
    id = talk.prompt("slow:600:100")
    talk.wait_text("token3 ")
    interrupted(talk, id)
    assert "token600" not in text_of(talk.events())


def test_interrupt_in_a_tool(far: World, project: Path) -> None:
    talk = far.talk(project, "claude", mode="auto")
    before = of_session(talk.id)
    id = talk.prompt("bash:touch began; sleep 1000\nsay:never said")
    until(lambda: (project / "began").exists(), "the tool runs")
    interrupted(talk, id)
    until(lambda: of_session(talk.id) == before, "the tool's processes are gone", 10)
    assert "never said" not in text_of(talk.events())


def test_interrupt_at_a_permission_request(far: World, project: Path) -> None:
    talk = far.talk(project, "claude", mode="ask")
    id = talk.prompt("bash:touch never.txt\nsay:never said")
    request = talk.wait_request()
    interrupted(talk, id)
    assert talk.wait_event("request_withdrawn", request=request["request"])["why"]
    assert not (project / "never.txt").exists()


@pytest.mark.parametrize("end", ["stop", "destroy"])
def test_the_end_ends_background_children_too(far: World, project: Path, end: str) -> None:
    talk = far.talk(project, "claude", mode="auto")
    cli = talk.state["pid"]
    # a child, one in a session of its own, and one that hides: nothing of ours in its environment
    (project / "background").write_text(
        "exec >/dev/null 2>&1\nsleep 1001 & disown\nsetsid sleep 1002 &\n"
        "env -i setsid sleep 1003 &\n"
    )
    talk.ask("bash:bash background")
    wanted = {"1001", "1002", "1003"}
    sleepers = until(
        lambda: len(found := _sleepers(wanted)) == 3 and found, "three sleep in the background"
    )
    supervisor = far.ground.supervisor(talk.id)
    id = talk.prompt("slow:600:100")
    talk.wait_text("token3 ")

    began = time.monotonic()
    getattr(talk, end)()
    assert time.monotonic() - began < 10, "a stop is no matter of patience"
    assert not living(cli)
    assert not [pid for pid in sleepers if living(pid)]
    assert_nothing_left(talk.id)
    until(lambda: not living(supervisor), "the supervisor ends too", 10)
    if end == "stop":
        talk.wait_prompt(id, "cancelled")
        talk.wait_status("stopped")
        talk.ask("say:back again")
        assert text_of(talk.events()).endswith("back again")
    else:
        assert not far.ground.directories()
        assert talk.id not in [session["id"] for session in far.api.get("/sessions")]


def _sleepers(wanted: set[str]) -> set[int]:
    """Processes that sleep for one of these times."""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        if words[0] == "sleep" and words[1] in wanted:
            found.add(int(path.name))
    return found


def test_prompts_sent_during_a_turn_run_in_order_once(
    far: World, model: Model, project: Path
) -> None:
    talk = far.talk(project, "claude", mode="auto")
    native = talk.state["native"]
    first = talk.prompt("say:first \nslow:40:100")
    talk.wait_text("token3 ")
    second = talk.prompt("say:second\nbash:echo second >> order.txt")
    third = talk.prompt("say:third as it was")
    fourth = talk.prompt("say:fourth")
    for id in (second, third, fourth):
        talk.wait_prompt(id, "queued")
    changed = {"text": "say:third as changed\nbash:echo third >> order.txt"}
    talk.api.call("PATCH", f"{talk.path}/prompts/{third}", changed)
    talk.api.call("DELETE", f"{talk.path}/prompts/{fourth}")
    for id in (first, second, third):
        talk.wait_prompt(id)
    events = talk.events()
    assert_whole(events)
    turns = [event["prompts"] for event in events if event["type"] == "turn_started"]
    assert turns == [[first], [second], [third]]
    said = text_of(events)
    assert said.index("first") < said.index("token40") < said.index("second")
    assert said.index("second") < said.index("third as changed")
    assert "as it was" not in said
    assert "fourth" not in said
    assert (project / "order.txt").read_text() == "second\nthird\n"
    prompts = {entry["prompt"] for entry in model.finished(native)}
    assert not [prompt for prompt in prompts if "fourth" in prompt or "as it was" in prompt]
