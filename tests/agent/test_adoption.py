"""What a person began by hand in a terminal goes on as a session: with the real CLIs."""

from __future__ import annotations

import json
import os
import pty
import signal
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_agent.protocol.events import problems
from tests.fixtures.agent import until
from tests.fixtures.by_hand import Hand, Json, hand, recorded_model

__all__ = ["hand", "recorded_model"]

SLOW = pytest.mark.slow
CLIS = (
    "claude",
    "codex",
    pytest.param("gemini", marks=SLOW),
    pytest.param("opencode", marks=SLOW),
)
FORKING = ("claude", "codex", pytest.param("opencode", marks=SLOW))
PASSWORD = "The password of the day is heliotrope."
New = Callable[[str], Hand]


@pytest.fixture
def claude(hand: New) -> Hand:
    return hand("claude")


def record(claude: Hand, native: str) -> Path:
    return next(claude.home.glob(f".claude/projects/*/{native}.jsonl"))


def texts(events: list[Json]) -> list[str]:
    """What was said, by both."""
    kinds = ("user_message_chunk", "agent_message_chunk")
    return [event["content"]["text"] for event in events if event["type"] in kinds]


def test_a_conversation_is_listed_with_what_tells_it_from_others(claude: Hand) -> None:
    assert claude.history() == []
    native = claude.converse()
    claude.ask("say:another one")
    newest, first = claude.history()
    assert first["native"] == native and first["cli"] == "claude"
    assert first["cwd"] == str(claude.project)
    assert first["title"].startswith("think:the person wants an edit say:The password")
    assert first["size"] == record(claude, native).stat().st_size
    assert 0 < first["started"] < first["updated"] < newest["updated"] <= time.time()
    assert "live" not in first and "session" not in first

    assert claude.history(limit=1) == [newest]
    assert claude.history(query="PASSWORD heliotrope") == [first]
    assert claude.history(query=native[:8]) == [first]
    assert claude.history(query="heliotrope another") == []
    assert claude.history(cwd=str(claude.project)) == [newest, first]
    assert claude.history(cwd="/") == []
    assert claude.history(cli="codex") == []
    for wrong in ({"limit": 0}, {"limit": "3"}, {"query": 5}, {"cli": ["claude"]}):
        with pytest.raises(CodecastError) as caught:
            claude.history(**wrong)
        assert caught.value.code == "bad_request", wrong
    with pytest.raises(CodecastError) as caught:
        claude.history(cli="goose")
    assert caught.value.code == "not_supported" and "goose" in caught.value.message


@pytest.mark.parametrize("cli", CLIS)
def test_adopted_it_has_its_history_in_order_and_goes_on_with_it(hand: New, cli: str) -> None:
    person = hand(cli)
    native, before = person.converse(), time.time()
    session = str(uuid.uuid4())
    everything = person.adopt(native, session=session)
    events = [event for event in everything if event.get("history")]

    # whole, before anything of ours, at the time at which it happened
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    times = [event["time"] for event in events]
    assert times == sorted(times) and times[-1] < before
    for event in everything:
        data = {key: value for key, value in event.items() if key not in ("seq", "time")}
        assert problems(data) == []

    info, notice = events[0], events[1]
    assert info["type"] == "session_info_update" and info["title"]
    assert notice["type"] == "notice" and str(person.project) in notice["text"]
    assert (events[-1]["type"], events[-1]["state"]) == ("session_state", "exited")
    said = texts(events)
    assert len(said) == 3 and "heliotrope" in said[0]
    assert said[1].strip() == PASSWORD and said[2].strip().strip('"') == "That is all."
    order = [event["type"] for event in events]
    assert order.index("user_message_chunk") < order.index("agent_message_chunk")
    assert order.index("agent_message_chunk") < order.index("tool_call")
    if cli != "opencode":  # the model there speaks no thoughts
        assert "the person wants an edit" in json.dumps(events[order.index("agent_thought_chunk")])

    calls: dict[str, Json] = {}
    for event in events:
        if event["type"].startswith("tool_call"):
            fresh = {key: value for key, value in event.items() if key != "type"}
            calls[event["call"]] = {**calls.get(event["call"], {}), **fresh}
    assert all(call["status"] == "completed" for call in calls.values())
    edits = [call for call in calls.values() if call["kind"] == "edit"]
    assert [Path(call["content"][0]["path"]).name for call in edits] == ["notes.txt", "new.txt"]
    assert "-beta\n+BETA\n" in edits[0]["content"][0]["diff"]
    assert "+hello\n+world\n" in edits[1]["content"][0]["diff"]
    command = [call for call in calls.values() if call["kind"] == "execute"][-1]
    assert command["title"] == "cat new.txt"
    assert command["content"][0]["text"].strip() == "hello\nworld"

    answer = person.go_on(session, "Which password?\nsay:I remember.")
    assert "".join(texts(answer)).strip() == "I remember."
    assert PASSWORD in person.last_request("Which password?")
    owned = [each for each in person.history() if each["native"] == native]
    assert [each.get("session") for each in owned] == [session]


