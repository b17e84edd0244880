"""F5: the hub restarts during a turn, during an approval and while idle; all is as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.live import living
from tests.fixtures.transcripts import assert_whole, text_of
from tests.fixtures.world import World

# a machine behind sshd loses its relay with the server; so must the one without
MACHINES = ["gpu", "local"]


@pytest.mark.parametrize("machine", MACHINES)
def test_during_a_turn(world: World, project: Path, machine: str) -> None:
    talk = world.talk(project, machine=machine, mode="auto")
    pid = talk.state["pid"]
    id = talk.prompt("slow 5")
    talk.wait_text("3 ")
    world.kill_server()
    assert living(pid)
    talk.wait_prompt(id)
    events = talk.events()
    assert_whole(events)
    assert text_of(events) == "".join(f"{step} " for step in range(1, 21)) + "done."
    assert talk.state["pid"] == pid


def test_during_an_approval(world: World, project: Path) -> None:
    talk = world.talk(project, mode="ask")
    id = talk.prompt("write note.txt: allowed")
    request = talk.wait_request()
    world.kill_server()
    again = talk.wait_request()
    assert again["request"] == request["request"]
    assert talk.state["status"] == "waiting"
    talk.choose(again, "allow_once")
    talk.wait_prompt(id)
    assert (project / "note.txt").read_text() == "allowed\n"
    assert_whole(talk.events())
    assert [e["type"] for e in talk.events()].count("request_opened") == 1


def test_while_idle(world: World, project: Path) -> None:
    talk = world.talk(project, mode="auto")
    talk.ask("run echo before >> log.txt")
    before, events = talk.show(), talk.events()
    world.kill_server()
    talk.api.wait_machine("gpu", "online")
    assert talk.show()["state"] == before["state"]
    assert talk.events() == events
    talk.ask("run echo after >> log.txt")
    assert (project / "log.txt").read_text() == "before\nafter\n"
    assert talk.state["pid"] == before["state"]["pid"]
