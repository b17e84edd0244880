"""The real Codex: everything a person can do with it, and what can go wrong."""

from __future__ import annotations

import json
import os
import sys
import uuid
from pathlib import Path

import psutil
import pytest

from codecast_agent.clis.contract import Answer, Prompt
from codecast_agent.protocol import events
from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.models import ModelServer

from .driving import Driver, driving
from .test_claude import PIXEL

MCP_SERVER = Path(__file__).parents[1] / "fixtures" / "mcp_server.py"
WAIT_FOR_GO = "touch begun; while [ ! -e go ]; do sleep 0.1; done"


def shells(project: Path) -> list[psutil.Process]:
    """The processes whose working directory is the project, but for Codex itself."""
    found = []
    for process in psutil.process_iter(["cwd", "name"]):
        if process.info["cwd"] == str(project) and "codex" not in process.info["name"]:
            found.append(process)
    return found


def switch(cx: Driver, mode: str) -> None:
    """As the supervisor does: in place, or by a new process where the adapter asks for it."""
    if not cx.adapter.set_mode(mode):
        cx.kill()
        cx.start(mode=mode, native=cx.state["native"])
    cx.until(lambda: cx.state["mode"] == mode)


def test_text_and_thoughts_stream_once(cx: Driver) -> None:
    cx.start()
    end = cx.ask("think:pondering\nsay:hello from the scripted model")
    assert end["reason"] == "end_turn"
    assert end["usage"]["input_tokens"] > 0 and end["usage"]["output_tokens"] > 0
    assert cx.messages() == ["hello from the scripted model"]
    assert cx.messages("agent_thought_chunk") == ["pondering"]
    assert len(cx.of("agent_message_chunk")) > 2, "it did not stream"
    assert cx.state["native"] and cx.state["cli_version"][0].isdigit()
    assert cx.state["context_size"] > cx.state["context_used"] > 0
    assert cx.unknown() == []


def test_usage_is_the_turns_own(cx: Driver) -> None:
    cx.start()
    first = cx.ask("usage:1000:10\nsay:one")["usage"]
    second = cx.ask("usage:2000:20\nsay:two")["usage"]
    assert (first["input_tokens"], first["output_tokens"]) == (1000, 10)
    assert (second["input_tokens"], second["output_tokens"]) == (2000, 20)


def test_what_can_be_chosen_is_told_at_the_start(cx: Driver) -> None:
    cx.start()
    cx.wait("available_commands_update")
    cx.until(lambda: cx.state["settings"]["model"].get("choices"))
    settings = cx.state["settings"]
    classes = {choice["class"] for choice in settings["mode"]["choices"]}
    assert classes == {"auto", "code", "plan", "ask"} and cx.state["mode"] == "ask"
    assert settings["model"]["value"] == "gpt-5.5"
    assert "gpt-5.5" in [choice["value"] for choice in settings["model"]["choices"]]
    assert "compact" in [command["name"] for command in cx.state["commands"]]


def test_permission_granted(cx: Driver) -> None:
    cx.start()
    at = len(cx.events)
    cx.prompt("bash:touch made && echo out\nsay:finished")
    request = cx.request(at)
    assert request["title"] == "touch made && echo out" and request["tool_kind"] == "execute"
    kinds = [option["kind"] for option in request["options"]]
    assert kinds[0] == "allow_once" and "allow_always" in kinds
    assert not (cx.cwd / "made").exists()
    cx.answer(request, option="allow_once")
    assert cx.ended(at)["reason"] == "end_turn"
    assert (cx.cwd / "made").exists()
    call = cx.calls()[request["call"]]
    assert call["status"] == "completed" and call["title"] == "touch made && echo out"
    assert call["content"] == [{"type": "text", "text": "out\n"}]
    assert call["raw_output"]["exit_code"] == 0


