"""The real Codex asks: permissions and what they allow, edits, questions, tools of MCP servers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from codecast_agent.clis.contract import Answer
from codecast_agent.protocol.errors import CodecastError

from .codex_driving import switch
from .driving import Driver

MCP_SERVER = Path(__file__).parents[1] / "fixtures" / "mcp_server.py"


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