@pytest.mark.parametrize("cli", FORKING)
def test_a_fork_leaves_the_original_as_it_was(hand: New, cli: str) -> None:
    person = hand(cli)
    native = person.converse()
    original = next(each for each in person.history() if each["native"] == native)
    session = str(uuid.uuid4())
    events = person.imported(native, session=session, fork=True)
    assert PASSWORD in [text.strip() for text in texts(events)]
    person.go_on(session, "In the fork?\nsay:Yes.")
    assert PASSWORD in person.last_request("In the fork?")
    listed = {each["native"]: each for each in person.history()}
    assert listed[native] == original
    assert len(listed) == 2
    assert [each["native"] for each in listed.values() if each.get("session") == session] != [
        native
    ]
    # it is still nobody's, and can be adopted itself
    assert PASSWORD in [text.strip() for text in texts(person.imported(native))]


def test_the_same_start_again_is_the_same_session(claude: Hand) -> None:
    native, session = claude.converse(), str(uuid.uuid4())
    events = claude.adopt(native, session=session)
    again = claude.start(native, session=session)
    assert again["created"] is False
    assert again["last_seq"] == events[-1]["seq"]


def test_a_session_of_ours_is_not_adopted_twice(claude: Hand) -> None:
    native = claude.converse()
    claude.adopt(native, name="brave-otter")
    with pytest.raises(CodecastError) as caught:
        claude.adopt(native)
    assert caught.value.code == "session_in_use"
    assert "brave-otter" in caught.value.message and caught.value.data["name"] == "brave-otter"
    assert len(claude.relay.call("session/list")) == 1
    # a fork of it is another conversation
    assert len(texts(claude.imported(native, fork=True))) == 3


def test_of_two_at_once_one_adopts(claude: Hand) -> None:
    native = claude.converse()
    params = {"cli": "claude", "cwd": str(claude.project), "native": native, "history": True}
    asked = [
        claude.relay.send("session/start", session=str(uuid.uuid4()), mode="ask", **params)
        for _ in range(4)
    ]
    answers = [each.get(timeout=60) for each in asked]
    refused = [each["error"]["data"]["code"] for each in answers if "error" in each]
    assert refused == ["session_in_use"] * 3
    assert len(claude.relay.call("session/list")) == 1