def test_what_is_allowed_is_not_half_allowed(cx: Driver, codex_home: Path) -> None:
    """However the command is written, it does what the person has allowed."""
    cx.start()
    place = codex_home / "outside"
    for number, form in enumerate(("touch {0}", "true; touch {0}", "echo x > {0}")):
        file = f"{place}-{number}"
        at = len(cx.events)
        cx.prompt("bash:" + form.format(file))
        cx.answer(cx.request(at), option="allow_once")
        cx.ended(at)
        assert Path(file).exists(), form


def test_a_failed_command_is_failed(cx: Driver) -> None:
    cx.start(mode="auto")
    assert cx.ask("bash:echo words; exit 3\nsay:end")["reason"] == "end_turn"
    (call,) = cx.calls().values()
    assert call["status"] == "failed" and call["raw_output"]["exit_code"] == 3
    assert call["content"] == [{"type": "text", "text": "words\n"}]


def test_output_comes_while_the_command_runs(cx: Driver) -> None:
    cx.start(mode="auto")
    at = len(cx.events)
    cx.prompt("bash:for n in 1 2 3 4; do echo tick $n; sleep 0.4; done\nsay:end")
    delta = cx.wait("tool_output_delta", after=at)
    assert "tick" in delta["text"]
    assert cx.calls()[delta["call"]]["status"] == "in_progress"
    cx.ended(at)
    assert cx.calls()[delta["call"]]["content"][0]["text"] == "tick 1\ntick 2\ntick 3\ntick 4\n"


def test_a_refusal_lets_the_turn_go_on_and_words_reach_the_model(cx: Driver) -> None:
    cx.start()
    cx.prompt("bash:touch made\nsay:went on")
    request = cx.request()
    cx.answer(request, option="reject_once", message="say:told why")
    assert cx.ended()["reason"] == "end_turn"
    assert not (cx.cwd / "made").exists()
    assert cx.calls()[request["call"]]["status"] == "failed"
    assert cx.messages()[-1] == "told why"
    assert cx.of("user_message_chunk") == []


def test_reject_and_stop_ends_the_turn(cx: Driver) -> None:
    cx.start()
    cx.prompt("bash:touch made\nsay:never")
    request = cx.request()
    (stop,) = [option for option in request["options"] if option.get("ends_turn")]
    cx.answer(request, option=stop["id"])
    assert cx.ended()["reason"] == "cancelled"
    assert cx.messages() == [] and not (cx.cwd / "made").exists()
    assert cx.ask("say:after it")["reason"] == "end_turn"


def test_allowed_for_the_session_is_asked_once(cx: Driver) -> None:
    cx.start()
    cx.prompt("bash:touch a\nbash:touch a\nwrite:f.txt:one\nedit:f.txt:one=>two\nsay:end")
    request = cx.request()
    session = [o for o in request["options"] if o.get("scope") == "this session"]
    assert session[0]["rule"] == "touch a"
    cx.answer(request, option=session[0]["id"])
    at = cx.events.index(request) + 1
    request = cx.request(at)
    assert request["title"] == "Write f.txt"
    cx.answer(request, option="allow_session")
    assert cx.ended()["reason"] == "end_turn"
    assert len(cx.of("request_opened")) == 2
    assert (cx.cwd / "f.txt").read_text() == "two\n"


def test_a_rule_that_allows_for_ever_says_what_it_allows(cx: Driver, codex_home: Path) -> None:
    cx.start()
    cx.prompt("bash:touch r1\nbash:touch r1 r2\nbash:touch other\nsay:end")
    request = cx.request()
    (rule,) = [o for o in request["options"] if o.get("scope") == "all your projects"]
    assert rule["rule"] == "touch r1" and rule["kind"] == "allow_always"
    cx.answer(request, option=rule["id"])
    second = cx.request(cx.events.index(request) + 1)
    assert second["title"] == "touch other"  # the rule covers what begins like it, no more
    cx.answer(second, option="reject_once")
    cx.ended()
    assert (cx.cwd / "r2").exists() and not (cx.cwd / "other").exists()
    rules = (codex_home / ".codex" / "rules" / "default.rules").read_text()
    assert '["touch", "r1"]' in rules and "other" not in rules


