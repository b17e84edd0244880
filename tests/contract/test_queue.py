"""Prompts sent to every CLI while a turn runs: they wait, are changed, taken back, or steered."""

from __future__ import annotations

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.live import until

from .conftest import Session


def busy(session: Session) -> str:
    """A turn that runs until `release`; the id of its prompt."""
    (session.cwd / "go").unlink(missing_ok=True)
    id = session.prompt("bash:touch began; while [ ! -e go ]; do sleep 0.05; done", "say:released")
    session.talk.choose(session.talk.wait_request(), "allow_once")
    session.talk.wait_status("running")
    return id


def release(session: Session) -> None:
    (session.cwd / "go").touch()


def test_prompts_of_a_busy_session_wait_and_run_in_order_once(session: Session) -> None:
    first = busy(session)
    second, third = session.prompt("say:second"), session.prompt("say:third")
    for id in (second, third):
        session.talk.wait_prompt(id, "queued")
    assert session.prompt("say:second", id=second) == second, "sent again it changes nothing"
    release(session)
    for id in (first, second, third):
        session.talk.wait_prompt(id)
    assert [e["prompts"] for e in session.events("turn_started")] == [[first], [second], [third]]
    said = session.said
    assert said.index("released") < said.index("second") < said.index("third")
    assert said.count("second") == 1


def test_waiting_prompts_are_changed_moved_and_taken_back(session: Session) -> None:
    first = busy(session)
    changed, taken = session.prompt("say:as it was"), session.prompt("say:taken back")
    last = session.prompt("say:moved up")
    for id in (changed, taken, last):
        session.talk.wait_prompt(id, "queued")
    path = f"{session.talk.path}/prompts"
    session.talk.api.call("PATCH", f"{path}/{changed}", {"text": "say:as changed"})
    session.talk.api.call("DELETE", f"{path}/{taken}")
    session.talk.api.call("POST", f"{path}/{last}/move", {"before": changed})
    order = [first, last, changed]
    until(lambda: list(session.talk.state["prompts"]) == order, "the order is told")
    for method, route, body in (
        ("PATCH", first, {"text": "say:too late"}),
        ("POST", f"{first}/move", {}),
        ("POST", f"{last}/move", {"before": first}),
    ):
        with pytest.raises(CodecastError) as running:
            session.talk.api.call(method, f"{path}/{route}", body)
        assert running.value.code == "conflict"
    release(session)
    session.talk.wait_prompt(first)
    session.talk.wait_prompt(changed)
    session.talk.wait_prompt(taken, "cancelled")
    assert session.said.index("moved up") < session.said.index("as changed")
    assert "as it was" not in session.said and "taken back" not in session.said


def test_an_interrupt_keeps_what_waits_unless_told_otherwise(session: Session) -> None:
    first = busy(session)
    kept = session.prompt("say:kept")
    session.talk.wait_prompt(kept, "queued")
    session.talk.interrupt()
    session.talk.wait_prompt(first, "cancelled")
    session.talk.wait_prompt(kept)
    assert session.said.endswith("kept")
    first = busy(session)
    dropped = session.prompt("say:dropped")
    session.talk.wait_prompt(dropped, "queued")
    session.talk.interrupt(cancel_queue=True)
    session.talk.wait_prompt(first, "cancelled")
    session.talk.wait_prompt(dropped, "cancelled")
    assert "dropped" not in session.said


def test_words_are_steered_into_the_running_turn_or_wait_and_say_so(session: Session) -> None:
    first = busy(session)
    steered = session.prompt("say:steered words", steer=True)
    if session.cli.lacks("steer"):
        session.talk.wait_prompt(steered, "queued")
        notice = session.talk.wait_event("notice", after=session.at)
        assert "no words into a running turn" in notice["text"]
    else:
        session.talk.wait_prompt(steered, "running", "done")
    release(session)
    session.talk.wait_prompt(first)
    session.talk.wait_prompt(steered)
    until(lambda: "steered words" in session.said, "the model has heard them")
    turns = [event["prompts"] for event in session.events("turn_started")]
    assert turns == ([[first], [steered]] if session.cli.lacks("steer") else [[first]])
