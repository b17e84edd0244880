"""What the CLIs once said, played to their adapters: every recording, and what each must give."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codecast_agent.clis.claude import ClaudeAdapter
from codecast_agent.clis.contract import Launch, Prompt

from .hosts import RecordingHost
from .playback import RECORDINGS, play, recordings

ACP = ("gemini", "opencode", "claude-agent-acp", "codex-acp", "codex-acp-zed")
# codex-acp has no mode that asks before everything
MODES = {"codex-acp": "code", "codex-acp-zed": "code"}

OUTCOMES = {
    "claude-agent-acp/d_cancel_permission": ["cancelled", "end_turn"],
    "claude-agent-acp/d_cancel_streaming": ["cancelled", "end_turn"],
    "claude-agent-acp/d_cancel_tool": ["cancelled", "end_turn"],
    "claude-agent-acp/g_kill_streaming_resume": ["end_turn", "error", "end_turn"],
    "claude-agent-acp/i_fail_400": ["error", "end_turn"],
    "claude-agent-acp/i_fail_midstream": ["cancelled", "end_turn"],
    "claude/b_permission_reject_interrupt": ["cancelled", "end_turn"],
    "claude/d_interrupt_permission": ["cancelled"],
    "claude/d_interrupt_streaming": ["cancelled", "end_turn"],
    "claude/d_interrupt_tool": ["cancelled", "end_turn"],
    "claude/g_kill_permission_resume": ["error", "end_turn"],
    "claude/g_kill_streaming_resume": ["end_turn", "error", "end_turn"],
    "claude/g_kill_tool_resume": ["error", "end_turn"],
    "claude/h_busy_cancel": ["cancelled", "end_turn", "cancelled"],
    "claude/h_busy_priority": ["cancelled", "end_turn", "end_turn"],
    "claude/i_drop_midstream": ["error", "end_turn"],
    "claude/i_fail_400": ["error", "end_turn"],
    "claude/i_fail_401_retries_1": ["error", "end_turn"],
    "claude/i_fail_429_retries_1": ["error", "end_turn"],
    "claude/i_fail_500_retries_2": ["error", "end_turn"],
    "claude/i_fail_midstream": ["error", "end_turn"],
    "claude/root_bypass_refused": [],
    "codex-acp-zed/b_permission_reject": ["cancelled", "end_turn"],
    "codex-acp-zed/d_cancel_permission": ["cancelled", "end_turn"],
    "codex-acp-zed/d_cancel_tool": ["cancelled", "end_turn"],
    "codex-acp-zed/i_fail_400": ["error", "end_turn"],
    "codex-acp/b_permission_reject": ["cancelled", "end_turn"],
    "codex-acp/d_cancel_permission": ["cancelled", "end_turn"],
    "codex-acp/d_cancel_streaming": ["cancelled", "end_turn"],
    "codex-acp/d_cancel_tool": ["cancelled", "end_turn"],
    "codex-acp/g_kill_streaming_resume": ["end_turn", "error", "end_turn"],
    "gemini/d_cancel_permission": ["cancelled", "end_turn"],
    "gemini/d_cancel_permission_unanswered": ["cancelled"],
    "gemini/d_cancel_streaming": ["cancelled", "end_turn"],
    "gemini/d_cancel_tool": ["cancelled", "end_turn"],
    "gemini/g_kill_permission_resume": ["end_turn", "error", "end_turn"],
    "gemini/g_kill_streaming_resume": ["end_turn", "error", "end_turn"],
    "gemini/g_kill_tool_resume": ["end_turn", "error", "end_turn"],
    "gemini/h_busy_streaming": ["cancelled", "end_turn"],
    "gemini/h_busy_tool": ["cancelled"],
    "gemini/i_drop_midstream": ["error", "end_turn"],
    "gemini/i_fail_400": ["error", "end_turn"],
    "gemini/i_fail_401": ["error", "end_turn"],
    "gemini/i_fail_500_max_attempts_2": ["error", "error"],
    "opencode/c_ask_enabled": ["error"],
    "opencode/d_cancel_permission": ["cancelled", "end_turn"],
    "opencode/d_cancel_streaming": ["cancelled", "end_turn"],
    "opencode/d_cancel_tool": ["cancelled", "end_turn"],
    "opencode/g_kill_permission_resume": ["end_turn", "error", "end_turn"],
    "opencode/g_kill_streaming_resume": ["end_turn", "error", "end_turn"],
    "opencode/g_kill_tool_resume": ["end_turn", "error", "end_turn"],
    "opencode/g_list_fork_close": [],
    "opencode/i_drop_midstream": ["cancelled", "end_turn"],
    "opencode/i_fail_400": ["error", "end_turn"],
    "opencode/i_fail_401": ["error", "end_turn"],
    "opencode/i_fail_midstream": ["cancelled", "end_turn"],
}


def played(name: str) -> Any:
    return play(name, mode=MODES.get(name.split("/")[0], "ask"))


@pytest.mark.parametrize("name", recordings("claude", *ACP))
def test_everything_is_understood_and_ends(name: str) -> None:
    host = played(name)
    assert host.unknown() == []
    reasons = [event["reason"] for event in host.of("turn_ended")]
    assert reasons == OUTCOMES.get(name, ["end_turn"] * len(reasons))
    assert reasons or name in OUTCOMES
    assert {call["status"] for call in host.calls().values()} <= {"completed", "failed"}


@pytest.mark.parametrize("name", recordings("claude"))
def test_text_is_told_once_and_whole(name: str) -> None:
    wanted = []
    for line in (RECORDINGS / f"{name}.jsonl").read_text().splitlines():
        message = json.loads(line).get("msg", {})
        if message.get("type") != "assistant" or message.get("parent_tool_use_id"):
            continue
        if message["message"]["model"] != "<synthetic>":
            content = message["message"]["content"]
            wanted += [block["text"] for block in content if block["type"] == "text"]
    told = played(name).messages()
    shortened = [text.split("…")[0] for text in wanted]  # the recording cut long ones
    assert all(any(one.startswith(text) for one in told) for text in shortened)
    assert len(set(wanted)) <= len(told) <= len(wanted) + 1  # one may have been killed


def test_without_deltas_the_whole_message_is_told() -> None:
    """Claude falls back to requests without streaming."""
    host = RecordingHost()
    adapter = ClaudeAdapter(host, Launch("s", "/", "ask", None, None, False, ["c"], {"HOME": "/x"}))
    adapter.prompt(Prompt("p", []))
    blocks = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "whole"}]
    for block in blocks:
        message = {"id": "m", "content": [block]}
        adapter.line(json.dumps({"type": "assistant", "message": message}).encode())
    assert host.messages() == ["whole"] and host.messages("agent_thought_chunk") == ["hm"]


def test_parallel_permissions_are_two_requests() -> None:
    host = played("claude/b_permission_parallel")
    assert len({event["request"] for event in host.of("request_opened")}) == 2
    assert len({event["call"] for event in host.of("request_opened")}) == 2


def test_a_retry_after_text_discards_it() -> None:
    host = played("claude/i_drop_midstream")
    types = [e["type"] for e in host.events if e["type"] in ("message_discarded", "retry")]
    assert types == ["message_discarded", "retry"]
    assert host.messages() == ["some text first", "and now fine"]


def test_queued_messages_become_one_turn_with_both_prompts() -> None:
    first, second = played("claude/h_busy_streaming").of("turn_started")
    assert len(first["prompts"]) == 1 and len(second["prompts"]) == 2


def test_claude_begins_a_turn_by_itself_and_sub_agents_have_a_parent() -> None:
    host = played("claude/tools_edit_todo_subagent")
    assert [len(event["prompts"]) for event in host.of("turn_started")] == [1, 1, 0]
    (said,) = [e for e in host.of("agent_message_chunk") if "parent" in e]
    assert said["content"]["text"] == "hello from the subagent"
    assert [e["state"] for e in host.of("background")] == ["running", "completed"]
    assert host.last("background")["text"] == "hello from the subagent"


def test_costs_of_turns_add_up_to_the_sessions() -> None:
    host = played("claude/tools_edit_todo_subagent")
    total = sum(event["cost_usd"] for event in host.of("turn_ended"))
    assert host.state["cost_usd"] == pytest.approx(total) and total > 0.4


def test_todo_write_is_a_plan() -> None:
    plan = played("claude/todo_write").state["plan"]
    assert [entry["status"] for entry in plan] == ["in_progress", "pending"]


def test_an_edit_without_a_permission_shows_its_hunk() -> None:
    host = played("claude/tools_edit_todo_subagent")
    edits = [c for c in host.calls().values() if c["title"] == "Edit README.md"]
    assert "-hello world\n+goodbye\n" in edits[0]["content"][0]["diff"]


def test_gemini_asks_for_a_call_it_never_announced() -> None:
    host = played("gemini/b_permission_accept")
    request = host.last("request_opened")
    types = [e["type"] for e in host.events if e.get("call") == request["call"]]
    assert types[:2] == ["tool_call", "request_opened"]
    assert request["title"] == "touch made.txt && echo made" and request["tool_kind"] == "execute"
    assert host.calls()[request["call"]]["status"] == "completed"


def test_gemini_talking_to_itself_is_no_answer_and_no_turn() -> None:
    host = played("gemini/f_mode_switch")
    assert not any("MODE_UPDATE" in text for text in host.messages())
    assert all(event["prompts"] for event in host.of("turn_started"))


def test_a_replayed_history_is_dropped_also_when_it_comes_late() -> None:
    for name in ("gemini/g_kill_streaming_resume", "opencode/g_kill_streaming_resume"):
        host = played(name)
        assert host.messages()[-1].strip() == "resumed"
        assert len([text for text in host.messages() if text.startswith("remember")]) <= 1
        assert host.of("user_message_chunk") == []


def test_opencode_says_that_refusing_ends_the_turn() -> None:
    options = played("opencode/b_permission_reject").last("request_opened")["options"]
    ends = {option["kind"]: option.get("ends_turn", False) for option in options}
    assert ends == {"allow_once": False, "allow_always": False, "reject_once": True}


def test_a_form_is_a_question_and_its_answer_a_value() -> None:
    host = played("claude-agent-acp/c_ask_elicitation")
    (question,) = host.last("request_opened")["questions"]
    assert question["text"] == "Which colour?" and question["free_text"]
    assert [o["label"] for o in question["options"]] == ["Red", "Blue"]
    answers = [m["result"] for m in host.sent if "result" in m]
    assert answers == [{"action": "accept", "content": {"question_0": "Blue"}}]


def test_an_open_permission_is_answered_cancelled_when_the_turn_is() -> None:
    host = played("gemini/d_cancel_permission")
    assert {"outcome": {"outcome": "cancelled"}} in [m.get("result") for m in host.sent]
    assert len(host.of("request_withdrawn")) == 1


def test_diffs_of_whole_texts_are_unified() -> None:
    for name in (
        "gemini/b_file_change",
        "opencode/b_file_change",
        "claude-agent-acp/b_file_change",
    ):
        diffs = [
            block["diff"]
            for call in played(name).calls().values()
            for block in call.get("content", [])
            if block["type"] == "diff"
        ]
        assert any("-line one\n" in diff and "+LINE ONE\n" in diff for diff in diffs), name


def test_http_errors_of_acp_agents_keep_their_status() -> None:
    error = played("gemini/i_fail_400").of("turn_ended")[0]["error"]
    assert error["code"] == "model_error" and error["status"] == 400 and not error["retryable"]
