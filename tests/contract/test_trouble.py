"""What goes wrong on the way between every CLI and its model, and in what it writes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.fixtures.live import until

from .conftest import Session

MEGABYTES = 20


def goes_on(session: Session) -> None:
    session.ask("say:goes on")
    assert session.said.endswith("goes on")


def test_a_model_that_refuses_is_told_and_the_session_goes_on(session: Session) -> None:
    id = session.prompt("fail:400")
    ended = session.ended(id, "failed")
    assert ended["reason"] == "error"
    error = ended["error"]
    assert error["code"] == "model_error"
    assert "Scripted failure" in str(error)
    if session.cli.lacks("error status"):
        assert "status" not in error
    else:
        assert error["status"] == 400
    goes_on(session)


@pytest.mark.parametrize("status", [429, 500])
def test_a_model_that_fails_once_is_asked_again(session: Session, status: int) -> None:
    marker = f"recovered from {status} in {session.talk.id}"
    id = session.prompt(f"fail:{status}:{session.cli.failures}", f"say:{marker}")
    if status in session.cli.gives_up_on:
        ended = session.ended(id, "failed")
        assert ended["error"]["status"] == status and ended["error"]["message"]
    else:
        assert session.ended(id)["reason"] == "end_turn"
        assert session.said == marker
        assert bool(session.events("retry")) is not session.cli.lacks("retries told")
    goes_on(session)


def test_a_stream_that_breaks_says_its_text_once_and_why(session: Session) -> None:
    """Some ask again and begin the text anew: what was told before is taken back."""
    mark = f"({session.talk.id})"
    id = session.prompt(f"say:half of it. {mark}", "drop:")
    if session.cli.lacks("dropped stream"):  # it tries for ever: the person ends it
        until(lambda: _dropped(session, mark) >= 2, "it asks again")
        if session.cli.lacks("text taken back"):
            until(lambda: session.said.count("half o") > 1, "what it said then is told")
        session.talk.interrupt()
        session.talk.wait_prompt(id, "cancelled")
    else:
        ended = session.ended(id, "failed")
        assert ended["reason"] == "error" and ended["error"]["message"]
    discarded = {e["message"] for e in session.events("message_discarded")}
    kept = "".join(
        e["content"]["text"]
        for e in session.events("agent_message_chunk")
        if e["message"] not in discarded
    )
    assert (kept.count("half o") > 1) is session.cli.lacks("text taken back")
    goes_on(session)


def _dropped(session: Session, mark: str) -> int:
    """Requests with that mark whose answer broke off."""
    asked = [e for e in session.world.model.log() if mark in e.get("prompt", "")]
    return len([entry for entry in asked if entry["outcome"] == "dropped"])


def test_a_tool_result_of_20_megabytes(session: Session) -> None:
    """It comes to its end, costs no more memory than once, and the session goes on."""
    size = MEGABYTES * 1000 * 1000
    supervisor = session.world.ground.supervisor(session.talk.id)
    id = session.prompt(f"bash:head -c {size} /dev/zero | tr '\\0' 'x'; echo; echo THE-END")
    session.talk.choose(session.talk.wait_request(), "allow_once")
    session.talk.wait_prompt(id, deadline=90)
    (call,) = session.calls
    assert call["status"] == "completed"
    told = str(call.get("content")) + str(session.events("tool_output_delta"))
    assert "xxxx" in told or "THE-END" in told
    sizes = [len(str(event)) for event in session.events()]
    assert sum(sizes) < 1.5 * size, "it is stored more than once"
    goes_on(session)
    resident = int(Path(f"/proc/{supervisor}/statm").read_text().split()[1]) * 4096
    assert resident < 200 << 20, f"the supervisor holds {resident >> 20} MiB"


def test_noise_on_its_output_is_a_notice_and_nothing_more(session: Session) -> None:
    session.ask("say:before the noise")
    noise = [b"npm WARN deprecated something\n", b"\xff\xfe\x00 no text\n", b'{"half": \n', b"\n"]
    # into the very pipe that the CLI writes its messages to
    output = os.open(f"/proc/{session.talk.state['pid']}/fd/1", os.O_WRONLY)
    try:
        for line in noise:
            os.write(output, line)
        session.ask("think:unmoved", "say:during the noise")
        os.write(output, b"Traceback (most recent call last):\n")
    finally:
        os.close(output)
    until(
        lambda: len([e for e in session.events("notice") if "no message" in e["text"]]) == 4,
        "every strange line is shown",
    )
    assert "npm WARN deprecated something" in str(session.events("notice"))
    goes_on(session)
    assert "during the noise" in session.said
