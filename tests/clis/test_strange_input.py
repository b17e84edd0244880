"""Whatever a CLI writes: skipped with a notice or shown, never an exception, never a lost turn."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from codecast_agent.clis.acp import AcpAdapter, adapter_for
from codecast_agent.clis.claude import ClaudeAdapter
from codecast_agent.clis.contract import Answer, Launch, Prompt
from codecast_agent.protocol import events
from codecast_agent.protocol.errors import CodecastError

from .hosts import Json, RecordingHost
from .playback import RECORDINGS, recordings

LAUNCH = Launch("s", "/home/user/project", "ask", None, None, False, ["cli"], {"HOME": "/x"})


def claude() -> tuple[ClaudeAdapter, RecordingHost]:
    host = RecordingHost()
    adapter = ClaudeAdapter(host, LAUNCH)
    adapter.begin()
    return adapter, host


def acp() -> tuple[AcpAdapter, RecordingHost]:
    host = RecordingHost()
    adapter = adapter_for("some")(host, LAUNCH)
    adapter.begin()
    return adapter, host


@pytest.fixture(params=[claude, acp], ids=["claude", "acp"])
def cli(request: pytest.FixtureRequest) -> tuple[Any, RecordingHost]:
    made: tuple[Any, RecordingHost] = request.param()
    return made


@pytest.mark.parametrize(
    "line",
    [
        b"Warning: something is deprecated",
        b"{not json",
        b'{"type": "result", "half": ',
        b"[1, 2]",
        b'"a string"',
        b"null",
        b"12",
        b"\xff\xfe\x00binary\x80",
        b"[" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"n": ' + b"9" * 10_000 + b"}",
    ],
    ids=[
        "words",
        "broken",
        "half",
        "list",
        "string",
        "null",
        "number",
        "bytes",
        "deep",
        "nested",
        "huge",
    ],
)
def test_f11_a_line_that_is_no_message_is_a_notice(
    cli: tuple[Any, RecordingHost], line: bytes
) -> None:
    adapter, host = cli
    adapter.line(line)
    notice = host.last("notice")
    assert len(notice["text"]) < 500
    assert notice["raw"]
    adapter.line(b"")
    adapter.line(b"   \r")
    assert len(host.of("notice")) == 1


def test_f11_broken_utf8_costs_its_letters_not_the_message() -> None:
    adapter, host = claude()
    adapter.prompt(Prompt("p", [events.text("x")]))
    message = {"type": "assistant", "message": {"id": "m", "content": [{"type": "text"}]}}
    message["message"]["content"][0]["text"] = "before HERE after"  # type: ignore[index]
    adapter.line(json.dumps(message).encode().replace(b"HERE", b"\xe2\x82"))
    assert host.messages() == ["before \ufffd after"]
    assert "UTF-8" in host.last("notice")["text"]


def test_f11_a_line_of_twenty_megabytes_is_taken() -> None:
    adapter, host = claude()
    adapter.prompt(Prompt("p", [events.text("x")]))
    text = "ä" * 20_000_000
    block = {"type": "text", "text": text}
    message = {"type": "assistant", "message": {"id": "m", "content": [block]}}
    adapter.line(json.dumps(message, ensure_ascii=False).encode())
    assert host.messages() == [text]


def test_numbers_that_are_no_json_do_not_get_into_ours() -> None:
    adapter, host = claude()
    adapter.prompt(Prompt("p", [events.text("x")]))
    adapter.line(b'{"type":"result","subtype":"success","is_error":false,"total_cost_usd":NaN}')
    assert host.last("turn_ended")["reason"] == "end_turn"


@pytest.mark.parametrize(
    "message",
    [
        {"type": "brand_new", "value": 1},
        {"type": "system", "subtype": "brand_new"},
        {"type": "stream_event", "event": {"type": "brand_new"}},
        {"type": "assistant", "message": {"id": "m", "content": [{"type": "brand_new"}]}},
        {"type": "control_response", "response": {"request_id": "never", "subtype": "success"}},
    ],
    ids=lambda message: str(message["type"]),
)
def test_an_unknown_message_of_claude_is_a_notice_that_keeps_it(message: Json) -> None:
    adapter, host = claude()
    adapter.line(json.dumps(message).encode())
    assert host.last("notice")["raw"] == message


def test_an_unknown_control_request_is_refused_not_left_waiting() -> None:
    adapter, host = claude()
    request = {"subtype": "hook_callback", "callback_id": "x"}
    adapter.line(
        json.dumps({"type": "control_request", "request_id": "r1", "request": request}).encode()
    )
    answer = host.sent[-1]["response"]
    assert answer["subtype"] == "error" and answer["request_id"] == "r1"
    assert "hook_callback" in host.last("notice")["text"]


def test_f9_a_permission_for_an_unseen_call_is_shown_from_itself() -> None:
    adapter, host = claude()
    asked = {
        "subtype": "can_use_tool",
        "tool_name": "Edit",
        "tool_use_id": "never-seen",
        "input": {"file_path": "/nowhere/f.py", "old_string": "a = 1", "new_string": "a = 2"},
    }
    adapter.line(
        json.dumps({"type": "control_request", "request_id": "r1", "request": asked}).encode()
    )
    request = host.last("request_opened")
    assert request["title"] == "Edit /nowhere/f.py" and request["tool_kind"] == "edit"
    assert "-a = 1\n+a = 2\n" in request["content"][0]["diff"]
    assert request["locations"] == [{"path": "/nowhere/f.py"}]
    adapter.answer("r1", Answer(option="allow_once"))
    assert host.sent[-1]["response"]["response"]["behavior"] == "allow"


def test_an_answer_that_does_not_fit_is_refused_before_anything_is_sent() -> None:
    adapter, host = claude()
    asked = {"subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": "ls"}}
    adapter.line(
        json.dumps({"type": "control_request", "request_id": "r1", "request": asked}).encode()
    )
    sent = len(host.sent)
    with pytest.raises(CodecastError) as problem:
        adapter.answer("r1", Answer(option="allow_everything"))
    assert problem.value.code == "bad_request" and "allow_once" in problem.value.hint
    assert len(host.sent) == sent
    adapter.answer("r1", Answer(option="reject_once"))


def test_a_result_that_crossed_our_prompt_does_not_end_its_turn() -> None:
    adapter, host = claude()
    adapter.prompt(Prompt("p1", [events.text("x")]))

    def life(prompt: str, state: str) -> None:
        message = {"type": "command_lifecycle", "command_uuid": prompt, "state": state}
        adapter.line(json.dumps(message).encode())

    life("p1", "queued")
    done = {"type": "result", "subtype": "success", "is_error": False, "result": "own"}
    adapter.line(json.dumps({**done, "origin": {"kind": "task-notification"}}).encode())
    assert host.turn_open, "the turn of Claude's own ended ours"
    life("p1", "started")
    adapter.line(json.dumps(done).encode())
    assert not host.turn_open


LOST = object()


def mutations(value: Any, rng: random.Random) -> Iterator[Any]:
    """Copies of a message, each with one field lost or of another type."""
    strange: list[Any] = [None, 7, -1.5, True, "", "words", [], [None, 1, "x"], {}, {"x": None}]
    paths: list[list[Any]] = []

    def walk(node: Any, path: list[Any]) -> None:
        keys = node.keys() if isinstance(node, dict) else range(min(len(node), 3))
        for key in list(keys):
            paths.append([*path, key])
            if isinstance(node[key], (dict, list)):
                walk(node[key], [*path, key])

    walk(value, [])
    for path in paths:
        for instead in [LOST, *rng.sample(strange, 5)]:
            made = copy.deepcopy(value)
            node = made
            for key in path[:-1]:
                node = node[key]
            if instead is LOST:
                del node[path[-1]]
            else:
                node[path[-1]] = instead
            yield made


def said(*clis: str) -> list[Json]:
    """One message of each shape the recordings have."""
    found: dict[str, Json] = {}
    for name in recordings(*clis):
        for line in (RECORDINGS / f"{name}.jsonl").read_text().splitlines():
            entry = json.loads(line)
            if entry.get("dir") == "from":
                message = entry["msg"]
                update = message.get("params", {}).get("update", {})
                event = message.get("event") or {}
                kind = (
                    message.get("type"),
                    message.get("subtype"),
                    message.get("method"),
                    event.get("type"),
                    update.get("sessionUpdate"),
                    str(sorted(message.get("message", {}))),
                    str(sorted(message.get("request", {}))),
                )
                found.setdefault(str(kind), message)
    return list(found.values())


@pytest.mark.parametrize(
    ("make", "clis"),
    [(claude, ("claude",)), (acp, ("gemini", "opencode", "claude-agent-acp", "codex-acp"))],
    ids=["claude", "acp"],
)
def test_messages_of_a_wrong_shape_never_raise_and_turns_still_end(make: Any, clis: Any) -> None:
    rng = random.Random(20)
    count = 0
    for message in said(*clis):
        for mutated in mutations(message, rng):
            adapter, host = make()
            if make is acp:
                open_acp(adapter, host)
            adapter.prompt(Prompt("p", [events.text("x")]))
            adapter.line(json.dumps(mutated).encode())
            adapter.line(json.dumps(message).encode())
            adapter.exited(CodecastError("cli_failed", "gone"))
            host.nothing_open()
            count += 1
    assert count > 1000


def open_acp(adapter: AcpAdapter, host: RecordingHost) -> None:
    for result in ({"protocolVersion": 1}, {"sessionId": "n"}):
        adapter.line(json.dumps({"id": host.sent[-1]["id"], "result": result}).encode())
    assert host.is_ready
