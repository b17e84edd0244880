"""The real Codex's threads: killed, resumed, forked, in use elsewhere; why one cannot start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from codecast_agent.clis.contract import Prompt
from codecast_agent.protocol import events
from tests.fixtures.models import ModelServer

from .codex_driving import WAIT_FOR_GO
from .driving import Driver, driving


@pytest.mark.parametrize("script", ["slow:600", "bash:touch made", WAIT_FOR_GO], ids=str)
def test_killed_in_a_turn_and_resumed(cx: Driver, script: str) -> None:
    cx.start(mode="auto" if script == WAIT_FOR_GO else "ask")
    cx.ask("say:remember this")
    at = len(cx.events)
    cx.prompt("bash:" + script if script == WAIT_FOR_GO else script)
    if script == WAIT_FOR_GO:
        cx.until(lambda: (cx.cwd / "begun").exists())
    else:
        kind = "agent_message_chunk" if script == "slow:600" else "request_opened"
        cx.wait(kind, after=at)
    cx.kill()
    end = cx.ended(at)
    assert end["reason"] == "error" and end["error"]["code"] == "cli_failed"
    assert {call["status"] for call in cx.calls().values()} <= {"failed"}
    native = cx.state["native"]
    cx.start(native=native)
    assert cx.ask("say:resumed")["reason"] == "end_turn"
    assert cx.messages()[-1] == "resumed" and cx.state["native"] == native
    assert [n for n in cx.of("notice") if n["level"] != "info"] == []


def test_a_prompt_the_thread_has_is_not_given_twice(cx: Driver) -> None:
    cx.start()
    at = len(cx.events)
    id = cx.prompt("bash:echo x >> once")
    cx.answer(cx.request(at), option="allow_once")
    cx.until(lambda: (cx.cwd / "once").exists())
    cx.kill()
    cx.start(native=cx.state["native"], mode="auto")
    at = len(cx.events)
    cx.adapter.prompt(Prompt(id, [events.text("bash:echo x >> once")]))
    cx.ended(at)
    assert (cx.cwd / "once").read_text() == "x\n"
    assert "not sent again" in cx.wait("notice", after=at)["text"]


def test_killed_before_its_first_turn_starts_anew_and_says_so(cx: Driver) -> None:
    cx.start()
    cx.kill()
    cx.start(native=cx.state["native"])
    assert cx.is_ready
    assert any("could not be resumed" in notice["text"] for notice in cx.of("notice"))
    assert cx.ask("say:anew")["reason"] == "end_turn"


def test_fork_leaves_the_old_thread_alone(cx: Driver) -> None:
    cx.start()
    cx.ask("say:first")
    old = cx.state["native"]
    cx.kill()
    cx.start(native=old, fork=True)
    assert cx.ask("say:forked")["reason"] == "end_turn"
    assert cx.state["native"] != old
    cx.kill()
    cx.start(native=old)
    assert cx.ask("say:the old one")["reason"] == "end_turn"
    assert cx.state["native"] == old


def test_a_thread_that_another_process_writes_is_refused(cx: Driver) -> None:
    cx.start()
    cx.ask("say:mine")
    with driving("codex", cx.command, cx.cwd, cx.env) as other:
        other.start(native=cx.state["native"])
        assert other.problem is not None and other.problem.code == "session_in_use"
        assert "fork" in other.problem.hint
        assert not other.is_ready
    assert cx.ask("say:still mine")["reason"] == "end_turn"


def test_without_a_login_it_says_how_to_log_in(cx: Driver, codex_home: Path) -> None:
    (codex_home / ".codex" / "config.toml").write_text("[features]\nplugins = false\n")
    cx.start()
    assert cx.problem is not None and cx.problem.code == "not_logged_in"
    assert "codex login" in cx.problem.hint and "OPENAI_API_KEY" in cx.problem.hint


def test_a_key_in_the_environment_is_a_login(
    cx: Driver, codex_home: Path, model_server: ModelServer
) -> None:
    (codex_home / ".codex" / "config.toml").write_text("[features]\nplugins = false\n")
    cx.env.update(OPENAI_API_KEY="scripted-key", OPENAI_BASE_URL=model_server.url + "/v1")
    cx.start(model="gpt-5.5")
    assert cx.ask("say:by the key")["reason"] == "end_turn"
    cx.kill()
    cx.start(native=cx.state["native"], model="gpt-5.5")
    assert cx.ask("say:again by the key")["reason"] == "end_turn"
    assert cx.messages() == ["by the key", "again by the key"]
    for path in codex_home.rglob("*"):
        if path.is_file():
            assert b"scripted-key" not in path.read_bytes(), f"the key was kept in {path}"


@pytest.mark.parametrize("line", ['approval_policy = "untrusted"', "model = ["], ids=str)
def test_a_broken_configuration_says_so(cx: Driver, codex_home: Path, line: str) -> None:
    config = codex_home / ".codex" / "config.toml"
    config.write_text(line + "\n" + config.read_text())
    cx.env["OPENAI_API_KEY"] = "scripted-key"  # what cannot be read names no provider
    cx.start()
    assert not cx.is_ready
    if cx.problem is not None:  # else it has ended, with its words on stderr
        assert cx.problem.code == "cli_failed" and "config.toml" in cx.problem.hint
        assert cx.problem.detail


def test_it_runs_as_root_without_complaint(cx: Driver) -> None:
    assert os.geteuid() == 0, "the tests of this project run as root"
    cx.start(mode="auto")
    assert cx.ask("bash:touch made\nsay:end")["reason"] == "end_turn"
    assert (cx.cwd / "made").exists() and cx.of("request_opened") == []
