"""Gemini's chats of other releases."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from codecast_agent.clis import history

from .kept import NATIVE, TIME, Json, brief, found, told, write


def chat(home: Path, lines: list[Json], minute: str = "2026-11-21T00-48", **more: Any) -> Path:
    project = home / ".gemini" / "tmp" / "x"
    head = {"sessionId": NATIVE, "startTime": TIME % 0, "kind": "main", **more}
    path = write(project / "chats" / f"session-{minute}-{NATIVE[:8]}.jsonl", [head, *lines])
    (project / ".project_root").write_text("/srv/x")
    return path


def message(id: str, type: str, content: Any, **more: Any) -> Json:
    return {"id": id, "timestamp": TIME % 1, "type": type, "content": content, **more}


def test_the_last_version_of_each_message_counts_and_what_was_rewound_does_not(
    tmp_path: Path,
) -> None:
    call = {
        "id": "c",
        "name": "run_shell_command",
        "args": {"command": "make"},
        "status": "error",
        "result": [{"functionResponse": {"response": {"error": "no rule"}}}],
    }
    chat(
        tmp_path,
        [
            {"$set": {"messages": [message("0", "user", [{"text": "<session_context>x"}])]}},
            message("1", "user", [{"text": "build"}]),
            message("2", "gemini", "I build", thoughts=[{"subject": "So", "description": "why"}]),
            message("2", "gemini", "I build it", toolCalls=[call]),
            message("3", "user", [{"functionResponse": {"response": {"output": "x"}}}]),
            message("4", "user", "never mind"),
            message("5", "gemini", "fine"),
            {"$rewindTo": "4"},
            message("6", "info", "Request cancelled."),
            message("7", "user", [{"text": "again"}, {"inlineData": {}}]),
            {"$set": {"lastUpdated": TIME % 9}},
        ],
    )
    assert brief(told(tmp_path, "gemini")) == [
        "user: build",
        "agent: I build it",
        "c make failed: ['no rule']",
        "notice: Request cancelled.",
        "user: again\n(with 1 attached)",
    ]
    assert found(tmp_path, "gemini").cwd == "/srv/x"


def test_a_resumed_gemini_session_is_one_conversation(tmp_path: Path) -> None:
    old = chat(tmp_path, [message("1", "user", "old")])
    os.utime(old, (1, 1))
    chat(tmp_path, [message("1", "user", "new")], minute="2026-11-21T00-59")
    chat(tmp_path, [message("1", "user", "part")], minute="2026-11-21T01-00", kind="subagent")
    listed = history.listing({"HOME": str(tmp_path)})
    assert [each.title for each in listed] == ["new"]
    assert found(tmp_path, "gemini").title == "new"
