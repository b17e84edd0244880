"""What a person began by hand in a terminal goes on as a session: with the real Claude Code."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.agent import RelayProcess, clean_sessions, until
from tests.fixtures.clis import claude
from tests.fixtures.models import ROOT, ModelServer

__all__ = ["claude"]

Event = dict[str, Any]


class Hand:
    """A person's account on a machine: a home, a project, Claude in it, a relay of ours."""

    def __init__(self, claude: Path, directory: Path, model: ModelServer, asked: Path) -> None:
        self.claude, self.asked = claude, asked
        self.home, self.project = directory / "home", directory / "home" / "project"
        self.project.mkdir(parents=True)
        (self.project / "notes.txt").write_text("alpha\nbeta\ngamma\n")
        self.env = {
            **model.claude_environment(self.home),
            "PATH": os.environ["PATH"],
            "SHELL": "/bin/sh",
            "TERM": "xterm",
        }
        self.relay = RelayProcess(
            directory / "root", env={**self.env, "CODECAST_CLI_CLAUDE": str(claude)}
        )

    def ask(self, *lines: str, native: str = "") -> None:
        """One prompt, `claude -p` as typed; edits are allowed."""
        subprocess.run(
            [
                *(str(self.claude), "-p", "--permission-mode", "acceptEdits"),
                *(["--resume", native] if native else []),
                "\n".join(lines),
            ],
            cwd=self.project,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=60,
        )

    def history(self, **params: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.relay.call("host/history", **params)
        return found

    def record(self, native: str) -> Path:
        return next(self.home.glob(f".claude/projects/*/{native}.jsonl"))

    def adopt(self, native: str, **params: Any) -> list[Event]:
        """Adopt; the events so far."""
        session = params.setdefault("session", str(uuid.uuid4()))
        self.relay.start(cli="claude", cwd=str(self.project), native=native, history=True, **params)
        feed = self.relay.subscribe(session)
        feed.wait("session_state", state="ready")
        return [event.to_json() for event in feed.events]

    def go_on(self, session: str, words: str) -> None:
        feed = self.relay.subscribe(session)
        self.relay.prompt(session, str(uuid.uuid4()), words)
        feed.wait("turn_ended", after=feed.last_seq, reason="end_turn")

    def last_request(self, marker: str) -> str:
        """The whole of the last request to the model with `marker` in it."""
        texts = [path.read_text() for path in sorted(self.asked.glob("*.json"))]
        return [text for text in texts if marker in text][-1]

    def imported(self, native: str, **params: Any) -> list[Event]:
        return [event for event in self.adopt(native, **params) if event.get("history")]


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ModelServer, Path]]:
    """A model, and the directory with what it was asked."""
    asked = tmp_path_factory.mktemp("asked")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.fixtures.model_server", "--exit-with-stdin"),
            *("--record", str(asked)),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield ModelServer(json.loads(process.stdout.readline())["url"]), asked
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(10)


@pytest.fixture
def hand(claude: Path, tmp_path: Path, scripted: tuple[ModelServer, Path]) -> Iterator[Hand]:
    with clean_sessions(tmp_path / "root"):
        person = Hand(claude, tmp_path, *scripted)
        try:
            yield person
        finally:
            person.relay.close()


def begun(hand: Hand) -> str:
    """A conversation with a word to remember; its id."""
    hand.ask(
        "think:the person wants an edit",
        "say:The password of the day is heliotrope.",
        "edit:notes.txt:beta=>BETA",
        "write:new.txt:hello\\nworld",
        "bash:cat new.txt",
    )
    return str(hand.history()[0]["native"])