def test_an_answer_that_does_not_fit_is_refused_and_the_request_stays(cx: Driver) -> None:
    cx.start()
    cx.prompt("bash:touch made\nsay:end")
    request = cx.request()
    with pytest.raises(CodecastError, match="no option"):
        cx.adapter.answer(request["request"], Answer(option="perhaps"))
    cx.answer(request, declined=True)
    cx.ended()
    with pytest.raises(CodecastError):
        cx.adapter.answer(request["request"], Answer(option="allow_once"))
    assert not (cx.cwd / "made").exists()


def test_an_edit_is_shown_as_a_diff_before_and_after(cx: Driver) -> None:
    file = cx.cwd / "f.txt"
    file.write_text("".join(f"line {n}\n" for n in range(1, 21)))
    cx.start()
    cx.prompt("edit:f.txt:line 10=>LINE TEN\nsay:end")
    request = cx.request()
    (asked,) = request["content"]
    assert asked["path"] == str(file) and "-line 10\n+LINE TEN\n" in asked["diff"]
    assert asked["diff"].startswith(f"--- {file}\n+++ {file}\n@@ ")
    assert request["locations"] == [{"path": str(file)}] and request["title"] == "Edit f.txt"
    cx.answer(request, option="allow_once")
    cx.ended()
    call = cx.calls()[request["call"]]
    assert call["status"] == "completed" and call["content"] == [asked]
    assert "LINE TEN" in file.read_text()


def test_a_new_file_is_created_in_the_diff(cx: Driver) -> None:
    cx.start(mode="code")
    cx.ask("write:new.txt:one\\ntwo\nsay:end")
    (call,) = cx.calls().values()
    assert call["title"] == "Write new.txt" and call["kind"] == "edit"
    assert call["content"][0]["created"] is True and "+one\n+two" in call["content"][0]["diff"]


@pytest.mark.parametrize("place", ["outside", "link", ".git"])
def test_an_edit_that_leaves_the_directory_is_asked_in_code(
    cx: Driver, codex_home: Path, place: str
) -> None:
    """Also by a link, and where a file is a command that somebody runs."""
    (codex_home / "outside").mkdir()
    (cx.cwd / "link").symlink_to(codex_home / "outside")
    (cx.cwd / ".git").mkdir()
    path = {
        "outside": str(codex_home / "outside" / "x"),
        "link": "link/x",
        ".git": ".git/pre-commit",
    }[place]
    cx.start(mode="code")
    cx.prompt(f"write:{path}:x\nsay:end")
    cx.answer(cx.request(), option="reject_once")
    assert cx.ended()["reason"] == "end_turn"
    assert not (cx.cwd / path).exists()


def test_questions_answered_and_declined(cx: Driver) -> None:
    cx.start(mode="plan")
    at = len(cx.events)
    cx.prompt("ask:Which colour?|Red|Blue")
    request = cx.request(at)
    assert request["kind"] == "question"
    (question,) = request["questions"]
    assert question["text"] == "Which colour?" and question["free_text"]
    assert [option["label"] for option in question["options"]] == ["Red", "Blue"]
    with pytest.raises(CodecastError, match="no question"):
        cx.adapter.answer(request["request"], Answer(answers={"q7": ["Blue"]}))
    cx.answer(request, answers={question["id"]: ["Blue"]})
    cx.ended(at)
    assert "Blue" in cx.messages()[-1]
    at = len(cx.events)
    cx.prompt("ask:Second?|Yes|No")
    cx.answer(cx.request(at), answers={question["id"]: ["neither of them"]})
    cx.ended(at)
    assert "neither of them" in cx.messages()[-1]
    at = len(cx.events)
    cx.prompt("ask:Third?|Yes|No")
    cx.answer(cx.request(at), declined=True)
    cx.ended(at)
    assert '"answers\\":{}' in cx.messages()[-1] or '"answers":{}' in cx.messages()[-1]


