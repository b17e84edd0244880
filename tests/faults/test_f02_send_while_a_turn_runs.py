"""F2: what is sent while a turn runs is queued, seen, can be edited, and is delivered once."""

from __future__ import annotations

from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.transcripts import assert_whole, text_of
from tests.fixtures.world import World


def test_queued_prompts_are_seen_edited_cancelled_and_run_in_order_once(
    world: World, project: Path
) -> None:
    talk = world.talk(project, mode="auto")
    first = talk.prompt("slow 3")
    talk.wait_status("running")
    kept = talk.prompt("write kept.txt: kept")
    edited = talk.prompt("write edited.txt: before")
    dropped = talk.prompt("write dropped.txt: dropped")
    for id in (kept, edited, dropped):
        talk.wait_prompt(id, "queued")
    assert list(talk.state["prompts"]) == [first, kept, edited, dropped]

    talk.api.call("PATCH", f"{talk.path}/prompts/{edited}", {"text": "write edited.txt: after"})
    talk.api.call("DELETE", f"{talk.path}/prompts/{dropped}")
    for id in (first, kept, edited):
        talk.wait_prompt(id)
    assert talk.prompts()[dropped]["state"] == "cancelled"

    events = talk.events()
    assert_whole(events)
    started = [prompt for e in events if e["type"] == "turn_started" for prompt in e["prompts"]]
    assert started == [first, kept, edited]
    assert (project / "kept.txt").read_text() == "kept\n"
    assert (project / "edited.txt").read_text() == "after\n"
    assert not (project / "dropped.txt").exists()
    assert text_of(events).count("done.") == 1

    with pytest.raises(CodecastError) as refused:
        talk.api.call("PATCH", f"{talk.path}/prompts/{kept}", {"text": "too late"})
    assert refused.value.code == "conflict"


def test_the_same_prompt_sent_twice_is_done_once(world: World, project: Path) -> None:
    talk = world.talk(project, mode="auto")
    busy = talk.prompt("slow 1")
    id = talk.prompt("run echo once >> log.txt")
    assert talk.prompt("run echo once >> log.txt", id=id) == id
    talk.wait_prompt(busy)
    talk.wait_prompt(id)
    talk.prompt("run echo once >> log.txt", id=id)
    talk.ask("run echo last >> log.txt")
    assert (project / "log.txt").read_text() == "once\nlast\n"
