"""OpenCode's database of other releases."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from codecast_agent.clis import history

from .kept import Json, brief, told


def database(home: Path, parts: list[tuple[str, Json]], **session: Any) -> Path:
    path = home / ".local" / "share" / "opencode" / "opencode.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path)
    columns = "id, parent_id, directory, title, time_created, time_updated"
    db.execute(f"CREATE TABLE IF NOT EXISTS session ({columns})")
    for name, more in (("message", ""), ("part", "message_id, ")):
        db.execute(
            f"CREATE TABLE IF NOT EXISTS {name}"
            f" (id, {more}session_id, time_created, time_updated, data)"
        )
    row = {
        "id": "ses_1",
        "parent": None,
        "directory": "/srv/x",
        "title": "New session - 2026",
        **session,
    }
    db.execute("INSERT INTO session VALUES (?, ?, ?, ?, 1000, 2000)", tuple(row.values()))
    for number, (role, part) in enumerate(parts):
        ids = (f"m{number} {row['id']}", row["id"])
        data = json.dumps({"role": role})
        db.execute("INSERT INTO message VALUES (?, ?, ?, 1, ?)", (*ids, number, data))
        row_of_part = (f"p{number} {row['id']}", *ids, number, 1, json.dumps(part))
        db.execute("INSERT INTO part VALUES (?, ?, ?, ?, ?, ?)", row_of_part)
    db.commit()
    db.close()
    return path


def test_opencodes_parts_and_what_was_running_when_it_ended(tmp_path: Path) -> None:
    todos = [{"content": "one", "status": "cancelled"}]
    database(
        tmp_path,
        [
            ("user", {"type": "text", "text": "go"}),
            ("user", {"type": "text", "text": "hidden", "synthetic": True}),
            ("user", {"type": "file", "filename": "plot.png"}),
            ("assistant", {"type": "reasoning", "text": "so"}),
            ("assistant", {"type": "step-start"}),
            ("assistant", tool("bash", "running", {"command": "sleep 9"})),
            ("assistant", tool("todowrite", "completed", {"todos": todos})),
            ("assistant", {"type": "text", "text": "done"}),
        ],
    )
    database(tmp_path, [("user", {"type": "text", "text": "part"})], id="ses_2", parent="ses_1")
    assert brief(told(tmp_path, "opencode", "ses_1")) == [
        "user: go",
        "user: (with plot.png attached)",
        "thought: so",
        "c sleep 9 failed: []",
        "c todowrite completed: []",
        "plan: one",
        "agent: done",
    ]
    listed = history.listing({"HOME": str(tmp_path)})
    assert [(each.native, each.title, each.messages) for each in listed] == [("ses_1", "go", 8)]
    assert listed[0].started == 1.0 and listed[0].updated == 2.0


def tool(name: str, status: str, given: Json) -> Json:
    return {
        "type": "tool",
        "tool": name,
        "callID": "c",
        "state": {"status": status, "input": given},
    }


def test_a_database_that_is_none_or_another_is_no_conversation(tmp_path: Path) -> None:
    path = tmp_path / ".local" / "share" / "opencode" / "opencode.db"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database at all" * 100)
    assert history.listing({"HOME": str(tmp_path)}) == []
    path.unlink()
    sqlite3.connect(path).execute("CREATE TABLE session (id)").connection.close()
    assert history.listing({"HOME": str(tmp_path)}) == []