def test_several_questions_are_one_request(cx: Driver) -> None:
    questions = (
        '{"questions":[{"id":"size","header":"Size","question":"Which size?","options":'
        '[{"label":"S","description":"small"},{"label":"L","description":"large"}]},'
        '{"id":"hue","header":"Hue","question":"Which hue?","options":'
        '[{"label":"Red","description":"r"},{"label":"Blue","description":"b"}]}]}'
    )
    cx.start(mode="plan")
    cx.prompt("tool:request_user_input:" + questions)
    request = cx.request()
    assert [q["id"] for q in request["questions"]] == ["size", "hue"]
    assert request["questions"][0]["options"][1] == {"label": "L", "description": "large"}
    cx.answer(request, answers={"size": ["L"], "hue": ["green"]})
    cx.ended()
    assert "L" in cx.messages()[-1] and "green" in cx.messages()[-1]


def test_a_plan_is_told_and_carried_out_in_another_mode(cx: Driver) -> None:
    cx.start(mode="plan")
    cx.ask("plan:# The plan\\n1. write a file")
    assert cx.messages()[-1].startswith("# The plan\n1. write a file")
    switch(cx, "code")
    cx.ask("write:w.txt:x\nsay:end")
    assert (cx.cwd / "w.txt").exists() and cx.of("request_opened") == []


def test_interrupt_while_text_streams(cx: Driver) -> None:
    cx.start()
    at = len(cx.events)
    cx.prompt("slow:600")
    cx.wait("agent_message_chunk", after=at)
    cx.adapter.interrupt()
    assert cx.ended(at)["reason"] == "cancelled"
    assert cx.messages()[0].startswith("token1 ")
    assert cx.ask("say:after it")["reason"] == "end_turn"
    assert cx.messages()[-1] == "after it"


def test_interrupt_before_codex_has_said_a_word(cx: Driver) -> None:
    cx.start()
    at = len(cx.events)
    cx.prompt("slow:600")
    cx.adapter.interrupt()
    assert cx.ended(at)["reason"] == "cancelled"
    assert cx.ask("say:after it")["reason"] == "end_turn"


def test_interrupt_while_a_command_runs_leaves_no_shell(cx: Driver) -> None:
    cx.start(mode="auto")
    at = len(cx.events)
    cx.prompt("bash:sleep 500 & touch begun; sleep 600\nsay:never")
    cx.wait("tool_call", after=at)
    cx.until(lambda: (cx.cwd / "begun").exists())
    assert shells(cx.cwd) != []
    cx.adapter.interrupt()
    assert cx.ended(at)["reason"] == "cancelled"
    assert shells(cx.cwd) == [], "the turn was said to be over, and its command runs on"
    (call,) = cx.calls().values()
    assert call["status"] == "failed"
    assert cx.ask("say:after it")["reason"] == "end_turn" and cx.messages() == ["after it"]


def test_a_command_left_running_is_background_work_until_it_ends(cx: Driver) -> None:
    """And the interrupt of a later turn is not for it."""
    cx.start(mode="auto")
    at = len(cx.events)
    command = '{"cmd":"while [ ! -e stop ]; do sleep 0.1; done; echo served","yield_time_ms":250}'
    cx.prompt(f"tool:exec_command:{command}\nsay:it runs")
    assert cx.ended(at)["reason"] == "end_turn"
    task = cx.wait("background", state="running")["task"]
    assert cx.calls()[task]["status"] == "in_progress"
    at = len(cx.events)
    cx.prompt("bash:touch begun; sleep 600\nsay:never")
    cx.until(lambda: (cx.cwd / "begun").exists())
    cx.adapter.interrupt()
    assert cx.ended(at)["reason"] == "cancelled"
    assert shells(cx.cwd) != [], "a command of an earlier turn was ended too"
    (cx.cwd / "stop").touch()
    assert cx.wait("background", state="completed")["task"] == task
    assert cx.calls()[task]["content"] == [{"type": "text", "text": "served\n"}]


