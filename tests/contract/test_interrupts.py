"""Interrupting every CLI: it stops, says so, keeps its process, and takes the next prompt."""

from __future__ import annotations

from pathlib import Path

from tests.fixtures.live import until

from .conftest import Session


def interrupted(session: Session, id: str) -> None:
    pid = session.talk.state["pid"]
    session.talk.interrupt()
    session.talk.wait_prompt(id, "cancelled")
    assert session.talk.wait_event("turn_ended", after=session.at)["reason"] == "cancelled"
    assert not [r for r in session.talk.api.get("/requests") if r["session"] == session.talk.id]
    assert not [c for c in session.calls if c["status"] not in ("completed", "failed")]
    session.ask("say:still here")
    assert session.said.endswith("still here")
    assert session.talk.state["pid"] == pid, "the CLI had to be killed"


def test_while_it_streams(session: Session) -> None:
    id = session.prompt("say:some words first", "slow:600:50")
    session.talk.wait_text("token3 ", after=session.at)
    interrupted(session, id)
    assert "token600" not in session.said


def test_while_the_model_says_nothing(session: Session) -> None:
    id = session.prompt("say:some words first", "hang:")
    session.talk.wait_text("words first", after=session.at)
    interrupted(session, id)


def test_in_a_tool(session: Session) -> None:
    pid = session.cwd / "pid"
    id = session.prompt(
        "bash:echo $$ > pid; while true; do sleep 0.1; done", "say:never said by it"
    )
    request = session.talk.wait_request()
    session.talk.choose(request, "allow_once")
    number = until(lambda: pid.exists() and pid.read_text().strip(), "the command runs")
    interrupted(session, id)
    until(lambda: not Path("/proc", str(number)).exists(), "the command is dead too", 10)
    assert "never said" not in session.said


def test_at_a_permission_request(session: Session) -> None:
    id = session.prompt("bash:touch never.txt", "say:never said by it")
    request = session.talk.wait_request()
    interrupted(session, id)
    withdrawn = session.talk.wait_event(
        "request_withdrawn", after=session.at, request=request["request"]
    )
    assert withdrawn["why"]
    assert not (session.cwd / "never.txt").exists()
    assert "never said" not in session.said


def test_at_a_question(session: Session) -> None:
    if session.cli.lacks("question"):
        session.ask("ask:Which colour?|Red|Blue")
        assert not session.events("request_opened")
        return
    session.mode(session.cli.question_mode)
    id = session.prompt("ask:Which way?|Left|Right")
    request = session.talk.wait_request("question")
    interrupted(session, id)
    session.talk.wait_event("request_withdrawn", after=session.at, request=request["request"])
