"""1,000 prompts while everything that can break does, in an order that a seed decides; and the
real Claude Code under one fault after the other.

`make soak` does the same with as many prompts as one has time for. A seed that fails here is
printed with the command that replays it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.fixtures.live import assert_nothing_left, kill
from tests.fixtures.transcripts import assert_whole, text_of
from tests.fixtures.world import World

from .harness.rig import Rig, opened
from .harness.run import Round
from .harness.schedule import make


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with opened(tmp_path_factory.mktemp("random")) as rig:
        yield rig


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_is_lost_and_nothing_is_doubled(rig: Rig, seed: int) -> None:
    schedule = make(seed, 334)
    verdict = Round(rig, schedule).run()
    assert not verdict.findings, verdict.complaint()
    # a run in which little was done or hurt proves nothing
    assert verdict.counts.prompts >= 330
    assert verdict.counts.states["done"] > 250
    assert sum(verdict.faults.values()) >= 10
    assert verdict.counts.requests > 20


def test_the_real_claude_under_one_fault_after_the_other(claude: World) -> None:
    talk = claude.talk(claude.project(), "claude", mode="ask")

    def bounce() -> None:
        claude.sshd.kill()
        claude.sshd.start()

    hurts: dict[str, Callable[[], None]] = {
        "relay": claude.kill_relay,
        "connection": claude.kill_connection,
        "hub": claude.kill_server,
        "cli": lambda: kill(talk.state["pid"]),
        "supervisor": lambda: kill(claude.ground.supervisor(talk.id)),
        "sshd": bounce,
    }
    fates = {}
    for name, hurt in hurts.items():
        id = talk.prompt(f"say:before-{name}.\nslow:12:100\nsay:after-{name}.")
        waiting = talk.prompt(f"say:waited-{name}.")
        talk.wait_text(f"before-{name}.")
        hurt()
        fates[name] = talk.wait_prompt(id, "done", "failed")["state"]
        if fates[name] == "failed":
            talk.wait_status("exited")
            talk.api.post(f"{talk.path}/resume")
        talk.wait_prompt(waiting)
    ended = {"cli": "failed", "supervisor": "failed"}
    assert fates == {name: ended.get(name, "done") for name in hurts}
    events = talk.events()
    assert_whole(events)
    said = text_of(events)
    for name, fate in fates.items():
        assert said.count(f"before-{name}.") == 1
        assert said.count(f"after-{name}.") == (fate == "done")
        assert said.count(f"waited-{name}.") == 1
    journal = claude.ground.journal(talk.id)
    assert [event["type"] for event in journal] == [event["type"] for event in events]
    talk.destroy()
    assert_nothing_left(talk.id)
