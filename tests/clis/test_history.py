"""What CLIs keep on disk, as other releases and other days left it: nothing lost, nothing invented.

What the present releases write is tested with the programs themselves (tests/agent/test_adoption).
"""

from __future__ import annotations

import json
import os
import sqlite3
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

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


# -- Claude Code


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


def test_what_was_taken_back_is_left_out(tmp_path: Path) -> None:
    t = Transcript()
    t.add("user", "first")
    kept = t.add("assistant", text("one"))
    t.add("user", "a mistake")
    t.add("assistant", text("an answer to it"))
    t.add("user", "second", parent=kept)
    t.add("assistant", text("two"))
    t.save(tmp_path)
    assert brief(told(tmp_path, "claude")) == [
        "user: first",
        "agent: one",
        "user: second",
        "agent: two",
    ]


def test_results_of_parallel_calls_hang_beside_the_way(tmp_path: Path) -> None:
    t = Transcript()
    t.add("user", "both")
    a = t.add("assistant", use("c1", "ls"), message="m")
    b = t.add("assistant", use("c2", "pwd"), message="m")
    t.add("user", result("c1", "files"), parent=a)
    t.add("user", result("c2", "here"), parent=b)
    t.add("assistant", text("done"))
    t.save(tmp_path)
    assert brief(told(tmp_path, "claude")) == [
        "user: both",
        "c1 ls in_progress: []",
        "c2 pwd in_progress: []",
        "c1  completed: ['files']",
        "c2  completed: ['here']",
        "agent: done",
    ]


def test_only_what_a_person_and_claude_said_is_told(tmp_path: Path) -> None:
    t = Transcript()
    command = "<command-message>review</command-message>\n<command-name>/review</command-name>"
    t.add("user", "Caveat: The messages below were generated by the user", isMeta=True)
    t.add("user", command + "\n<command-args>the diff</command-args>")
    t.add("user", "<local-command-stdout>noise</local-command-stdout>")
    t.add("user", text("<system-reminder>mind</system-reminder>") + text("the words"))
    t.add("assistant", [{"type": "thinking", "thinking": "", "signature": "x"}])
    t.add("assistant", text("API Error"), model="<synthetic>")
    t.add("user", "sub-agent's", isSidechain=True)
    t.last = t.lines[-2]["uuid"]  # type: ignore[index]
    t.add("user", [*text("look"), {"type": "image", "source": {}}])
    t.add("assistant", use("c1", "sleep 99"))
    t.add("user", text("[Request interrupted by user for tool use]"))
    t.add("user", "go on")
    t.save(tmp_path)
    assert brief(told(tmp_path, "claude")) == [
        "user: /review the diff",
        "user: the words",
        "user: look\n(with 1 attached)",
        "c1 sleep 99 in_progress: []",
        "c1  failed: []",
        "user: go on",
    ]
    assert found(tmp_path, "claude").title == "/review the diff"


def test_a_compacted_conversation_goes_on_over_the_cut(tmp_path: Path) -> None:
    t = Transcript()
    t.add("user", "before")
    last = t.add("assistant", text("yes"))
    t.add("system", "", parent=None, logicalParentUuid=last, subtype="compact_boundary")
    t.add("user", "a summary", isCompactSummary=True, isVisibleInTranscriptOnly=True)
    t.add("user", "after")
    t.save(tmp_path)
    said = brief(told(tmp_path, "claude"))
    assert [line for line in said if not line.startswith("notice")] == [
        "user: before",
        "agent: yes",
        "user: after",
    ]
    assert "compacted" in said[2]


def test_strange_lines_cost_themselves(tmp_path: Path) -> None:
    t = Transcript()
    t.add("user", "hello")
    t.lines += [
        b"no json",
        b'{"type":"user"}',
        b'{"type":"user","uuid":5}',
        b"[]",
        b"\xff\xfe",
        b"",
    ]
    t.lines.append(b'{"type":"assistant","uuid":"x","message":{"content":[7,{"type":"odd"}]}}')
    t.add("assistant", [*text("there"), 3, None, {"type": "tool_use"}])
    path = t.save(tmp_path)
    with path.open("ab") as file:
        file.write(b'{"type":"assistant","uuid":"torn","mess')  # being written just now
    said = brief(told(tmp_path, "claude"))
    assert said[:2] == ["user: hello", "agent: there"]
    assert all(line.startswith("notice: Unknown from Claude") for line in said[2:])


