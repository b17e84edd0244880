"""F8: two surfaces answer one request, or one answers after a cancel: one wins, others are told."""

from __future__ import annotations

import getpass
import threading
from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.live import Talk
from tests.fixtures.transcripts import assert_whole
from tests.fixtures.world import World


def test_one_winner_and_the_others_hear_who_and_where(world: World, project: Path) -> None:
    talk = world.talk(project, mode="ask")
    id = talk.prompt("write note.txt: once")
    request = talk.wait_request()
    surfaces = ["lab", "shell", "notebook", "telegram"]
    won: list[str] = []
    lost: dict[str, CodecastError] = {}
    together = threading.Barrier(len(surfaces))

    def answer(at: str, through: Talk) -> None:
        together.wait()
        try:
            through.choose(request, "allow_once")
            won.append(at)
        except CodecastError as error:
            lost[at] = error

    threads = [threading.Thread(target=answer, args=(at, talk.on(at))) for at in surfaces]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    talk.wait_prompt(id)

    assert len(won) == 1
    assert len(lost) == 3
    for error in lost.values():
        assert error.code == "already_resolved"
        assert error.data["where"] == won[0]
        assert error.data["by"] == getpass.getuser()
    events = talk.events()
    assert_whole(events)
    resolved = [event for event in events if event["type"] == "request_resolved"]
    assert [event["where"] for event in resolved] == won
    assert (project / "note.txt").read_text() == "once\n"

    with pytest.raises(CodecastError) as late:
        talk.on("discord").choose(request, "reject_once")
    assert late.value.code == "already_resolved"
    assert late.value.data["where"] == won[0]


def test_an_answer_after_the_cancel_is_refused(world: World, project: Path) -> None:
    talk = world.talk(project, mode="ask")
    id = talk.prompt("write note.txt: never")
    request = talk.wait_request()
    talk.interrupt()
    talk.wait_prompt(id, "cancelled")
    talk.wait_event("request_withdrawn", request=request["request"])
    with pytest.raises(CodecastError) as late:
        talk.choose(request, "allow_once")
    assert late.value.code == "already_resolved"
    assert late.value.data["outcome"] == "withdrawn"
    assert "interrupted" in late.value.message
    assert not (project / "note.txt").exists()
    assert not [e for e in talk.events() if e["type"] == "request_resolved"]