def test_interrupt_at_an_open_request(cx: Driver) -> None:
    cx.start()
    at = len(cx.events)
    cx.prompt("bash:touch made\nsay:never")
    request = cx.request(at)
    cx.adapter.interrupt()
    assert cx.wait("request_withdrawn", after=at)["request"] == request["request"]
    assert cx.ended(at)["reason"] == "cancelled"
    with pytest.raises(CodecastError):
        cx.adapter.answer(request["request"], Answer(option="allow_once"))
    assert not (cx.cwd / "made").exists()
    assert cx.ask("say:after it")["reason"] == "end_turn"


def test_modes_switch_and_leave_the_configuration_alone(cx: Driver, codex_home: Path) -> None:
    config = codex_home / ".codex" / "config.toml"
    before = config.read_text()
    cx.start()
    modes = (("auto", False), ("ask", True), ("plan", False), ("code", False))
    for mode, asked in modes:
        switch(cx, mode)
        at = len(cx.events)
        cx.prompt(f"write:{mode}.txt:x\nsay:end")
        if asked:
            cx.answer(cx.request(at), option="reject_once")
        cx.ended(at)
    assert len(cx.of("request_opened")) == 1
    written = {path.name for path in cx.cwd.iterdir() if path.suffix == ".txt"}
    assert written == {"auto.txt", "code.txt"}
    assert config.read_text() == before, "Codex was made to trust the directory for ever"


def test_in_plan_no_rule_and_no_session_answer_lets_a_write_through(
    cx: Driver, codex_home: Path
) -> None:
    """Codex takes a command that a rule allows out of its sandbox, whatever the sandbox."""
    rules = codex_home / ".codex" / "rules" / "default.rules"
    rules.parent.mkdir()
    rules.write_text('prefix_rule(pattern=["touch", "ruled"], decision="allow")\n')
    cx.start()
    cx.prompt("bash:touch session\nwrite:w.txt:one\nsay:end")
    request = cx.request()
    cx.answer(request, option="allow_session")
    cx.answer(cx.request(cx.events.index(request) + 1), option="allow_session")
    cx.ended()
    cx.ask("bash:touch ruled\nsay:end")
    assert (cx.cwd / "ruled").exists(), "the rule is none of Codex's"
    for name in ("session", "ruled"):
        (cx.cwd / name).unlink()
    switch(cx, "plan")
    at = len(cx.events)
    for script in ("bash:touch session", "bash:touch ruled", "edit:w.txt:one=>two"):
        cx.ask(script + "\nsay:end")
    cx.ask("escalate:touch ruled\nsay:end")
    cx.ask("bash:cat w.txt > seen; cat w.txt\nsay:end")
    assert [path.name for path in cx.cwd.iterdir() if path.name != ".codex"] == ["w.txt"]
    assert (cx.cwd / "w.txt").read_text() == "one\n"
    assert [e for e in cx.events[at:] if e["type"] == "request_opened"] == []


def test_in_plan_files_can_be_read(cx: Driver) -> None:
    (cx.cwd / "f.txt").write_text("what is in it\n")
    cx.start(mode="plan")
    cx.ask("bash:cat f.txt\nsay:end")
    (call,) = cx.calls().values()
    assert call["status"] == "completed" and call["content"][0]["text"] == "what is in it\n"


def test_an_allowed_shell_is_none_the_model_can_type_into(cx: Driver) -> None:
    cx.start(mode="auto")
    cx.ask('tool:exec_command:{"cmd":"bash","tty":true,"yield_time_ms":250}')
    assert "disabled" in cx.messages()[-1] and cx.of("background") == []