@pytest.mark.parametrize("cli", CLIS)
def test_what_a_program_is_writing_is_refused_until_it_ends(hand: New, cli: str) -> None:
    person = hand(cli)
    process = person.begin("say:I begin.", "bash:echo yes", "hang:")
    try:
        seen = until(lambda: [e for e in person.history() if "live" in e], "it is listed as live")
        live = seen[0]["live"]
        assert live["pid"] == process.pid
        assert abs(live["since"] - time.time()) < 90
        with pytest.raises(CodecastError) as caught:
            person.adopt(seen[0]["native"])
        assert caught.value.code == "session_in_use"
        assert f"process {process.pid}" in caught.value.message
        assert ("fork" in caught.value.hint) is (cli != "gemini")
        assert caught.value.data["pid"] == process.pid
        assert person.relay.call("session/list") == []
        # without its history, too
        with pytest.raises(CodecastError) as caught:
            person.start(seen[0]["native"], history=False)
        assert caught.value.code == "session_in_use"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert "live" not in person.history()[0]
    person.adopt(seen[0]["native"])


def test_the_terminal_ui_is_refused_while_it_is_open_and_adopted_after(claude: Hand) -> None:
    settings = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": [claude.env["ANTHROPIC_API_KEY"][-20:]]},
        "projects": {str(claude.project): {"hasTrustDialogAccepted": True}},
    }
    (claude.home / ".claude.json").write_text(json.dumps(settings))
    pid, fd = pty.fork()
    if pid == 0:  # pragma: no cover
        os.chdir(claude.project)
        os.execve(claude.program, [str(claude.program)], claude.env)
    screen = bytearray()

    def read() -> None:
        try:
            while data := os.read(fd, 65536):
                screen.extend(data)
        except OSError:
            pass

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        until(lambda: b"for shortcuts" in screen or "\u276f".encode() in screen, "a place to type")
        os.write(fd, b"say:Typed by hand, the word is vermilion.")
        until(lambda: b"vermilion" in screen, "the words are there")
        os.write(fd, b"\r")

        def answered() -> list[Json]:
            found = [entry for entry in claude.history() if "live" in entry]
            return [e for e in found if '"assistant"' in record(claude, e["native"]).read_text()]

        live = until(answered, "it is listed as live, with an answer")[0]
        assert live["live"]["pid"] == pid and "terminal" in live["live"]["reason"]
        with pytest.raises(CodecastError) as caught:
            claude.adopt(live["native"])
        assert caught.value.code == "session_in_use"
        forked = claude.imported(live["native"], fork=True)
        assert "the word is vermilion" in json.dumps(forked)
    finally:
        os.kill(pid, signal.SIGKILL)  # leaves its note of being alive behind
        os.waitpid(pid, 0)
        reader.join(10)
        os.close(fd)
    assert list(claude.home.glob(".claude/sessions/*.json"))
    session = str(uuid.uuid4())
    assert texts(claude.imported(live["native"], session=session)) == [
        "say:Typed by hand, the word is vermilion.",
        "Typed by hand, the word is vermilion.",
    ]
    claude.go_on(session, "Which word?\nsay:That one.")
    assert "the word is vermilion" in claude.last_request("Which word?")


def test_what_cannot_be_adopted_leaves_nothing(claude: Hand) -> None:
    claude.ask("say:hello")
    for cli, native, code in (
        ("claude", str(uuid.uuid4()), "not_found"),
        ("claude", "../../etc/passwd", "not_found"),
        ("codex", "*", "not_found"),
        ("opencode", "' OR 1", "not_found"),
        ("gemini", "", "bad_request"),
        ("claude", 7, "bad_request"),
        ("claude", None, "bad_request"),
        ("demo", "anything", "not_supported"),
        ("gemini", "a fork", "not_supported"),
    ):
        missing = claude.home / "made" / "for it"
        with pytest.raises(CodecastError) as caught:
            claude.start(
                native,
                session="s1",
                cli=cli,
                cwd=str(missing),
                create_directory=True,
                fork=native == "a fork",
            )
        assert caught.value.code == code, (cli, native)
        assert not missing.exists() and not missing.parent.exists()
    assert claude.relay.call("session/list") == []
    assert list(next(claude.relay.root.glob("hosts/*/sessions")).iterdir()) == []