def test_a_conversation_is_listed_with_what_tells_it_from_others(hand: Hand) -> None:
    assert hand.history() == []
    native = begun(hand)
    hand.ask("say:another one")
    newest, first = hand.history()
    assert first["native"] == native and first["cli"] == "claude"
    assert first["cwd"] == str(hand.project)
    assert first["title"].startswith("think:the person wants an edit say:The password")
    assert first["size"] == hand.record(native).stat().st_size
    assert 0 < first["started"] < first["updated"] < newest["updated"] <= time.time()
    assert "live" not in first and "session" not in first

    assert hand.history(limit=1) == [newest]
    assert hand.history(query="PASSWORD heliotrope") == [first]
    assert hand.history(query="heliotrope another") == []
    assert hand.history(cwd=str(hand.project)) == [newest, first]
    assert hand.history(cwd="/") == []
    assert hand.history(cli="codex") == []
    for wrong in ({"limit": 0}, {"limit": "3"}, {"query": 5}, {"cli": ["claude"]}):
        with pytest.raises(CodecastError) as caught:
            hand.history(**wrong)
        assert caught.value.code == "bad_request", wrong
    with pytest.raises(CodecastError) as caught:
        hand.history(cli="goose")
    assert caught.value.code == "not_supported" and "goose" in caught.value.message


def test_adopted_it_has_its_history_in_order_and_goes_on_with_it(hand: Hand) -> None:
    native, before = begun(hand), time.time()
    session = str(uuid.uuid4())
    events = hand.imported(native, session=session)
    shape = [(event["type"], event.get("kind"), event.get("status")) for event in events]
    assert shape == [
        ("session_info_update", None, None),
        ("notice", None, None),
        ("user_message_chunk", None, None),
        ("agent_thought_chunk", None, None),
        ("agent_message_chunk", None, None),
        ("tool_call", "edit", "in_progress"),
        ("tool_call_update", None, "completed"),
        ("tool_call", "edit", "in_progress"),
        ("tool_call_update", None, "completed"),
        ("tool_call", "execute", "in_progress"),
        ("tool_call_update", None, "completed"),
        ("agent_message_chunk", None, None),
        ("session_state", None, None),
    ]
    assert events[0]["title"].startswith("think:the person")
    assert str(hand.project) in events[1]["text"]
    assert events[4]["content"]["text"] == "The password of the day is heliotrope."
    edit, write = events[6]["content"][0], events[8]["content"][0]
    assert "-beta\n+BETA\n" in edit["diff"] and edit["path"].endswith("notes.txt")
    assert write["created"] and "+hello\n+world\n" in write["diff"]
    assert events[10]["content"][0]["text"] == "hello\nworld"
    assert events[-1]["state"] == "exited"
    # they bear the time at which it happened
    times = [event["time"] for event in events]
    assert times == sorted(times) and times[-1] < before

    hand.go_on(session, "Which password?\nsay:I remember.")
    request = hand.last_request("Which password?")
    assert "The password of the day is heliotrope." in request
    assert hand.history()[0]["session"] == session


def test_the_same_start_again_is_the_same_session(hand: Hand) -> None:
    native, session = begun(hand), str(uuid.uuid4())
    events = hand.adopt(native, session=session)
    again = hand.relay.start(
        session=session, cli="claude", cwd=str(hand.project), native=native, history=True
    )
    assert again["created"] is False
    assert again["last_seq"] == events[-1]["seq"]


def test_a_session_of_ours_is_not_adopted_twice(hand: Hand) -> None:
    native = begun(hand)
    hand.adopt(native, name="brave-otter")
    with pytest.raises(CodecastError) as caught:
        hand.adopt(native)
    assert caught.value.code == "session_in_use"
    assert "brave-otter" in caught.value.message and caught.value.data["name"] == "brave-otter"
    assert len(hand.relay.call("session/list")) == 1
    # a fork of it is another conversation
    assert [e["type"] for e in hand.imported(native, fork=True)].count("user_message_chunk") == 1


def test_a_fork_leaves_the_original_as_it_was(hand: Hand) -> None:
    native = begun(hand)
    original = hand.record(native).read_bytes()
    session = str(uuid.uuid4())
    events = hand.imported(native, session=session, fork=True)
    assert "The password of the day is heliotrope." in json.dumps(events)
    hand.go_on(session, "In the fork?\nsay:Yes.")
    assert "The password of the day is heliotrope." in hand.last_request("In the fork?")
    assert hand.record(native).read_bytes() == original
    listed = {entry["native"]: entry for entry in hand.history()}
    assert "session" not in listed[native]
    assert len(listed) == 2 and listed[session]["session"] == session