def test_a_switch_in_the_middle_of_a_turn(cx: Driver) -> None:
    """To more freedom: what is asked next is answered; to less: it is said to come later."""
    cx.start()
    at = len(cx.events)
    cx.prompt("bash:touch one\nbash:touch two\nsay:end")
    request = cx.request(at)
    cx.adapter.set_mode("auto")
    cx.until(lambda: cx.state["mode"] == "auto")
    cx.answer(request, option="allow_once")  # an open request stays the person's
    assert cx.ended(at)["reason"] == "end_turn"
    assert (cx.cwd / "two").exists() and len(cx.of("request_opened")) == 1
    at = len(cx.events)
    cx.prompt(f"bash:{WAIT_FOR_GO}\nsay:end")
    cx.until(lambda: (cx.cwd / "begun").exists())
    assert cx.adapter.set_mode("plan") is False
    notice = cx.wait("notice", after=at, level="warning")
    assert "keeps the mode auto" in notice["text"]
    (cx.cwd / "go").touch()
    cx.ended(at)
    switch(cx, "plan")
    cx.ask("bash:touch three\nsay:end")
    assert not (cx.cwd / "three").exists()


def test_model_switches_in_place_and_sticks(cx: Driver, model_server: ModelServer) -> None:
    cx.start()
    mark = uuid.uuid4().hex
    cx.ask(f"say:one {mark}")
    assert cx.adapter.set_model("gpt-6-luna") is True
    cx.until(lambda: cx.state["settings"]["model"]["value"] == "gpt-6-luna")
    cx.ask(f"say:two {mark}")
    cx.ask(f"say:three {mark}")
    cx.kill()
    cx.start(native=cx.state["native"])  # what the thread had is what it has
    assert cx.state["settings"]["model"]["value"] == "gpt-6-luna"
    used = [e["model"] for e in model_server.log() if mark in str(e)]
    assert used[0] == "gpt-5.5" and used[-1] == "gpt-6-luna"


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


def test_api_error_says_what_happened(cx: Driver) -> None:
    cx.start()
    end = cx.ask("fail:400")
    assert end["reason"] == "error"
    assert end["error"]["code"] == "model_error" and end["error"]["status"] == 400
    assert end["error"]["message"] == "Scripted failure" and end["error"]["retryable"] is False
    assert cx.messages() == [], "an error is no answer"
    assert cx.ask("say:fine")["reason"] == "end_turn"


def test_rejected_key_says_how_to_log_in(cx: Driver) -> None:
    cx.start()
    end = cx.ask("fail:401")
    assert end["error"]["code"] == "not_logged_in" and end["error"]["status"] == 401
    assert "codex login" in end["error"]["hint"]


def test_a_rate_limit_says_to_wait(cx: Driver) -> None:
    cx.start()
    end = cx.ask("fail:429")
    assert end["error"]["status"] == 429 and end["error"]["retryable"] is True
    assert "Wait" in end["error"]["hint"]


def test_a_failing_server_is_asked_again_and_that_is_told(cx: Driver) -> None:
    cx.start()
    end = cx.ask("fail:500")
    assert end["error"]["status"] == 500 and end["error"]["retryable"] is True
    retry = cx.last("retry")
    assert (retry["attempt"], retry["max"]) == (1, 1)


def test_text_of_a_broken_stream_is_discarded(cx: Driver) -> None:
    cx.start()
    # the pause lets the text arrive: a broken connection takes what was not read with it
    end = cx.ask("say:some text first\nwait:500\ndrop:")
    assert end["reason"] == "error" and end["error"]["retryable"] is True
    (discarded,) = cx.of("message_discarded")
    assert discarded["message"] == cx.of("agent_message_chunk")[0]["message"]
    assert cx.messages() == ["some text first"]  # of the last attempt alone


def test_steered_words_go_into_the_turn(cx: Driver) -> None:
    cx.start(mode="auto")
    at = len(cx.events)
    cx.prompt(f"bash:{WAIT_FOR_GO}\nsay:first finished")
    cx.until(lambda: (cx.cwd / "begun").exists())
    cx.steer("say:steered")
    (cx.cwd / "go").touch()
    assert cx.ended(at)["reason"] == "end_turn"
    assert cx.messages() == ["steered"]
    assert len(cx.of("turn_started")) == 1 and cx.of("user_message_chunk") == []


