"""The real Codex below a real supervisor: what the two promise each other, with deaths."""

from __future__ import annotations

import os
import signal
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.agent import RelayProcess, clean_sessions, marked, until
from tests.fixtures.clis import codex
from tests.fixtures.models import ModelServer, model_server

from .conftest import Talk

__all__ = ["codex", "model_server"]


@pytest.fixture
def home() -> Iterator[Path]:
    """Outside of /tmp, which Codex's sandbox leaves writable."""
    with tempfile.TemporaryDirectory(prefix="codecast-codex-", dir="/var/tmp") as name:
        (Path(name) / "project").mkdir()
        yield Path(name)


@pytest.fixture
def relay(codex: Path, model_server: ModelServer, home: Path) -> Iterator[RelayProcess]:
    env = {**model_server.codex_environment(home), "CODECAST_CLI_CODEX": str(codex)}
    root = home / "root"
    root.mkdir(mode=0o700)
    with clean_sessions(root), RelayProcess(root, env={**env, "SHELL": "/bin/sh"}) as relay:
        yield relay


def begin(relay: RelayProcess, home: Path, **params: str) -> Talk:
    session = str(uuid.uuid4())
    relay.start(session=session, cli="codex", cwd=str(home / "project"), **params)
    talk = Talk(relay, session, relay.subscribe(session))
    talk.feed.wait("session_state", state="ready")
    return talk


def test_a_permission_is_answered_and_the_prompt_done(relay: RelayProcess, home: Path) -> None:
    talk = begin(relay, home)
    id = talk.prompt("bash:touch made\nsay:finished")
    request = talk.feed.wait("request_opened").data
    talk.call("answer", request=request["request"], option="allow_once", by="me", where="lab")
    assert talk.ended(id) == "done"
    assert (home / "project" / "made").exists() and "".join(talk.said()) == "finished"
    with pytest.raises(CodecastError) as second:
        talk.call("answer", request=request["request"], option="reject_once")
    assert second.value.code == "already_resolved"


def test_the_switch_to_plan_restarts_it_and_nobody_notices(relay: RelayProcess, home: Path) -> None:
    talk = begin(relay, home, mode="auto")
    assert talk.ask("bash:touch one\nsay:remember the heliotrope") == "done"
    native = talk.feed.of("session_info_update")[-1].data["native"]
    talk.call("set_mode", mode="plan")
    assert talk.ask("bash:touch two\nsay:planned") == "done"
    assert {path.name for path in (home / "project").iterdir()} - {".codex"} == {"one"}
    natives = {e.data["native"] for e in talk.feed.of("session_info_update") if "native" in e.data}
    assert natives == {native}
    classes = [e.data["class"] for e in talk.feed.of("config_option_update") if "class" in e.data]
    assert classes[-1] == "plan"
    states = [event.data["state"] for event in talk.feed.of("session_state")]
    assert "exited" not in states and "failed" not in states


def test_killed_in_a_turn_the_next_prompt_resumes_the_thread(
    relay: RelayProcess, home: Path
) -> None:
    talk = begin(relay, home)
    assert talk.ask("say:remember the heliotrope") == "done"
    id = talk.prompt("slow:600")
    talk.feed.wait("agent_message_chunk", after=talk.feed.of("turn_started")[-1].seq)
    until(lambda: talk.feed.of("turn_started")[-1].data["prompts"] == [id], "the second turn")
    os.kill(talk.cli(), signal.SIGKILL)
    assert talk.ended(id) == "failed"
    assert talk.ask("say:resumed") == "done"
    natives = {e.data["native"] for e in talk.feed.of("session_info_update") if "native" in e.data}
    assert len(natives) == 1


def test_interrupted_in_a_command_nothing_of_it_is_left(relay: RelayProcess, home: Path) -> None:
    talk = begin(relay, home, mode="auto")
    before = set(marked(talk.session))
    id = talk.prompt("bash:sleep 500 & touch begun; sleep 600\nsay:never")
    until((home / "project" / "begun").exists, "the command")
    talk.call("interrupt")
    assert talk.ended(id) == "cancelled"
    left = set(marked(talk.session)) - before
    assert [psutil.Process(pid).cmdline() for pid in left if psutil.pid_exists(pid)] == []
    assert talk.ask("say:after it") == "done"
    assert len(talk.feed.of("session_state")) == 2, "Codex had to be killed for it"


def test_a_thread_in_use_is_told_where_the_person_waits(relay: RelayProcess, home: Path) -> None:
    talk = begin(relay, home)
    talk.ask("say:mine")
    native = talk.feed.of("session_info_update")[-1].data["native"]
    with pytest.raises(CodecastError) as problem:
        begin(relay, home, native=native)
    assert problem.value.code == "session_in_use" and problem.value.hint


def test_without_a_login_the_start_says_how_to_log_in(relay: RelayProcess, home: Path) -> None:
    (home / ".codex" / "config.toml").write_text("[features]\nplugins = false\n")
    with pytest.raises(CodecastError) as problem:
        begin(relay, home)
    assert problem.value.code == "not_logged_in" and "codex login" in problem.value.hint
