"""The real Codex in its modes and models, and switched between them."""

from __future__ import annotations

import uuid
from pathlib import Path

from tests.fixtures.models import ModelServer

from .codex_driving import WAIT_FOR_GO, switch
from .driving import Driver


def test_a_plan_is_told_and_carried_out_in_another_mode(cx: Driver) -> None:
    cx.start(mode="plan")
    cx.ask("plan:# The plan\\n1. write a file")
    assert cx.messages()[-1].startswith("# The plan\n1. write a file")
    switch(cx, "code")
    cx.ask("write:w.txt:x\nsay:end")
    assert (cx.cwd / "w.txt").exists() and cx.of("request_opened") == []


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
