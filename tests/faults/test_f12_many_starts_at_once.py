"""F12: 24 sessions dispatched at once to one machine, and 200 to ten: all start, and each answers
its own prompt."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.fixtures.live import Talk, of_session
from tests.fixtures.transcripts import assert_whole, text_of
from tests.fixtures.world import World

from .harness import crowd

HOW_MANY = 24


def test_24_dispatches_at_once(world: World, project: Path) -> None:
    talks: dict[int, Talk] = {}
    problems: list[Exception] = []

    def dispatch(number: int) -> None:
        cwd = project / str(number)
        cwd.mkdir()
        try:
            talks[number] = world.talk(cwd, mode="auto", prompt=f"run echo I am {number}")
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=dispatch, args=(number,)) for number in range(HOW_MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(150)
    assert not problems
    assert sorted(talks) == list(range(HOW_MANY))
    assert len({talk.id for talk in talks.values()}) == HOW_MANY

    for number, talk in talks.items():
        (id,) = talk.prompts()
        talk.wait_prompt(id)
        events = talk.events()
        assert_whole(events)
        assert "The command ended with code 0." in text_of(events)
        updates = [e for e in events if e["type"] == "tool_call_update"]
        assert updates[-1]["status"] == "completed"
        # told when it came: with the end, or before it
        told = [e["content"][0]["text"] for e in updates if e.get("content")]
        assert told[-1] == f"I am {number}\n"
    names = {session["name"] for session in world.api.get("/sessions")}
    assert len(names) >= HOW_MANY
    assert len(world.ground.supervisors()) == HOW_MANY
    assert all(len(of_session(talk.id)) == 1 for talk in talks.values())


@pytest.mark.timeout(600)
def test_200_dispatches_at_once_over_10_machines(tmp_path: Path) -> None:
    with crowd.place(tmp_path, 10) as world:
        started = crowd.dispatch(world, 200)
        crowd.check(started)
        sessions = world.api.get("/sessions")
        assert len(sessions) == 200
        by_machine = dict.fromkeys(world.hosts, 0)
        for session in sessions:
            by_machine[session["machine"]] += 1
        assert set(by_machine.values()) == {20}