def test_titles_are_those_the_person_sees_in_claude(tmp_path: Path) -> None:
    for given, title in (
        ({"type": "summary", "summary": "A summary"}, "A summary"),
        ({"type": "ai-title", "aiTitle": "Made up"}, "Made up"),
        ({"type": "custom-title", "customTitle": "Mine"}, "Mine"),
        ({"type": "last-prompt", "lastPrompt": "the end"}, "the beginning of it"),
    ):
        t = Transcript()
        t.add("user", "the beginning\n  of it")
        t.lines.append(given)
        t.save(tmp_path)
        assert found(tmp_path, "claude").title == title
    write(tmp_path / ".claude/projects/-work-x" / f"{NATIVE}.jsonl", [{"type": "atis-latch"}])
    assert history.listing({"HOME": str(tmp_path)}) == []


def test_a_note_of_life_counts_only_for_its_own_process(tmp_path: Path) -> None:
    t = Transcript()
    t.add("user", "hello")
    t.save(tmp_path)
    stat = Path(f"/proc/{os.getpid()}/stat").read_text()
    ticks = stat.rsplit(")", 1)[1].split()[19]
    notes = tmp_path / ".claude" / "sessions"
    note = {"pid": os.getpid(), "sessionId": NATIVE, "entrypoint": "cli", "status": "waiting"}
    cases: list[tuple[Json, str]] = [
        ({**note, "procStart": ticks}, "waiting"),
        (note, "in a terminal"),
        ({**note, "procStart": "1"}, ""),  # another process has its number now
        ({**note, "pid": 2**22 + 1}, ""),
        ({**note, "sessionId": str(uuid.uuid4())}, ""),
        ({"pid": "x"}, ""),
        ({**note, "pid": 2**22 + 1, "pidDomain": "linux:other:pid:[1]"}, "another machine"),
    ]
    for each, words in cases:
        write(notes / "1.json", [each])
        live = found(tmp_path, "claude").live
        assert (live is not None) is bool(words), each
        assert live is None or words in live.reason
    os.utime(notes / "1.json", (0, 0))
    assert found(tmp_path, "claude").live is None, "a note of another machine, years old"
    (notes / "1.json").write_text("{")
    assert found(tmp_path, "claude").live is None


# -- Codex


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


# -- Gemini CLI


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


# -- OpenCode


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


# -- all of them


def test_a_thousand_conversations_are_listed_by_heads_and_tails(tmp_path: Path) -> None:
    for number in range(1000):
        t = Transcript()
        t.add("user", f"prompt {number} about {'bees' if number % 100 == 7 else 'ants'}")
        path = t.save(tmp_path, str(uuid.uuid4()))
        os.truncate(path, 1 << 30)  # a gigabyte that nobody must read
        os.utime(path, (number, number))
    places = {"HOME": str(tmp_path)}

    def read() -> int:
        return int(Path("/proc/self/io").read_text().split()[1])

    before = read()
    newest = history.listing(places, limit=20)
    assert [each.title for each in newest[:2]] == ["prompt 999 about ants", "prompt 998 about ants"]
    assert len(newest) == 20 and read() - before < 8 << 20
    bees = history.listing(places, query="bees")
    assert [each.title for each in bees][:2] == ["prompt 907 about bees", "prompt 807 about bees"]
    assert len(bees) == 10 and read() - before < 100 << 20


@pytest.mark.parametrize("cli", list(history.READERS))
def test_where_nothing_is_kept_nothing_is_found(tmp_path: Path, cli: str) -> None:
    reader = history.reader(cli, {"HOME": str(tmp_path / "nobody")})
    assert reader.recent() == []
    for native in (NATIVE, "", "*", "../x", "' OR 1=1 --"):
        assert reader.find(native) is None
