"""F10: a session that is open elsewhere: seen and used by both, run by one CLI only."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.agent import RelayProcess
from tests.fixtures.live import Api, Talk, kill, of_session, until
from tests.fixtures.server import JupyterServer
from tests.fixtures.transcripts import assert_whole
from tests.fixtures.world import World


@pytest.fixture
def second(world: World, tmp_path: Path) -> Iterator[Api]:
    """Another person's or another computer's hub, with the same machines."""
    home = tmp_path / "person"
    home.mkdir()
    env = {"HOME": str(home), "XDG_STATE_HOME": "", "XDG_RUNTIME_DIR": ""}
    with JupyterServer(tmp_path / "second", ssh_config=world.client.config, env=env) as server:
        yield Api(server, "elsewhere")


def test_a_second_hub_shares_the_session(world: World, project: Path, second: Api) -> None:
    talk = world.talk(project, mode="ask", name="shared-talk")
    pid = talk.state["pid"]
    talk.prompt("write note.txt: from the first")
    request = talk.wait_request()

    second.post("/machines/gpu/connect")
    there = Talk(second, talk.id)
    until(lambda: there.show()["last_seq"] >= request["seq"], "the second hub has the transcript")
    assert there.show()["name"] == "shared-talk"
    assert there.events() == talk.events()

    # answered there, prompted there, resumed there: it is one session
    there.choose(there.wait_request(), "allow_once")
    talk.wait_event("request_resolved", where="elsewhere")
    second.post(f"{there.path}/resume")
    id = there.prompt("run echo from the second > second.txt")
    there.choose(there.wait_request(), "allow_once")
    there.wait_prompt(id)
    assert (project / "second.txt").exists()
    until(lambda: talk.events() == there.events(), "both have the same transcript")
    assert_whole(talk.events())
    assert talk.state["pid"] == there.state["pid"] == pid
    assert of_session(talk.id) == {pid}
    assert len(world.ground.supervisors()) == 1


def test_only_one_supervisor_can_start_for_a_session(world: World, project: Path) -> None:
    """Many relays are told at once to go on with a session whose supervisor is dead."""
    talk = world.talk(project, mode="auto")
    talk.ask("run echo before")
    kill(world.ground.supervisor(talk.id))
    talk.wait_status("exited")
    root = world.ground.root
    env = {"HOME": str(world.ground.home)}
    relays = [RelayProcess(root, env=env) for _ in range(4)]
    try:
        together = threading.Barrier(len(relays))
        problems: list[Exception] = []

        def resume(relay: RelayProcess) -> None:
            together.wait()
            try:
                relay.call("session/resume", session=talk.id)
            except Exception as problem:
                problems.append(problem)

        threads = [threading.Thread(target=resume, args=(relay,)) for relay in relays]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not problems
        assert len(world.ground.supervisors()) == 1
        assert len(of_session(talk.id)) == 1
    finally:
        for relay in relays:
            relay.close()
    talk.ask("run echo after")
    events = talk.events()
    assert_whole(events)
    assert len([event for event in events if event.get("state") == "ready"]) == 2
