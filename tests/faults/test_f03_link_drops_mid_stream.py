"""F3: the link drops in mid-stream and returns; the agent is untouched, the transcript whole.

Away for one second, and for half a minute: longer than a turn, than every timeout of the
link's own, and than the slowest step of reconnecting. An hour or three days take the same way,
since nothing on the machine waits for the hub: the relay is gone in all these cases, and what
it had not sent is read from the journal.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.fixtures.live import living
from tests.fixtures.transcripts import assert_whole, text_of
from tests.fixtures.world import World


@pytest.mark.parametrize(("turn", "away"), [(4, 1.0), (4, 30.0)])
def test_away_in_mid_stream(world: World, project: Path, turn: int, away: float) -> None:
    talk = world.talk(project, mode="auto")
    pid = talk.state["pid"]
    first = talk.prompt(f"slow {turn}")
    talk.wait_text("3 ")
    relays = world.ground.relays()
    world.sshd.kill()
    world.api.wait_machine("gpu", "reconnecting", deadline=20)
    assert talk.show()["link"] == "offline"
    second = talk.prompt("run echo sent while away > sent.txt")
    assert talk.prompts()[second]["state"] == "stored"
    time.sleep(away)
    assert living(pid)
    if away > turn:  # it went on while nobody could hear it
        ended = [e["reason"] for e in world.ground.journal(talk.id) if e["type"] == "turn_ended"]
        assert ended == ["end_turn"]
    world.sshd.start()

    talk.wait_prompt(first)
    talk.wait_prompt(second)
    events = talk.events()
    assert_whole(events)
    steps = "".join(f"{step} " for step in range(1, turn * 4 + 1))
    assert text_of(events).startswith(steps + "done.")
    assert text_of(events).count("done.") == 1
    assert (project / "sent.txt").read_text() == "sent while away\n"
    assert talk.state["pid"] == pid
    assert living(pid)
    assert not relays & world.ground.relays(), "the old relay is gone"