def test_words_steered_before_codex_has_answered_are_not_lost(cx: Driver) -> None:
    cx.start()
    at = len(cx.events)
    cx.prompt("slow:20:50")
    cx.steer("say:steered")  # the turn's id is not known yet
    cx.ended(at)
    cx.until(lambda: "steered" in cx.messages() and not cx.turn_open)


def test_words_steered_too_late_get_a_turn_of_their_own(cx: Driver) -> None:
    cx.start()
    at = len(cx.events)
    id = str(uuid.uuid4())
    cx.prompt("say:first")
    # as it goes when the turn ends while the words are on their way
    cx.until(lambda: any(m.get("method") == "turn/start" for m in cx.sent))
    cx.adapter._codex_turn = "0-no-such-turn"
    cx.adapter.steer(Prompt(id, [events.text("say:second")]))
    cx.adapter._codex_turn = ""
    cx.until(lambda: len([e for e in cx.events[at:] if e["type"] == "turn_ended"]) == 2)
    assert cx.of("turn_started")[1]["prompts"] == [id]
    assert cx.messages() == ["first", "second"]


def test_the_to_do_list_is_a_plan(cx: Driver) -> None:
    cx.start()
    cx.ask("todo:First|Second\nsay:end")
    assert cx.state["plan"] == [
        {"content": "First", "status": "in_progress"},
        {"content": "Second", "status": "pending"},
    ]


def test_compact_is_a_turn_that_says_what_it_did(cx: Driver) -> None:
    cx.start()
    cx.ask("say:something to remember")
    assert cx.ask("/compact")["reason"] == "end_turn"
    assert "was compacted" in cx.last("notice")["text"]
    assert cx.ask("say:after it")["reason"] == "end_turn"


def test_a_skill_is_offered_and_given_with_the_prompt(cx: Driver) -> None:
    skill = cx.cwd / ".agents" / "skills" / "greeting"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text(
        "---\nname: greeting\ndescription: How to greet\n---\nBe very polite.\n"
    )
    cx.start()
    cx.until(lambda: any(c["name"] == "greeting" for c in cx.state["commands"]))
    assert cx.ask("/greeting\nsay:done")["reason"] == "end_turn"
    (given,) = [m for m in cx.sent if m.get("method") == "turn/start"]
    assert given["params"]["input"][0] == {
        "type": "skill",
        "name": "greeting",
        "path": str(skill / "SKILL.md"),
    }


def test_a_model_of_the_newer_kind_asks_and_writes_alike(cx: Driver) -> None:
    """Its tools are called from a script, and arrive as the same items."""
    cx.start(model="gpt-6.1-sol")
    at = len(cx.events)
    cx.prompt("bash:touch cm && echo ok\nwrite:cm.txt:hello\nsay:finished")
    first = cx.request(at)
    assert first["title"] == "touch cm && echo ok"
    cx.answer(first, option="allow_once")
    second = cx.request(cx.events.index(first) + 1)
    assert second["title"] == "Write cm.txt" and "+hello" in second["content"][0]["diff"]
    cx.answer(second, option="allow_once")
    assert cx.ended(at)["reason"] == "end_turn"
    assert (cx.cwd / "cm").exists() and (cx.cwd / "cm.txt").exists()
    assert cx.unknown() == []


def test_an_mcp_server_that_fails_is_said(cx: Driver, codex_home: Path) -> None:
    config = codex_home / ".codex" / "config.toml"
    config.write_text(config.read_text() + '[mcp_servers.gone]\ncommand = "/nonexistent"\n')
    cx.start()
    cx.ask("say:x")
    cx.until(lambda: any("gone" in notice["text"] for notice in cx.of("notice")))


