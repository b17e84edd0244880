"""F6: what keeps the session on the machine is killed; the CLI's own id is on disk, the partial
turn is marked, and the session goes on."""

from __future__ import annotations

from pathlib import Path

from tests.fixtures.live import assert_nothing_left, kill
from tests.fixtures.transcripts import assert_whole, text_of
from tests.fixtures.world import World


def test_killed_in_mid_turn_with_the_relay(world: World, project: Path) -> None:
    talk = world.talk(project, mode="auto")
    talk.ask("run echo first")
    native = talk.state["native"]
    assert native
    assert world.ground.meta(talk.id)["native"] == native
    id = talk.prompt("slow 30")
    waiting = talk.prompt("run echo queued > queued.txt")
    talk.wait_text("3 ")
    said = text_of(talk.events())
    kill(world.ground.supervisor(talk.id), *world.ground.relays())

    ended = talk.wait_event("turn_ended", reason="error")
    assert "supervisor" in ended["error"]["message"]
    assert ended["error"]["hint"]
    talk.wait_prompt(id, "failed")
    talk.wait_status("exited")
    assert_nothing_left(talk.id)
    assert text_of(talk.events()).startswith(said)

    talk.api.post(f"{talk.path}/resume")
    talk.wait_prompt(waiting)
    assert (project / "queued.txt").read_text() == "queued\n"
    assert talk.state["native"] == native
    assert talk.wait_event("session_state", state="ready", resumed=True)
    assert_whole(talk.events())


def test_killed_while_idle_the_next_prompt_resumes(world: World, project: Path) -> None:
    talk = world.talk(project, mode="auto")
    talk.ask("run echo first")
    native = talk.state["native"]
    kill(world.ground.supervisor(talk.id))
    talk.wait_status("exited")
    talk.ask("run echo again > again.txt")
    assert (project / "again.txt").exists()
    assert talk.state["native"] == native
    assert_whole(talk.events())


def test_killed_at_an_open_request(world: World, project: Path) -> None:
    talk = world.talk(project, mode="ask")
    id = talk.prompt("write note.txt: never")
    request = talk.wait_request()
    kill(world.ground.supervisor(talk.id))
    talk.wait_event("request_withdrawn", request=request["request"])
    talk.wait_prompt(id, "failed")
    assert_nothing_left(talk.id)
    assert not [r for r in talk.api.get(f"{talk.path}/requests") if r["outcome"] == "open"]
    assert not (project / "note.txt").exists()
