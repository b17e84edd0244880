"""What CLIs keep on disk, as other releases and other days left it: written and read.

What the present releases write is tested with the programs themselves (tests/agent/test_adoption).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from codecast_agent.clis import history
from codecast_agent.clis.history import Found
from codecast_agent.protocol.events import problems

Json = dict[str, Any]
NATIVE = "3a5278d9-ad95-41a8-8c6a-441d87f1b3ec"
TIME = "2026-11-21T00:46:%02d.500Z"


def write(path: Path, lines: Iterable[Json | bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(_line(line) + b"\n" for line in lines))
    return path


def _line(line: Json | bytes) -> bytes:
    if isinstance(line, bytes):
        return line
    return json.dumps(line, separators=(",", ":")).encode()


def found(home: Path, cli: str, native: str = NATIVE) -> Found:
    one = history.reader(cli, {"HOME": str(home)}).find(native)
    assert one is not None
    return one


def told(home: Path, cli: str, native: str = NATIVE) -> list[Json]:
    """The events of a conversation, every one in our vocabulary."""
    events = []
    for _, event in history.reader(cli, {"HOME": str(home)}).events(found(home, cli, native)):
        assert problems(event) == [], event
        events.append(event)
    return events


def brief(events: list[Json]) -> list[str]:
    """One word for who spoke, then what."""
    words = {
        "user_message_chunk": "user",
        "agent_message_chunk": "agent",
        "agent_thought_chunk": "thought",
    }
    out = []
    for event in events:
        kind = event["type"]
        if kind in words:
            out.append(f"{words[kind]}: {event['content']['text']}")
        elif kind == "notice":
            out.append(f"notice: {event['text']}")
        elif kind == "plan":
            out.append("plan: " + ", ".join(entry["content"] for entry in event["entries"]))
        else:
            texts = [block.get("text") or block.get("diff") for block in event.get("content", [])]
            out.append(f"{event['call']} {event.get('title', '')} {event['status']}: {texts}")
    return out


class Transcript:
    """Claude's record, entry by entry; each hangs on the one before unless told otherwise."""

    def __init__(self) -> None:
        self.lines: list[Json | bytes] = []
        self.last: str | None = None

    def add(self, type: str, content: Any, *, parent: str | None = "", **more: Any) -> str:
        id = str(uuid.uuid4())
        message = {"role": type, "content": content}
        if type == "assistant":
            message["id"] = more.pop("message", id)
            message["model"] = more.pop("model", "claude-opus")
        self.lines.append(
            {
                "parentUuid": self.last if parent == "" else parent,
                "isSidechain": False,
                "type": type,
                "message": message,
                "uuid": id,
                "timestamp": TIME % (len(self.lines) % 60),
                "cwd": "/srv/x",
                "sessionId": NATIVE,
                **more,
            }
        )
        self.last = id
        return id

    def save(self, home: Path, native: str = NATIVE) -> Path:
        return write(home / ".claude" / "projects" / "-work-x" / f"{native}.jsonl", self.lines)


def text(value: str) -> list[Json]:
    return [{"type": "text", "text": value}]


def use(call: str, command: str) -> list[Json]:
    return [{"type": "tool_use", "id": call, "name": "Bash", "input": {"command": command}}]


def result(call: str, output: str, **more: Any) -> list[Json]:
    return [{"type": "tool_result", "tool_use_id": call, "content": output, **more}]