def test_a_tool_of_an_mcp_server_is_asked_for(cx: Driver, codex_home: Path) -> None:
    config = codex_home / ".codex" / "config.toml"
    table = f'[mcp_servers.w]\ncommand = "{sys.executable}"\nargs = ["{MCP_SERVER}"]\n'
    config.write_text(config.read_text() + table)
    cx.start(model="gpt-6.1-sol")  # the older models look tools up before they call them
    call = "const r = await tools.mcp__w__scribble({path: '%s'}); text(JSON.stringify(r));"
    script = "tool:exec:" + json.dumps(call % (cx.cwd / "scribbled"))
    at = len(cx.events)
    cx.prompt(f"{script}\n{script}\nsay:end")
    request = cx.request(at)
    assert "scribble" in request["title"]
    assert request["raw_input"] == {"path": str(cx.cwd / "scribbled")}
    session = [o for o in request["options"] if o.get("scope") == "this session"]
    assert session[0]["rule"] == "w.scribble" and not (cx.cwd / "scribbled").exists()
    cx.answer(request, option=session[0]["id"])
    assert cx.ended(at)["reason"] == "end_turn"
    assert (cx.cwd / "scribbled").exists() and len(cx.of("request_opened")) == 1
    assert [c["title"] for c in cx.calls().values()] == ["w.scribble", "w.scribble"]
    switch(cx, "plan")
    cx.ask(script.replace("scribbled", "in-plan") + "\nsay:end")
    assert not (cx.cwd / "in-plan").exists(), "a server's tool wrote in mode plan"


@pytest.mark.parametrize("text", ["-x", "--help", "/", "/nothing of ours"], ids=str)
def test_a_prompt_that_looks_like_an_option_or_a_command(cx: Driver, text: str) -> None:
    cx.start()
    assert cx.ask(text)["reason"] == "end_turn"
    assert cx.messages() == ["You said: " + text]


def test_words_of_any_script_and_half_letters(cx: Driver) -> None:
    cx.start()
    cx.ask("say:größe 日本語 🎉 end")
    assert cx.messages()[0].startswith("größe 日本語 🎉")
    cx.ask("say:lone \ud83d surrogate")
    assert cx.ask("say:and on")["reason"] == "end_turn"


def test_an_image_reaches_the_model(cx: Driver) -> None:
    cx.start()
    at = len(cx.events)
    content = [
        events.text("say:seen"),
        {"type": "image", "data": PIXEL, "mime_type": "image/png"},
    ]
    cx.adapter.prompt(Prompt(str(uuid.uuid4()), content))
    assert cx.ended(at)["reason"] == "end_turn"
    assert cx.messages() == ["seen"]


def test_a_prompt_longer_than_codex_takes_says_so(cx: Driver) -> None:
    cx.start()
    end = cx.ask("x" * 2_000_000)
    assert end["error"]["code"] == "too_large" and "file" in end["error"]["hint"]
    assert cx.ask("say:fine")["reason"] == "end_turn"


def test_twenty_megabytes_of_output(cx: Driver) -> None:
    """Codex keeps a part of it; the turn goes on, and what is shown has an end."""
    cx.start(mode="auto")
    end = cx.ask("bash:head -c 20000000 /dev/zero | tr '\\\\0' x | fold -w 100\nsay:end")
    assert end["reason"] == "end_turn" and cx.messages() == ["end"]
    (call,) = cx.calls().values()
    assert call["status"] == "completed" and len(call["content"][0]["text"]) < 2 << 20


def test_an_empty_prompt_ends_its_turn(cx: Driver) -> None:
    cx.start()
    at = len(cx.events)
    cx.adapter.prompt(Prompt(str(uuid.uuid4()), []))
    cx.ended(at)
    assert cx.ask("say:fine")["reason"] == "end_turn"


def test_it_runs_as_root_without_complaint(cx: Driver) -> None:
    assert os.geteuid() == 0, "the tests of this project run as root"
    cx.start(mode="auto")
    assert cx.ask("bash:touch made\nsay:end")["reason"] == "end_turn"
    assert (cx.cwd / "made").exists() and cx.of("request_opened") == []
