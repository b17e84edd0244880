"""Events in any order become entries a person can read, and nothing is shown twice."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from codecast_agent.protocol.events import EVENTS, text
from codecast_jupyter.commands.render import markdown
from codecast_jupyter.commands.render.entries import ConsoleSink, Printer
from codecast_jupyter.commands.transcript import Transcript
from codecast_jupyter.commands.words import UNFINISHED, safe

from .fake_session import DIFF, OPTIONS

Json = dict[str, Any]


def numbered(*events: Json) -> list[Json]:
    return [{"seq": n, "time": 1000.0 + n, **event} for n, event in enumerate(events, 1)]


def printed(events: list[Json], width: int = 100) -> str:
    file = io.StringIO()
    printer = Printer(ConsoleSink(Console(file=file, width=width, highlight=False)))
    transcript = Transcript()
    for event in events:
        printer.show(transcript.apply(event))
    printer.finish()
    return file.getvalue()


def chunk(words: str, message: str = "m") -> Json:
    return {"type": "agent_message_chunk", "message": message, "content": text(words)}


def test_deltas_join_and_every_word_is_printed_once() -> None:
    shown = printed(
        numbered(chunk("Hel"), chunk("lo "), chunk("world\n"), chunk("again"), chunk("!"))
    )
    assert shown == "Hello world\nagain!\n"


def test_retry_begins_the_message_anew() -> None:
    shown = printed(
        numbered(chunk("wrong"), {"type": "message_discarded", "message": "m"}, chunk("right"))
    )
    assert "wrong\n" in shown and shown.endswith("right\n") and shown.count("right") == 1


def test_prompt_is_shown_when_it_runs() -> None:
    queued = {
        "type": "prompt_state",
        "prompt": "p",
        "state": "queued",
        "content": [text("do it")],
        "by": "a",
    }
    events = numbered(queued)
    assert printed(events) == ""
    transcript = Transcript()
    transcript.apply(events[0])
    assert [p["prompt"] for p in transcript.queued] == ["p"]
    running = {"type": "prompt_state", "prompt": "p", "state": "running"}
    done = {"type": "prompt_state", "prompt": "p", "state": "done"}
    assert printed(numbered(queued, running, done)).count("do it") == 1


def test_edited_prompt_shows_its_last_words() -> None:
    def queued(words: str) -> Json:
        return {"type": "prompt_state", "prompt": "p", "state": "queued", "content": [text(words)]}

    shown = printed(
        numbered(
            queued("old"),
            queued("new"),
            {"type": "prompt_state", "prompt": "p", "state": "running"},
        )
    )
    assert "new" in shown and "old" not in shown


def test_prompt_of_five_megabytes_does_not_flood_the_terminal() -> None:
    content = [text("x " * 2_500_000)]
    shown = printed(
        numbered(
            {"type": "prompt_state", "prompt": "p", "state": "queued", "content": content},
            {"type": "prompt_state", "prompt": "p", "state": "running"},
        )
    )
    assert len(shown) < 10_000 and "4996000 more characters" in shown


def test_unknown_prompt_is_said() -> None:
    shown = printed(
        numbered(
            {"type": "prompt_state", "prompt": "p", "state": "queued", "content": [text("go")]},
            {"type": "prompt_state", "prompt": "p", "state": "running"},
            {"type": "prompt_state", "prompt": "p", "state": "unknown"},
        )
    )
    assert "nobody can tell" in shown


def test_tool_is_one_line_with_status_and_duration() -> None:
    shown = printed(
        numbered(
            {
                "type": "tool_call",
                "call": "c",
                "title": "make\ntest",
                "kind": "execute",
                "status": "pending",
            },
            {"type": "tool_output_delta", "call": "c", "text": "lots of output"},
            {"type": "tool_call_update", "call": "c", "status": "completed"},
            {"type": "tool_call_update", "call": "c", "status": "completed"},
        )
    )
    assert shown == "✓ make test  2.0s\n"


def test_turn_end_closes_what_is_open() -> None:
    shown = printed(
        numbered(
            {
                "type": "tool_call",
                "call": "c",
                "title": "sleep",
                "kind": "execute",
                "status": "in_progress",
            },
            {"type": "turn_ended", "turn": 1, "reason": "cancelled"},
        )
    )
    assert f"{UNFINISHED} sleep" in shown and "interrupted" in shown


def test_request_for_an_unseen_call_shows_all_of_it() -> None:
    long = "\n".join(f"+line {n}" for n in range(500))
    shown = printed(
        numbered(
            {
                "type": "request_opened",
                "request": "r",
                "kind": "permission",
                "title": "Write x",
                "content": [{"type": "diff", "path": "x", "diff": long}],
                "options": OPTIONS,
                "raw_input": {"command": "rm -rf /x"},
            },
            {
                "type": "request_resolved",
                "request": "r",
                "option": "no",
                "by": "bo",
                "where": "lab",
                "message": "never",
            },
        )
    )
    assert "+line 499" in shown and "rm -rf /x" in shown
    assert "Edit(train.py)" in shown  # what `always` would allow
    assert "✗ No: never  by bo on lab" in shown


def test_diff_is_not_shown_again_after_its_request() -> None:
    diff = [{"type": "diff", "path": "train.py", "diff": DIFF}]
    call = {
        "type": "tool_call",
        "call": "c",
        "title": "Edit",
        "kind": "edit",
        "status": "pending",
        "content": diff,
    }
    asked = {
        "type": "request_opened",
        "request": "r",
        "kind": "permission",
        "title": "Edit",
        "call": "c",
        "content": diff,
        "options": OPTIONS,
    }
    end = {"type": "tool_call_update", "call": "c", "status": "completed"}
    assert printed(numbered(call, asked, end)).count("+lr = 0.1") == 1
    assert printed(numbered(call, end)).count("+lr = 0.1") == 1


def test_escape_sequences_and_reordering_marks_have_no_power() -> None:
    evil = "rm \x1b[2K\x1b[1Gls \u202egnp.x \x9b31m \r\nok"
    assert safe(evil) == "rm ␛[2K␛[1Gls <U+202E>gnp.x <U+009B>31m \nok"
    for event in (
        chunk(evil),
        {
            "type": "request_opened",
            "request": "r",
            "kind": "permission",
            "title": evil,
            "description": evil,
            "raw_input": {"command": evil},
            "options": [{"id": "y", "kind": "allow_once", "label": evil, "rule": evil}],
        },
        {
            "type": "tool_call",
            "call": "c",
            "title": evil,
            "kind": "edit",
            "status": "completed",
            "content": [{"type": "diff", "path": evil, "diff": "+" + evil}],
        },
        {"type": "notice", "level": "error", "text": evil},
        {
            "type": "turn_ended",
            "turn": 1,
            "reason": "error",
            "error": {"code": "x", "message": evil, "detail": evil, "hint": evil},
        },
    ):
        shown = printed(numbered(event))
        assert "\x1b" not in shown and "\u202e" not in shown and "\x9b" not in shown


def test_no_event_breaks_a_reader() -> None:
    """Readers are total: unknown types, missing and odd fields."""
    events = [{"type": name} for name in EVENTS]
    events += [
        {"type": "never_heard_of", "x": 1},
        {"type": "agent_message_chunk", "content": "no block"},
    ]
    shown = printed(numbered(*events))
    assert isinstance(shown, str)
    assert isinstance(markdown.transcript(numbered(*events)), str)


def test_given_state_is_not_folded_twice() -> None:
    events = numbered(
        {"type": "session_state", "state": "ready"},
        {"type": "turn_started", "turn": 1, "prompts": ["p"]},
        chunk("half"),
    )
    whole = Transcript()
    for event in events:
        whole.apply(event)
    tail = Transcript(whole.state)
    assert tail.state["turn"] is not None, "Ctrl-C would detach instead of interrupting"
    tail.apply(events[2])
    assert tail.entries[0].text == "half" and tail.state["turns"] == 1


def test_markdown_cannot_be_broken_out_of() -> None:
    event = {
        "type": "request_opened",
        "request": "r",
        "kind": "permission",
        "title": "x](http://evil) `y`",
        "raw_input": {"command": "echo ```\n# big\n````"},
        "options": OPTIONS,
    }
    shown = markdown.transcript(numbered(event))
    assert "`````\necho ```\n# big\n````\n`````" in shown
    assert r"x\]\(http://evil\)" in shown
