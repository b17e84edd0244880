"""What agents say in ways of their own, told once, in its place and for a person to read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codecast_agent.clis.contract import Answer

from .test_acp import Agent


def in_turn() -> Agent:
    agent = Agent().start()
    agent.prompt()
    return agent


def chunk(agent: Agent, text: str, message: str, kind: str = "message") -> None:
    content = {"type": "text", "text": text}
    agent.update(f"agent_{kind}_chunk", messageId=message, content=content)


def test_words_after_the_end_of_a_turn_are_a_turn_of_their_own() -> None:
    agent = in_turn()
    agent.reply("session/prompt", {"stopReason": "end_turn"})
    agent.text("by the way")
    assert agent.host.broken == [] and agent.host.last("turn_started")["prompts"] == []


def test_text_that_goes_on_after_a_thought_is_not_appended_above_it() -> None:
    agent = in_turn()
    for text, kind in (("one ", "message"), ("hm", "thought"), ("two ", "message")):
        chunk(agent, text, "m", kind)
    agent.update("usage_update", used=1, size=2)
    chunk(agent, "more", "m")
    assert agent.host.messages() == ["one ", "two more"]


def test_what_was_told_of_a_call_is_not_told_again() -> None:
    agent = in_turn()
    call: dict[str, Any] = {"toolCallId": "c", "title": "ls", "kind": "execute"}
    agent.update("tool_call", **call, status="in_progress", rawInput={"command": "ls"})
    agent.update("tool_call_update", **call, status="in_progress", rawInput={"command": "ls"})
    assert agent.host.of("tool_call_update") == []
    agent.update("tool_call_update", **call, status="completed")
    assert agent.host.of("tool_call_update") == [
        {"type": "tool_call_update", "call": "c", "status": "completed"}
    ]


def test_a_history_replayed_by_a_fork_is_no_turn() -> None:
    agent = Agent(native="old", fork=True)
    can: dict[str, Any] = {"sessionCapabilities": {"fork": {}}}
    agent.reply("initialize", {"protocolVersion": 1, "agentCapabilities": can})
    agent.text("said long ago")
    agent.update("tool_call_update", toolCallId="c", status="in_progress", title="ls")
    agent.reply("session/fork", {"sessionId": "n"})
    assert agent.host.is_ready
    assert agent.host.of("turn_started", "agent_message_chunk", "tool_call_update") == []


@pytest.mark.parametrize("ends", [True, False])
def test_output_told_beside_the_protocol_is_output(ends: bool) -> None:
    agent = in_turn()
    where = {"content": [{"type": "terminal", "terminalId": "c"}]}
    agent.update("tool_call", toolCallId="c", title="ls", kind="execute", **where)
    for text in ("a\n", "b\n"):
        meta = {"terminal_output_delta": {"data": text, "terminal_id": "c"}}
        agent.update("tool_call_update", toolCallId="c", _meta=meta)
    if not ends:
        agent.reply("session/prompt", {"stopReason": "cancelled"})
        call = agent.host.calls()["c"]
        assert call["content"] == [{"type": "text", "text": "a\nb\n"}]
        assert call["status"] == "failed"
        return
    ended = {"terminal_exit": {"exit_code": 2, "signal": None, "terminal_id": "c"}}
    agent.update("tool_call_update", toolCallId="c", status="completed", _meta=ended)
    assert [event["text"] for event in agent.host.of("tool_output_delta")] == ["a\n", "b\n"]
    call = agent.host.calls()["c"]
    assert call["content"] == [{"type": "text", "text": "a\nb\n"}]
    assert call["status"] == "failed" and call["raw_output"] == {"exit_code": 2}
    assert not any("raw" in event for event in agent.host.events)


@pytest.mark.parametrize(("option", "status"), [("yes", "in_progress"), ("no", "failed")])
def test_a_call_that_was_only_asked_about_follows_its_answer(option: str, status: str) -> None:
    agent = in_turn()
    agent.ask()
    request = agent.host.last("request_opened")
    assert agent.host.calls()["c1"]["status"] == "pending" and request["call"] == "c1"
    agent.adapter.answer(request["request"], Answer(option=option))
    assert agent.host.calls()["c1"]["status"] == status


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ("```console\nmade\n```", "made"),
        ("```\na\n```\nand\n```\nb\n```", "```\na\n```\nand\n```\nb\n```"),
        ("plain", "plain"),
    ],
)
def test_a_fence_around_output_is_taken_off(told: str, wanted: str) -> None:
    agent = in_turn()
    content = [{"type": "content", "content": {"type": "text", "text": told}}]
    agent.update("tool_call", toolCallId="c", title="x", content=content)
    assert agent.host.calls()["c"]["content"] == [{"type": "text", "text": wanted}]


@pytest.mark.parametrize(("amount", "wanted"), [(0.25, 1.25), (1.5, 1.5)])
def test_the_cost_of_a_resumed_session_does_not_fall(amount: float, wanted: float) -> None:
    agent = Agent(cost_usd=1.0).start()
    agent.prompt()
    agent.update("usage_update", used=1, size=2, cost={"amount": amount, "currency": "USD"})
    assert agent.host.last("usage_update")["cost_usd"] == wanted


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ('{"error": {"code": 400, "message": "no such thing"}}', "no such thing"),
        ("Internal error: it broke", "it broke"),
        ("{not JSON", "{not JSON"),
    ],
)
def test_errors_are_words(message: str, wanted: str) -> None:
    agent = in_turn()
    agent.reply("session/prompt", error={"code": -32603, "message": message})
    assert agent.host.last("turn_ended")["error"]["message"] == wanted


def test_the_same_settings_and_commands_are_told_once() -> None:
    agent = in_turn()
    options = [{"id": "model", "category": "model", "currentValue": "a", "options": []}]
    for _ in range(2):
        agent.update("config_option_update", configOptions=options)
        agent.update("available_commands_update", availableCommands=[{"name": "x"}])
    assert len(agent.host.of("available_commands_update")) == 1
    told = [e for e in agent.host.of("config_option_update") if "model" in e["settings"]]
    assert len(told) == 1


def test_a_to_do_list_given_to_a_tool_is_the_plan() -> None:
    agent = in_turn()
    todos = [{"content": "First", "status": "in_progress", "priority": "high"}]
    agent.update("tool_call", toolCallId="c", title="todowrite", kind="other")
    agent.update("tool_call_update", toolCallId="c", rawInput={"todos": todos})
    assert agent.host.last("plan")["entries"] == todos


@pytest.mark.parametrize(
    "places",
    [
        [],
        [{"path": "/home/user/other"}],
        [{"path": "/home/user/project/x"}, {"path": "/home/user/project/../y"}],
        [{"path": "/home/user/project/.git/hooks/pre-commit"}],
    ],
    ids=["unknown", "outside", "partly", "trusted"],
)
def test_a_mode_kept_by_us_allows_no_edit_elsewhere(places: list[Any]) -> None:
    agent = Agent(mode="code").start()
    agent.prompt()
    agent.ask(kind="edit", locations=places)
    assert len(agent.host.open_requests) == 1


def test_output_told_by_the_raw_result_alone_is_output() -> None:
    agent = in_turn()
    call = {"toolCallId": "c", "title": "ls", "kind": "execute"}
    agent.update("tool_call", **call, status="in_progress")
    raw = {"stdout": "a\n", "exit_code": 0}
    agent.update("tool_call_update", toolCallId="c", status="completed", rawOutput=raw)
    assert agent.host.calls()["c"]["content"] == [{"type": "text", "text": "a\n"}]


def test_a_mode_that_an_agent_tells_in_hidden_words_is_told() -> None:
    modes = [{"id": "default"}, {"id": "plan"}]
    offered = {"currentModeId": "default", "availableModes": modes}
    agent = Agent("gemini").start(modes=offered)
    agent.prompt()
    agent.text("[MODE_UPDATE] plan")
    assert agent.host.last("config_option_update")["class"] == "plan"
    assert agent.host.messages() == []


def test_text_is_told_alike_whether_its_bytes_are_taken_or_its_json_is_read() -> None:
    texts = [
        "",
        "plain words, {braces} and 'quotes'",
        'a "quote", a \\ and a \\" and \\u0041',
        "lines\n\ttabs\r\b\f",
        "/path </tag>",
        "ünïcode \U0001f600",
        "\x00\x1f\x7f",
        '"}}}}',
        "\\",
    ]
    hosts = []
    for blank in ("", " "):  # nobody reads JSON with a blank in it but as JSON
        agent = in_turn()
        for kind in ("agent_message_chunk", "agent_thought_chunk", "agent_message_chunk"):
            for text in texts:
                for ascii in (True, False):
                    content = {"type": "text", "text": text}
                    update = {"sessionUpdate": kind, "content": content}
                    params = {"sessionId": "n", "update": update}
                    message = {"jsonrpc": "2.0", "method": "session/update", "params": params}
                    line = json.dumps(message, ensure_ascii=ascii, separators=(",", ":" + blank))
                    agent.adapter.line(line.encode())
        assert agent.host.broken == []
        hosts.append(agent.host)
    assert hosts[0].events == hosts[1].events
    assert hosts[0].chunks > 40 and hosts[1].chunks == 0


def test_a_line_that_only_begins_like_text_is_read_whole() -> None:
    agent = in_turn()
    start = b'{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"n","update":'
    start += b'{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"a"}'
    agent.adapter.line(start + b',"messageId":"m"}}}')
    assert agent.host.last("agent_message_chunk")["message"] == "m"
    for broken in (b"", b"}}", b"}}}x", b"}}}}"):
        agent.adapter.line(start + broken)
        assert "no message" in agent.host.last("notice")["text"]
