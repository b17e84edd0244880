"""The real Claude Code: everything a person can do with it, and what can go wrong."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import uuid
from pathlib import Path

import pytest

from codecast_agent.clis import claude_launch
from codecast_agent.clis.contract import Answer, Prompt
from codecast_agent.protocol import events
from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.models import ModelServer

from .driving import Driver

PIXEL = (  # a PNG of one
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwAD"
    "hgGAWjR9awAAAABJRU5ErkJggg=="
)
NOBODY = 65534


def test_text_and_thoughts_stream_once(code: Driver) -> None:
    code.start()
    end = code.ask("think:pondering\nsay:hello from the scripted model")
    assert end["reason"] == "end_turn"
    assert end["usage"]["input_tokens"] > 0 and end["cost_usd"] > 0 and end["duration"] > 0
    assert code.messages() == ["hello from the scripted model"]
    assert code.messages("agent_thought_chunk") == ["pondering"]
    assert len(code.of("agent_message_chunk")) > 2, "it did not stream"
    assert code.state["native"] == code.session
    assert code.state["cli_version"][0].isdigit()
    assert code.state["context_size"] > code.state["context_used"] > 0
    assert code.unknown() == []


def test_what_can_be_chosen_is_told_at_the_start(code: Driver) -> None:
    code.start()
    settings = code.state["settings"]
    classes = {c["value"]: c.get("class") for c in settings["mode"]["choices"]}
    assert classes["default"] == "ask" and classes["plan"] == "plan"
    assert settings["mode"]["value"] == "default" and code.state["mode"] == "ask"
    assert "opus" in [choice["value"] for choice in settings["model"]["choices"]]
    assert "compact" in [command["name"] for command in code.state["commands"]]


def test_permission_granted(code: Driver, project: Path) -> None:
    code.start()
    at = len(code.events)
    code.prompt("bash:touch made && echo out\nsay:finished")
    request = code.request(at)
    assert request["title"] == "touch made && echo out"
    assert request["tool_kind"] == "execute"
    kinds = [option["kind"] for option in request["options"]]
    assert kinds[0] == "allow_once" and kinds[-1] == "reject_once" and "allow_always" in kinds
    assert not (project / "made").exists()
    code.answer(request, option="allow_once")
    assert code.ended(at)["reason"] == "end_turn"
    assert (project / "made").exists()
    call = code.calls()[request["call"]]
    assert call["status"] == "completed"
    assert call["content"] == [{"type": "text", "text": "out"}]
    assert call["raw_input"]["command"] == "touch made && echo out"


def test_permission_refused_with_words(code: Driver, project: Path) -> None:
    code.start()
    code.prompt("bash:touch made")
    request = code.request()
    code.answer(request, option="reject_once", message="Not on this machine.")
    assert code.ended()["reason"] == "end_turn"
    assert not (project / "made").exists()
    assert code.calls()[request["call"]]["status"] == "failed"
    assert "Not on this machine." in code.messages()[-1]  # the model was told


def test_always_is_asked_once(code: Driver, project: Path) -> None:
    code.start()
    code.prompt("bash:touch a.txt\nbash:touch b.txt\nsay:end")
    request = code.request()
    edits = [o for o in request["options"] if o.get("rule") == "mode: acceptEdits"]
    assert edits[0]["scope"] == "this session"
    code.answer(request, option=edits[0]["id"])
    assert code.ended()["reason"] == "end_turn"
    assert (project / "b.txt").exists()
    assert len(code.of("request_opened")) == 1
    assert code.state["mode"] == "code", "the mode that the answer set was not told"


def test_a_rule_that_allows_for_ever_says_what_it_allows(code: Driver, project: Path) -> None:
    code.start()
    code.prompt("bash:touch a.txt")
    request = code.request()
    rules = {o["rule"]: o for o in request["options"] if "rule" in o}
    assert rules["Bash(touch a.txt)"]["scope"] == "this project, for you"
    code.answer(request, option=rules["Bash(touch a.txt)"]["id"])
    code.ended()
    kept = json.loads((project / ".claude" / "settings.local.json").read_text())
    assert kept["permissions"]["allow"] == ["Bash(touch a.txt)"]


def test_an_edit_is_shown_as_a_diff_before_and_after(code: Driver, project: Path) -> None:
    file = project / "f.txt"
    file.write_text("".join(f"line {n}\n" for n in range(1, 21)))
    code.start()
    code.prompt(f"read:{file}\nedit:{file}:line 10=>LINE TEN\nsay:end")
    request = code.request()
    (asked,) = request["content"]
    assert asked["path"] == str(file) and "@@ -7,7 +7,7 @@" in asked["diff"]
    assert request["locations"] == [{"path": str(file)}]
    code.answer(request, option="allow_once")
    code.ended()
    (made,) = code.calls()[request["call"]]["content"]
    assert "\n-line 10\n+LINE TEN\n" in made["diff"] and "@@ -7,7 +7,7 @@" in made["diff"]
    assert "LINE TEN" in file.read_text()


def test_a_new_file_is_created_in_the_diff(code: Driver, project: Path) -> None:
    code.start(mode="code")
    code.ask("write:new.txt:one\\ntwo\nsay:end")
    (call,) = code.calls().values()
    assert call["title"] == "Write new.txt" and call["kind"] == "edit"
    assert call["content"][0]["created"] is True and "+one\n+two" in call["content"][0]["diff"]


def test_question_answered_and_declined(code: Driver) -> None:
    code.start()
    at = len(code.events)
    code.prompt("ask:Which colour?|Red|Blue")
    request = code.request(at)
    assert request["kind"] == "question"
    (question,) = request["questions"]
    assert question["text"] == "Which colour?" and question["free_text"]
    assert [option["label"] for option in question["options"]] == ["Red", "Blue"]
    with pytest.raises(CodecastError, match="no question"):
        code.adapter.answer(request["request"], _answers({"q7": ["Blue"]}))
    code.answer(request, answers={"q0": ["Blue"]})
    code.ended(at)
    assert '"Which colour?"="Blue"' in code.messages()[-1]
    at = len(code.events)
    code.prompt("ask:Second?|Yes|No")
    code.answer(code.request(at), declined=True)
    code.ended(at)
    assert "declined" in code.messages()[-1]


def _answers(answers: dict[str, list[str]]) -> Answer:
    return Answer(answers=answers)


def test_a_plan_is_shown_and_carried_out(code: Driver, project: Path) -> None:
    code.start(mode="plan")
    code.prompt("write:{plan}:# The plan\\n1. do it\nplan:\nwrite:w.txt:x\nsay:end")
    request = code.request()
    assert "plan" in request["title"]
    assert request["content"] == [{"type": "text", "text": "# The plan\n1. do it"}]
    code.answer(request, option="allow_edits")
    assert code.ended()["reason"] == "end_turn"
    assert (project / "w.txt").read_text() == "x"
    assert code.state["mode"] == "code"


def test_interrupt_while_text_streams(code: Driver) -> None:
    code.start()
    at = len(code.events)
    code.prompt("slow:600")
    code.wait("agent_message_chunk", after=at)
    code.adapter.interrupt()
    assert code.ended(at)["reason"] == "cancelled"
    assert code.messages()[0].startswith("token1 ")
    assert code.ask("say:after it")["reason"] == "end_turn"
    assert code.messages()[-1] == "after it"


def test_interrupt_while_a_command_runs(code: Driver, project: Path) -> None:
    code.start()
    at = len(code.events)
    code.prompt("bash:touch begun; for i in $(seq 600); do sleep 1; done\nsay:never")
    request = code.request(at)
    code.answer(request, option="allow_once")
    code.until(lambda: (project / "begun").exists())
    code.adapter.interrupt()
    assert code.ended(at)["reason"] == "cancelled"
    assert code.calls()[request["call"]]["status"] == "failed"
    assert "never" not in code.messages()


def test_interrupt_at_an_open_request(code: Driver, project: Path) -> None:
    code.start()
    at = len(code.events)
    code.prompt("bash:touch made\nsay:never")
    request = code.request(at)
    code.adapter.interrupt()
    assert code.wait("request_withdrawn", after=at)["request"] == request["request"]
    assert code.ended(at)["reason"] == "cancelled"
    with pytest.raises(CodecastError):
        code.adapter.answer(request["request"], _answers({}))
    assert not (project / "made").exists()
    assert code.ask("say:after it")["reason"] == "end_turn"


def test_modes_switch_in_place(code: Driver, project: Path) -> None:
    code.start()
    assert code.adapter.set_mode("code") is True
    code.until(lambda: code.state["mode"] == "code")
    code.ask("write:a.txt:x\nsay:end")
    assert (project / "a.txt").exists() and code.of("request_opened") == []
    assert code.adapter.set_mode("ask") is True
    code.until(lambda: code.state["mode"] == "ask")
    at = len(code.events)
    code.prompt("write:b.txt:x\nsay:end")
    code.answer(code.request(at), option="reject_once")
    code.ended(at)
    assert not (project / "b.txt").exists()
    assert code.adapter.set_mode("plan") is True
    code.until(lambda: code.state["mode"] == "plan")


def test_model_switches_in_place(code: Driver, model_server: ModelServer) -> None:
    def used() -> list[str]:
        """The models that have answered; told a moment after their last word."""
        asked = [e for e in model_server.log() if e.get("session") == code.session]
        return [entry["model"] for entry in asked if entry["outcome"] == "complete"]

    code.start(model="sonnet")
    code.ask("say:one")
    assert code.state["settings"]["model"]["value"] == "sonnet"
    assert "sonnet" in code.until(used)[0]
    assert code.adapter.set_model("haiku") is True
    code.until(lambda: code.state["settings"]["model"]["value"] == "haiku")
    code.ask(f"say:two {code.session}")
    code.until(lambda: "haiku" in used()[-1])


def test_root_in_auto_mode_is_answered_by_us(code: Driver, project: Path) -> None:
    assert os.geteuid() == 0, "the tests of this project run as root"
    code.start(mode="auto")
    assert code.is_ready and code.state["mode"] == "auto"
    assert any("root" in notice["text"] for notice in code.of("notice"))
    code.ask("bash:touch made\nsay:end")
    assert (project / "made").exists() and code.of("request_opened") == []
    at = len(code.events)
    code.prompt("ask:Still you?|Yes|No")
    code.answer(code.request(at), answers={"q0": ["Yes"]})  # a question is never ours to answer
    code.ended(at)
    code.adapter.set_mode("ask")
    code.until(lambda: code.state["mode"] == "ask")
    at = len(code.events)
    code.prompt("bash:touch other")
    code.answer(code.request(at), option="reject_once")
    code.ended(at)


def test_auto_mode_is_claudes_own_for_everybody_else(
    code: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pytest's own directories are root's alone, and so may be this checkout
    with tempfile.TemporaryDirectory(prefix="codecast-test-") as home:
        os.chown(home, NOBODY, NOBODY)
        code.cwd, code.env["HOME"], code.user = Path(home), home, NOBODY
        code.command = [shutil.copy(code.command[0], home)]
        monkeypatch.setattr(claude_launch.os, "geteuid", lambda: NOBODY)
        code.start(mode="auto")
        assert code.is_ready and "bypassPermissions" in code.argv
        code.ask("bash:touch made\nsay:end")
        assert Path(home, "made").exists() and code.of("request_opened") == []
        code.adapter.set_mode("ask")
        code.until(lambda: code.state["mode"] == "ask")
        code.adapter.set_mode("auto")
        code.until(lambda: code.state["mode"] == "auto")
        assert code.of("notice") == []
        code.stop()


@pytest.mark.parametrize("script", ["slow:600", "bash:touch made"], ids=["text", "request"])
def test_killed_in_a_turn_and_resumed(code: Driver, script: str) -> None:
    code.start()
    code.ask("say:remember this")
    at = len(code.events)
    code.prompt(script)
    code.wait("agent_message_chunk" if script == "slow:600" else "request_opened", after=at)
    code.kill()
    end = code.ended(at)
    assert end["reason"] == "error" and end["error"]["code"] == "cli_failed"
    code.start(native=code.state["native"])
    assert "--resume" in code.argv
    assert code.ask("say:resumed")["reason"] == "end_turn"
    assert code.messages()[-1] == "resumed"
    assert code.of("notice") == []


def test_killed_before_its_file_was_written_starts_anew_and_says_so(code: Driver) -> None:
    code.start()
    code.kill()  # it never wrote anything
    code.start(native=code.state["native"])
    assert code.is_ready and "--session-id" in code.argv
    assert "could not be resumed" in code.last("notice")["text"]
    assert code.ask("say:anew")["reason"] == "end_turn"


def test_fork_leaves_the_old_conversation_alone(code: Driver) -> None:
    code.start()
    code.ask("say:first")
    old = code.session
    code.kill()
    code.session = str(uuid.uuid4())
    code.start(native=old, fork=True)
    assert code.ask("say:forked")["reason"] == "end_turn"
    assert code.state["native"] == code.session != old


def test_api_error_says_what_happened(code: Driver) -> None:
    code.start()
    end = code.ask("fail:400")
    assert end["reason"] == "error"
    assert end["error"]["code"] == "model_error" and end["error"]["status"] == 400
    assert "Scripted failure" in end["error"]["message"] and end["error"]["retryable"] is False
    assert code.messages() == [], "an error is no answer"
    assert code.ask("say:fine")["reason"] == "end_turn"


def test_rejected_key_says_how_to_log_in(code: Driver) -> None:
    code.start()
    end = code.ask("fail:401")
    assert end["error"]["code"] == "not_logged_in" and end["error"]["status"] == 401
    assert "/login" in end["error"]["hint"]


def test_without_a_key_it_says_how_to_log_in(code: Driver) -> None:
    del code.env["ANTHROPIC_API_KEY"]
    code.start()
    assert "/login" in code.last("notice")["text"]
    end = code.ask("say:x")
    assert end["error"]["code"] == "not_logged_in" and "/login" in end["error"]["hint"]


def test_a_retry_is_told(code: Driver) -> None:
    code.start()
    assert code.ask(f"fail:529:1\nsay:recovered {code.session}")["reason"] == "end_turn"
    retry = code.last("retry")
    assert retry["attempt"] == 1 and retry["status"] == 529
    assert code.messages() == [f"recovered {code.session}"]


def test_text_of_a_broken_stream_is_discarded(code: Driver) -> None:
    code.start()
    # the pause lets the text arrive: a broken connection takes what was not read with it
    end = code.ask("say:some text first\nwait:500\ndrop:")
    assert end["reason"] == "error" and end["error"]["retryable"] is True
    (discarded,) = code.of("message_discarded")
    assert discarded["message"] == code.of("agent_message_chunk")[0]["message"]
    assert code.messages() == ["some text first"]  # of the last attempt alone


def test_steered_words_are_folded_into_the_turn(code: Driver, project: Path) -> None:
    code.start()
    at = len(code.events)
    code.prompt("bash:touch begun; while [ ! -e go ]; do sleep 0.1; done\nsay:first finished")
    code.answer(code.request(at), option="allow_once")
    code.until(lambda: (project / "begun").exists())
    code.steer("say:steered")
    (project / "go").touch()
    assert code.ended(at)["reason"] == "end_turn"
    assert code.messages() == ["steered"]
    assert len(code.of("turn_started")) == 1
    assert code.of("prompt_state") == []


def test_words_steered_too_late_get_a_turn_of_their_own(code: Driver) -> None:
    code.start()
    code.prompt("slow:8")
    code.wait("agent_message_chunk")
    steered = code.steer("say:second")
    code.until(lambda: len(code.of("turn_ended")) == 2)
    assert code.of("turn_started")[1]["prompts"] == [steered]
    kept, end = code.last("prompt_state"), code.of("turn_ended")[0]
    assert kept == {
        "type": "prompt_state",
        "prompt": steered,
        "state": "running",
        "steered": False,
    }
    assert code.events.index(kept) < code.events.index(end)
    assert code.messages()[-1] == "second"


def test_a_sub_agent_in_the_background(code: Driver) -> None:
    code.start()
    code.prompt("agent:say:hello from the sub-agent\nsay:started it")
    done = code.wait("background", state="completed")
    assert code.wait("background", state="running")["task"] == done["task"]
    code.until(lambda: not code.turn_open and code.of("turn_ended"))
    said = [e for e in code.of("agent_message_chunk") if "parent" in e]
    assert "".join(e["content"]["text"] for e in said) == "hello from the sub-agent"
    assert said[0]["parent"] in code.calls()
    assert code.state["background"] == {}


def test_the_to_do_list_is_a_plan(code: Driver) -> None:
    code.env["CLAUDE_CODE_ENABLE_TASKS"] = "0"
    code.start()
    code.ask("todo:First|Second\nsay:end")
    assert code.state["plan"] == [
        {"content": "First", "status": "in_progress"},
        {"content": "Second", "status": "pending"},
    ]


def test_a_task_is_a_line_of_the_plan(code: Driver) -> None:
    code.start()
    code.ask("todo:First\nsay:end")
    assert [entry["content"] for entry in code.state["plan"]] == ["First"]


def test_a_slash_command_answers(code: Driver) -> None:
    code.start()
    assert code.ask("/cost")["reason"] == "end_turn"
    assert "cost" in code.messages()[0].lower()


@pytest.mark.parametrize("text", ["-x", "--help", "-"], ids=str)
def test_a_prompt_that_looks_like_an_option(code: Driver, text: str) -> None:
    code.start()
    assert code.ask(text)["reason"] == "end_turn"
    assert code.messages() == ["You said: " + text]


def test_a_prompt_of_two_megabytes(code: Driver) -> None:
    code.start()
    line = "x" * 79 + "\n"
    assert code.ask(line * 25_000 + "say:got it")["reason"] == "end_turn"
    assert code.messages() == ["got it"]


def test_a_prompt_beyond_what_the_model_takes(code: Driver) -> None:
    code.start()
    end = code.ask(("x" * 79 + "\n") * 62_500 + "say:too much")
    assert end["error"]["code"] == "too_large" and "file" in end["error"]["hint"]
    assert code.process is not None, "it is Claude that refuses it, and goes on"


def test_words_of_any_script_and_half_letters(code: Driver) -> None:
    code.start()
    code.ask("say:größe 日本語 🎉 \u0000 end")
    assert code.messages()[0].startswith("größe 日本語 🎉")
    code.ask("say:lone \ud83d surrogate")
    assert code.of("turn_ended")[-1]["reason"] == "end_turn"


def test_an_image_reaches_the_model(code: Driver) -> None:
    code.start()
    at = len(code.events)
    content = [
        events.text("What is this?"),
        {"type": "image", "data": PIXEL, "mime_type": "image/png"},
    ]
    code.adapter.prompt(Prompt(str(uuid.uuid4()), content))
    assert code.ended(at)["reason"] == "end_turn"
    assert "[Image" in code.messages()[0]  # the words Claude puts beside a picture


def test_a_model_nobody_knows_is_refused_or_said(code: Driver) -> None:
    code.start(model="no-such-model")
    assert code.is_ready
    assert code.state["settings"]["model"]["value"] == "no-such-model"
