"""The demo CLI over the ACP adapter: a real process that edits files and asks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from codecast_agent.clis import catalog

from .driving import Driver


def test_a_free_prompt_streams_and_asks_before_it_edits(demo: Driver, project: Path) -> None:
    demo.start()
    at = len(demo.events)
    demo.prompt("hello there")
    request = demo.request(at)
    assert "no AI" in "".join(demo.messages())
    assert len(demo.of("agent_message_chunk")) > 5
    assert demo.of("agent_thought_chunk")
    (diff,) = request["content"]
    assert diff["created"] and "+- hello there\n" in diff["diff"]
    assert not (project / "codecast-demo.md").exists()
    demo.answer(request, option="allow")
    assert demo.ended(at)["reason"] == "end_turn"
    assert "- hello there" in (project / "codecast-demo.md").read_text()
    assert demo.unknown() == []


def test_refused_it_leaves_the_file_alone(demo: Driver, project: Path) -> None:
    (project / "f.txt").write_text("old\n")
    demo.start()
    demo.prompt("write f.txt: new")
    request = demo.request()
    assert "-old\n+new\n" in request["content"][0]["diff"]
    demo.answer(request, option="reject")
    demo.ended()
    assert (project / "f.txt").read_text() == "old\n"
    assert demo.calls()[request["call"]]["status"] == "failed"


def test_always_is_asked_once(demo: Driver, project: Path) -> None:
    demo.start()
    demo.prompt("write a.txt: x")
    demo.answer(demo.request(), option="always")
    demo.ended()
    demo.ask("write b.txt: x")
    assert (project / "b.txt").exists() and len(demo.of("request_opened")) == 1


@pytest.mark.parametrize(
    ("mode", "edit", "command"),
    [("ask", True, True), ("code", False, True), ("auto", False, False)],
)
def test_modes_decide_what_is_asked(demo: Driver, mode: str, edit: bool, command: bool) -> None:
    demo.start(mode=mode)
    assert demo.state["mode"] == mode
    for text, asks in (("write a.txt: x", edit), ("run echo hi", command)):
        at = len(demo.events)
        demo.prompt(text)
        if asks:
            demo.answer(demo.request(at), option="allow")
        demo.ended(at)
        assert bool([e for e in demo.events[at:] if e["type"] == "request_opened"]) is asks
    assert demo.calls()[demo.of("tool_call")[-1]["call"]]["content"][0]["text"] == "hi\n"


def test_plan_mode_changes_nothing(demo: Driver, project: Path) -> None:
    demo.start(mode="plan")
    demo.ask("write a.txt: x")
    demo.ask("run touch b.txt")
    assert list(project.iterdir()) == []


def test_mode_and_model_switch_in_place(demo: Driver, project: Path) -> None:
    demo.start()
    demo.adapter.set_mode("auto")
    demo.adapter.set_model("fast")
    demo.until(lambda: demo.state["settings"]["model"]["value"] == "fast")
    demo.ask("write a.txt: x")
    assert (project / "a.txt").exists()


def test_question_answered_and_declined(demo: Driver) -> None:
    demo.start()
    for answer, said in (({"answers": {"answer": ["B"]}}, "B"), ({"declined": True}, "No answer")):
        at = len(demo.events)
        demo.prompt("ask Which one? | A | B")
        request = demo.request(at)
        assert request["kind"] == "question" and request["title"] == "Which one?"
        demo.answer(request, **answer)
        demo.ended(at)
        assert said in demo.messages()[-1]


def test_own_words_are_an_answer(demo: Driver) -> None:
    demo.start()
    demo.prompt("ask Which one? | A | B")
    demo.answer(demo.request(), answers={"answer": ["something else"]})
    demo.ended()
    assert "something else" in demo.messages()[-1]


def test_cancel_in_text_in_a_command_and_at_a_request(demo: Driver, project: Path) -> None:
    demo.start()
    at = len(demo.events)
    demo.prompt("slow 600")
    demo.wait("agent_message_chunk", after=at)
    demo.adapter.interrupt()
    assert demo.ended(at)["reason"] == "cancelled"

    at = len(demo.events)
    demo.prompt("run echo $$ > pid; sleep 600")
    demo.answer(demo.request(at), option="allow")
    demo.until(lambda: (project / "pid").exists() and (project / "pid").read_text())
    demo.adapter.interrupt()
    assert demo.ended(at)["reason"] == "cancelled"
    pid = int((project / "pid").read_text())
    demo.until(lambda: not Path(f"/proc/{pid}").exists())

    at = len(demo.events)
    demo.prompt("write never.txt: x")
    demo.request(at)
    demo.adapter.interrupt()
    assert demo.ended(at)["reason"] == "cancelled" and not (project / "never.txt").exists()
    assert demo.ask("read nothing.txt")["reason"] == "end_turn"


def test_a_plan_is_worked_off(demo: Driver) -> None:
    demo.start()
    demo.ask("plan")
    assert [entry["status"] for entry in demo.state["plan"]] == ["completed"] * 3
    assert len(demo.of("plan")) == 4


def test_an_error_is_an_error(demo: Driver) -> None:
    demo.start()
    end = demo.ask("fail")
    assert end["reason"] == "error" and "as it was told to" in end["error"]["message"]


def test_killed_and_taken_up_again_without_a_word_twice(demo: Driver) -> None:
    demo.start()
    demo.ask("read nothing.txt")
    said = demo.messages()
    demo.kill()
    demo.start(native=demo.state["native"])
    assert demo.of("notice") == [] and demo.messages() == said
    assert demo.ask("read nothing.txt")["reason"] == "end_turn"
    assert len(demo.messages()) == len(said) + 1
    assert demo.of("user_message_chunk") == []


def test_files_outside_of_the_directory_are_not_touched(demo: Driver, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    demo.start(mode="auto")
    demo.ask("write ../outside.txt: x")
    demo.ask("read ../secret")
    assert not (tmp_path / "outside.txt").exists()
    assert "cannot read" in demo.messages()[-1]


def test_its_history_is_the_owners_alone(demo: Driver, tmp_path: Path) -> None:
    demo.start()
    demo.ask("read nothing.txt")
    (file,) = (tmp_path / "state" / "codecast-demo").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert json.loads(file.read_text())["history"][0]["text"] == "read nothing.txt"


def test_it_ends_with_its_stdin_and_survives_strange_lines() -> None:
    lines = b'garbage\n[1]\n{"id": 1, "method": "nothing/known"}\n'
    done = subprocess.run(catalog.resolve("demo"), input=lines, capture_output=True, timeout=30)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["error"]["code"] for answer in answers[:2]] == [-32700, -32600]
    assert done.returncode == 0 and done.stderr == b""


def test_it_is_a_program_of_its_own() -> None:
    command = [sys.executable, "-m", "codecast_agent.clis.demo", "--version"]
    assert b"no AI" in subprocess.run(command, capture_output=True, check=True).stdout
    assert catalog.resolve("demo")[1:3] == ["-I", "-S"]