def test_what_a_program_is_writing_is_refused_until_it_ends(hand: Hand) -> None:
    process = subprocess.Popen(
        [str(hand.claude), "-p", "say:I begin\nhang:"],
        cwd=hand.project,
        env=hand.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        live = until(lambda: [e for e in hand.history() if "live" in e], "it is seen")[0]
        assert live["live"]["pid"] == process.pid
        assert live["live"]["program"] == "claude"
        assert abs(live["live"]["since"] - time.time()) < 60
        with pytest.raises(CodecastError) as caught:
            hand.adopt(live["native"])
        assert caught.value.code == "session_in_use"
        assert f"process {process.pid}" in caught.value.message
        assert "fork" in caught.value.hint
        assert caught.value.data["pid"] == process.pid
        assert hand.relay.call("session/list") == []
        # without its history, too
        with pytest.raises(CodecastError) as caught:
            hand.relay.start(
                session="plain", cli="claude", cwd=str(hand.project), native=live["native"]
            )
        assert caught.value.code == "session_in_use"
    finally:
        process.kill()  # leaves its note in sessions/ behind
        process.wait()
    assert list(hand.home.glob(".claude/sessions/*.json"))
    assert "live" not in hand.history()[0]
    hand.adopt(live["native"])


def test_the_terminal_ui_is_refused_while_it_is_open_and_adopted_after(hand: Hand) -> None:
    settings = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": [hand.env["ANTHROPIC_API_KEY"][-20:]]},
        "projects": {str(hand.project): {"hasTrustDialogAccepted": True}},
    }
    (hand.home / ".claude.json").write_text(json.dumps(settings))
    pid, fd = pty.fork()
    if pid == 0:  # pragma: no cover
        os.chdir(hand.project)
        os.execve(hand.claude, [str(hand.claude)], hand.env)
    screen = bytearray()

    def read() -> None:
        try:
            while data := os.read(fd, 65536):
                screen.extend(data)
        except OSError:
            pass

    threading.Thread(target=read, daemon=True).start()
    try:
        until(
            lambda: b"for shortcuts" in screen or b"\xe2\x9d\xaf" in screen, "a prompt to type at"
        )
        os.write(fd, b"say:Typed by hand, the word is vermilion.")
        until(lambda: b"vermilion" in screen, "the words are there")
        os.write(fd, b"\r")

        def answered() -> list[dict[str, Any]]:
            found = [entry for entry in hand.history() if "live" in entry]
            done = [e for e in found if '"assistant"' in hand.record(e["native"]).read_text()]
            return done

        live = until(answered, "it is listed as live, with an answer")[0]
        assert live["live"]["pid"] == pid and "terminal" in live["live"]["reason"]
        with pytest.raises(CodecastError) as caught:
            hand.adopt(live["native"])
        assert caught.value.code == "session_in_use"
        forked = hand.imported(live["native"], fork=True)
        assert "the word is vermilion" in json.dumps(forked)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(fd)
    session = str(uuid.uuid4())
    events = hand.imported(live["native"], session=session)
    said = [e["content"]["text"] for e in events if e["type"].endswith("message_chunk")]
    assert said == [
        "say:Typed by hand, the word is vermilion.",
        "Typed by hand, the word is vermilion.",
    ]
    hand.go_on(session, "Which word?\nsay:That one.")
    assert "the word is vermilion" in hand.last_request("Which word?")


def test_what_cannot_be_adopted_leaves_nothing(hand: Hand) -> None:
    hand.ask("say:hello")
    for cli, native, code in (
        ("claude", str(uuid.uuid4()), "not_found"),
        ("claude", "../../etc/passwd", "not_found"),
        ("claude", 7, "bad_request"),
        ("claude", None, "bad_request"),
        ("demo", "anything", "not_supported"),
    ):
        missing = hand.home / "made" / "for it"
        with pytest.raises(CodecastError) as caught:
            hand.relay.start(
                session="s1",
                cli=cli,
                cwd=str(missing),
                create_directory=True,
                native=native,
                history=True,
            )
        assert caught.value.code == code, (cli, native)
        assert not missing.exists() and not missing.parent.exists()
    assert hand.relay.call("session/list") == []
    sessions = next((hand.relay.root).glob("hosts/*/sessions"))
    assert list(sessions.iterdir()) == []
