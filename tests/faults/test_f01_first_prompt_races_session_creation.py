"""F1: a prompt sent while its session still starts is stored, delivered when it is ready."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path

from tests.fixtures.live import Talk, until
from tests.fixtures.transcripts import assert_whole, text_of
from tests.fixtures.world import World


def test_prompts_sent_before_the_cli_is_ready_are_done_in_order_once(
    world: World, project: Path
) -> None:
    id = str(uuid.uuid4())
    answers: list[str] = []

    def start() -> None:
        answers.append(world.talk(project, "sleepy", id=id, prompt="say one.").id)

    # twice at once, as a person with two tabs or a client that asks again
    starts = [threading.Thread(target=start) for _ in range(2)]
    for thread in starts:
        thread.start()
    talk = Talk(world.api, id)
    until(lambda: talk.show()["id"] == id, "the session is known before it runs")
    assert talk.show()["delivery"] == "stored"
    second = talk.prompt("say two.")
    assert talk.prompts()[second]["state"] == "stored"
    for thread in starts:
        thread.join(60)
    assert answers == [id, id]

    talk.wait_prompt(second)
    events = talk.events()
    assert_whole(events)
    assert text_of(events) == "one.two."
    assert [e["state"] for e in events if e["type"] == "session_state"] == ["starting", "ready"]
    assert len(world.ground.directories()) == 1
