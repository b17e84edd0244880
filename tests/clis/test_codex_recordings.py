"""What Codex once said, played to its adapter: every recording, and what each must give."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from codecast_agent.clis.codex import CodexAdapter
from codecast_agent.clis.contract import Launch, Prompt
from codecast_agent.protocol import events

from .codex_playback import UNRECORDED, CodexPlayer, play_codex
from .hosts import RecordingHost
from .playback import RECORDINGS, recordings

OUTCOMES = {
    "b_permission_cancel": ["cancelled"],
    "d_interrupt_approval": ["cancelled"],
    "d_interrupt_streaming": ["cancelled", "end_turn"],
    "d_interrupt_tool": ["cancelled", "end_turn"],
    "d_interrupt_tool_clean": ["cancelled"],
    "g_kill_approval_resume": ["end_turn", "error", "end_turn"],
    "g_kill_streaming_resume": ["end_turn", "error", "end_turn"],
    "g_kill_tool_resume": ["end_turn", "error", "end_turn"],
    "i_drop_midstream": ["error", "end_turn"],
    "i_fail_400": ["error", "end_turn"],
    "i_fail_401": ["error", "end_turn"],
    "i_fail_429": ["error", "end_turn"],
    "i_fail_500": ["error", "end_turn"],
    "i_fail_midstream": ["error", "end_turn"],
    "i_fail_midstream_429": ["error", "end_turn"],
}
NAMES = [name.partition("/")[2] for name in recordings("codex")]


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_understood_and_ends(name: str) -> None:
    host = play_codex(name)
    assert host.unknown() == []
    reasons = [event["reason"] for event in host.of("turn_ended")]
    assert reasons == OUTCOMES.get(name, ["end_turn"] * len(reasons)) and reasons
    assert {call["status"] for call in host.calls().values()} <= {"completed", "failed"}


@pytest.mark.parametrize("name", NAMES)
def test_text_is_told_once_and_whole(name: str) -> None:
    wanted = []
    for line in (RECORDINGS / "codex" / f"{name}.jsonl").read_text().splitlines():
        message = json.loads(line).get("msg", {})
        item = message.get("params", {}).get("item", {})
        if message.get("method") == "item/completed" and item.get("type") == "agentMessage":
            wanted.append(item["text"].split("…")[0])  # the recording cut long ones
    told = play_codex(name).messages()
    assert all(any(one.startswith(text) for one in told) for text in wanted)
    assert len(told) <= len(wanted) + 3  # interrupted, killed or failed ones are not completed


def test_a_retry_discards_what_was_told() -> None:
    host = play_codex("i_drop_midstream")
    types = [e["type"] for e in host.events if e["type"] in ("message_discarded", "retry")]
    assert types == ["message_discarded", "retry"]
    assert host.messages() == ["some text first", "and now fine"]


def test_errors_keep_their_status_and_say_what_to_do() -> None:
    found = {}
    for name in ("400", "401", "429", "500"):
        error = play_codex(f"i_fail_{name}").of("turn_ended")[0]["error"]
        found[name] = (error["code"], error["status"], error["retryable"], "hint" in error)
    assert found == {
        "400": ("model_error", 400, False, False),
        "401": ("not_logged_in", 401, False, True),
        "429": ("model_error", 429, True, True),
        "500": ("model_error", 500, True, True),
    }


def test_a_queue_of_codexs_own_is_turns_without_prompts_of_ours() -> None:
    host = play_codex("h_busy_queue")
    started = host.of("turn_started")
    assert [len(event["prompts"]) for event in started] == [1] + [0] * (len(started) - 1)
    assert len(started) > 1 and len(host.of("user_message_chunk")) == len(started) - 1


def test_the_output_of_a_cut_command_is_kept() -> None:
    (call,) = play_codex("d_interrupt_tool_clean").calls().values()
    assert call["status"] == "failed" and call["raw_output"]["exit_code"] == 137
    assert call["content"] == [{"type": "text", "text": "tick 1\ntick 2\ntick 3\n"}]


def adapter(host: RecordingHost, thread: str = "t") -> CodexAdapter:
    """One that is ready and has an open turn."""
    launch = Launch("s", "/home/user/project", "ask", None, None, False, ["codex"], {"HOME": "/x"})
    found = CodexAdapter(host, launch)
    found.begin()
    for method, result in (
        ("initialize", {"userAgent": "codecast/9.9.9 (x)"}),
        ("account/read", UNRECORDED["account/read"]),
        ("thread/start", {"thread": {"id": thread}, "model": "m"}),
    ):
        id = next(m["id"] for m in host.sent if m.get("method") == method)
        tell(found, id=id, result=result)
    found.prompt(Prompt("p", [events.text("x")]))
    id = next(m["id"] for m in host.sent if m.get("method") == "turn/start")
    tell(found, id=id, result={"turn": {"id": "turn-1"}})
    return found


def tell(adapter: CodexAdapter, **message: Any) -> None:
    adapter.line(json.dumps(message).encode())


def here(**fields: Any) -> dict[str, Any]:
    return {"threadId": "t", "turnId": "turn-1", **fields}


def done(adapter: CodexAdapter, turn: str = "turn-1", **fields: Any) -> None:
    params = {"threadId": "t", "turn": {"id": turn, "status": "completed", **fields}}
    tell(adapter, method="turn/completed", params=params)


def test_what_nobody_knows_is_kept_and_breaks_no_turn() -> None:
    host = RecordingHost()
    codex = adapter(host)
    item = {"type": "hologram", "id": "i", "beams": 3}
    tell(codex, method="item/started", params=here(item=item))
    tell(codex, method="item/completed", params=here(item=item))
    tell(codex, method="sky/fell", params={"why": "?"})
    tell(codex, id=7, method="sky/mayFall", params={})
    tell(codex, id=99, result={})
    done(codex)
    raws = [notice["raw"] for notice in host.unknown()]
    assert [raw.get("method") for raw in raws] == [
        "item/completed",
        "sky/fell",
        "sky/mayFall",
        None,
    ]
    assert raws[0]["params"]["item"]["beams"] == 3
    assert host.sent[-1]["id"] == 7 and host.sent[-1]["error"]["code"] == -32601
    assert host.last("turn_ended")["reason"] == "end_turn"
    host.nothing_open()


def test_what_a_sub_agent_does_carries_its_call() -> None:
    host = RecordingHost()
    codex = adapter(host)
    spawn = {
        "type": "collabAgentToolCall",
        "id": "spawn",
        "tool": "spawnAgent",
        "prompt": "look around",
        "status": "inProgress",
        "receiverThreadIds": ["child"],
    }
    tell(codex, method="item/started", params=here(item=spawn))
    child = {"threadId": "child", "turnId": "c1"}
    tell(codex, method="turn/started", params={"threadId": "child", "turn": {"id": "c1"}})
    delta = {"itemId": "m", "delta": "from the child"}
    tell(codex, method="item/agentMessage/delta", params={**child, **delta})
    command = {"type": "commandExecution", "id": "c", "command": "ls", "status": "inProgress"}
    tell(codex, method="item/started", params={**child, "item": command})
    asked = {**child, "itemId": "c", "command": "ls"}
    tell(codex, id=3, method="item/commandExecution/requestApproval", params=asked)
    tell(codex, method="turn/completed", params={"threadId": "child", "turn": {"id": "c1"}})
    assert host.turn_open, "the end of a sub-agent's turn is not the turn's"
    assert host.last("agent_message_chunk")["parent"] == "spawn"
    assert host.calls()["c"]["parent"] == "spawn"
    assert host.last("request_opened")["parent"] == "spawn"
    tell(codex, method="serverRequest/resolved", params={"threadId": "child", "requestId": 3})
    assert len(host.of("request_withdrawn")) == 1
    done(codex)
    assert host.calls()["spawn"]["title"] == "Agent: look around"
    host.nothing_open()


def test_late_words_of_an_ended_turn_begin_none() -> None:
    host = RecordingHost()
    codex = adapter(host)
    done(codex)
    tell(codex, method="item/agentMessage/delta", params=here(itemId="m", delta="late"))
    assert host.messages() == [] and len(host.of("turn_started")) == 1
    tell(
        codex,
        method="item/agentMessage/delta",
        params={**here(itemId="n", delta="own"), "turnId": "2"},
    )
    assert host.messages() == ["own"] and host.last("turn_started")["prompts"] == []
    done(codex, turn="2")
    host.nothing_open()


def test_a_turn_that_does_not_become_read_only_is_stopped() -> None:
    host = RecordingHost()
    codex = adapter(host)
    codex._settings.mode = "plan"
    settings = {
        "collaborationMode": {"mode": "plan"},
        "sandboxPolicy": {"type": "dangerFullAccess"},
    }
    tell(
        codex,
        method="thread/settings/updated",
        params={"threadId": "t", "threadSettings": settings},
    )
    assert host.sent[-1]["method"] == "turn/interrupt"
    assert "read only" in host.last("notice")["text"]


@pytest.mark.parametrize("name", NAMES)
def test_wrong_shapes_cost_a_message_and_no_promise(name: str) -> None:
    """Every message of a recording, once with something in it that does not belong there."""
    lines = [
        json.loads(x) for x in (RECORDINGS / "codex" / f"{name}.jsonl").read_text().splitlines()
    ]
    dice = random.Random(name)
    for line in lines:
        if line.get("dir") == "from" and "method" in line["msg"]:
            spoil(line["msg"], dice)
    player = CodexPlayer("codex", "ask")
    host = player.play(lines)
    assert host.of("turn_started")


def spoil(message: Any, dice: random.Random) -> None:
    """Put a value of another type somewhere into `message`."""
    inner = [v for v in message.values() if isinstance(v, dict) and v]
    if inner and dice.random() < 0.8:
        spoil(dice.choice(inner), dice)
    else:
        strange: list[Any] = [None, 7, "", "x", [], [7], {}, {"a": None}, True, 1e30]
        key = dice.choice(list(message))
        if key != "method":
            message[key] = dice.choice(strange)
