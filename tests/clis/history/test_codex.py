"""Codex's rollouts of other releases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from codecast_agent.clis import history

from .kept import NATIVE, TIME, Json, brief, found, told, write


def rollout(home: Path, lines: list[Json], **meta: Any) -> Path:
    name = f"rollout-2025-09-01T10-00-00-{NATIVE}.jsonl"
    about = {"id": NATIVE, "timestamp": TIME % 0, "cwd": "/srv/x", "cli_version": "0.30.0", **meta}
    head = {"timestamp": TIME % 0, "type": "session_meta", "payload": about}
    return write(home / ".codex" / "sessions" / "2025" / "09" / "01" / name, [head, *lines])


def entry(what: str, **payload: Any) -> Json:
    return {"timestamp": TIME % 1, "type": what, "payload": payload}


def test_a_rollout_of_an_older_codex(tmp_path: Path) -> None:
    context = [{"type": "input_text", "text": "<environment_context>...</environment_context>"}]
    prompt = [{"type": "input_text", "text": "list"}]
    answer = [{"type": "output_text", "text": "Two files."}]
    output = json.dumps({"output": "a\nb\n", "metadata": {"exit_code": 3}})
    arguments = json.dumps({"command": ["bash", "-lc", "ls && false"]})
    again = [
        entry("response_item", type="message", role="user", content=prompt),
        entry("event_msg", type="user_message", message="list", kind="plain"),
        entry("event_msg", type="agent_message", message="Two files."),
        entry("response_item", type="message", role="assistant", content=answer),
    ]
    rollout(
        tmp_path,
        [
            entry("response_item", type="message", role="user", content=context),
            *again[:2],
            entry("event_msg", type="agent_reasoning", text="hm"),
            entry(
                "response_item", type="reasoning", summary=[{"type": "summary_text", "text": "hm"}]
            ),
            entry(
                "response_item",
                type="function_call",
                name="shell",
                arguments=arguments,
                call_id="c",
            ),
            entry("response_item", type="function_call_output", call_id="c", output=output),
            *again[2:],
            entry("turn_context", cwd="/srv/x"),
            *again,
            entry("response_item", type="function_call", name="shell", arguments="{", call_id="d"),
            entry("event_msg", type="turn_aborted", reason="interrupted"),
        ],
    )
    assert brief(told(tmp_path, "codex")) == [
        "user: list",
        "thought: hm",
        "c ls && false in_progress: []",
        "c  failed: ['a\\nb\\n']",
        "agent: Two files.",
        "user: list",
        "agent: Two files.",
        "d shell in_progress: []",
        "d  failed: []",
    ]
    one = found(tmp_path, "codex")
    assert (one.title, one.cwd) == ("list", "/srv/x")


def test_a_sub_agents_thread_is_no_conversation(tmp_path: Path) -> None:
    lines = [entry("event_msg", type="user_message", message="part")]
    rollout(tmp_path, lines, source={"subagent": {"thread_spawn": {}}})
    assert history.listing({"HOME": str(tmp_path)}) == []
    rollout(tmp_path, lines, source="cli")
    assert [each.title for each in history.listing({"HOME": str(tmp_path)})] == ["part"]
