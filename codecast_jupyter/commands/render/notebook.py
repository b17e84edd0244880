"""A transcript as a notebook: prompts, answers, commands and diffs, a cell each.

Pure: a session's summary and its events make the JSON of nbformat 4.5, the same for the same
input. Every cell is Markdown, also a command and its output: a notebook that somebody runs
from top to bottom must not repeat on their computer what an agent did on another.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..transcript import Entry, Transcript, request_body, tool_label
from ..words import dollars, duration, name, plural, who
from .disarm import disarmed
from .markdown import code, diff_block, esc, fence, problem
from .markdown import entry as entry_words

Json = Mapping[str, Any]
OUTPUT_LINES = 40  # of a command that are shown at once; the rest is folded
OUTPUT_LENGTH = 200_000  # characters of one output: a notebook has to open
PATIENT = 5.0  # seconds from which on a tool's time is worth a word


def notebook(session: Json, events: Iterable[Json]) -> dict[str, Any]:
    """The notebook as nbformat JSON. `session` is the API's Session (its id, name, machine, cli
    and cwd are used where they are there), `events` all of its events in order.
    """
    folded = Transcript()
    first = last = None
    for event in events:
        folded.apply(event)
        first = first or event.get("time")
        last = event.get("time") or last
    maker = _Cells(str(session.get("id") or name(session)))
    maker.add("title", "title", _title(session, folded.state, first, last))
    for entry in folded.entries:
        for kind, text in _cells(entry):
            maker.add(f"{entry.seq} {kind}", kind, text, entry)
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "codecast": {
                "session": session.get("id"),
                "last_seq": folded.state["seq"],
            },
            "language_info": {"name": "python"},
            "title": f"{name(session)}: {session.get('cli') or ''}".rstrip(": "),
        },
        "cells": maker.cells,
    }


class _Cells:
    def __init__(self, session: str) -> None:
        self.cells: list[dict[str, Any]] = []
        self._session = session
        self._ids: set[str] = set()

    def add(self, key: str, kind: str, text: str, entry: Entry | None = None) -> None:
        text = text.strip("\n")
        if not text:
            return
        metadata: dict[str, Any] = {"codecast": {"kind": kind}, "tags": [f"codecast-{kind}"]}
        if entry is not None:
            metadata["codecast"]["seq"] = entry.seq
        self.cells.append(
            {
                "cell_type": "markdown",
                "id": self._id(key),
                "metadata": metadata,
                "source": text.splitlines(keepends=True),
            }
        )

    def _id(self, key: str) -> str:
        """The same for the same entry: an export made again differs only where the session did."""
        salt = 0
        while True:
            seed = f"{self._session}\0{key}\0{salt}".encode("utf-8", "replace")
            id = hashlib.sha256(seed).hexdigest()[:12]
            if id not in self._ids:
                self._ids.add(id)
                return id
            salt += 1


def _title(session: Json, state: Json, first: Any, last: Any) -> str:
    lines = [f"# {esc(state.get('title') or name(session))}"]
    where = [
        f"**{esc(name(session))}**",
        esc(session.get("cli") or ""),
        code(session.get("cwd") or ""),
        f"on {esc(session['machine'])}" if session.get("machine") else "",
    ]
    lines.append(" ".join(part for part in where if part))
    facts = [_day(first), plural(int(state.get("turns") or 0), "turn")]
    worked = (state.get("worked") or {}).get("seconds") or 0
    facts.append(f"{duration(worked)} of work" if worked else "")
    facts.append(esc(dollars(state.get("cost_usd"))))
    facts.append("" if last is None else f"as of {_day(last)}")
    lines.append("*" + " · ".join(fact for fact in facts if fact) + "*")
    return "\n\n".join(lines)


def _day(when: Any) -> str:
    """In UTC: whoever opens it may live elsewhere."""
    if not isinstance(when, (int, float)) or not when:
        return ""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(when))


def _cells(entry: Entry) -> Sequence[tuple[str, str]]:
    """Kind and Markdown of the cells of one entry."""
    if entry.kind == "prompt":
        return [("prompt", _prompt(entry))]
    if entry.kind == "message":
        return [("answer", _headings_below(disarmed(entry.text).strip()))]
    if entry.kind == "thought":
        text = disarmed(entry.text).strip()
        return [("thought", _fold("Thinking", _quoted(text)))]
    if entry.kind == "tool":
        return _tool(entry)
    if entry.kind == "request":
        return [("request", _request(entry))]
    if entry.kind == "turn":
        return [("end", entry_words(entry) or _turn(entry.data))]
    return [(entry.kind, entry_words(entry))]


def _prompt(entry: Entry) -> str:
    by = who(entry.data)
    state = entry.data.get("state")
    notes = [by and f"by {esc(by)}" if not by.startswith("on ") else esc(by)]
    if state in ("failed", "cancelled", "unknown"):
        notes.append(str(state))
    note = " · ".join(part for part in notes if part)
    words = (f"**{esc(line)}**" if line.strip() else "" for line in entry.text.split("\n"))
    lines = ["---", "", _quoted("\n".join(words))]
    if note:
        lines += ["", f"*{note}*"]
    if entry.data.get("error"):
        lines += ["", problem(entry.data["error"])]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """Line ends of plain words are kept: two blanks before each."""
    lines = text.split("\n")
    return "\n".join(f"> {line}  " if line else ">" for line in lines).rstrip()


def _headings_below(text: str) -> str:
    """The answer's own headings two levels down: the notebook's outline is ours."""
    inside = ""
    lines = []
    for line in text.split("\n"):
        mark = re.match(r" {0,3}(`{3,}|~{3,})", line)
        if mark and not inside:
            inside = mark[1]
        elif mark and mark[1].startswith(inside):
            inside = ""
        if not inside and re.match(r"#{1,4} ", line):
            line = "##" + line
        lines.append(line)
    return "\n".join(lines)


def _tool(entry: Entry) -> Sequence[tuple[str, str]]:
    """The command or file, its diffs, its output."""
    data = entry.data
    mark = {"completed": "✓", "failed": "✗"}.get(str(data.get("status")), "…")
    took = f" *{duration(entry.seconds)}*" if entry.seconds >= PATIENT else ""
    diffs = [block for block in data.get("content") or [] if block.get("type") == "diff"]
    command = _command(data)
    head = f"{mark} {code(tool_label(data))}{took}"
    if command and command != tool_label(data):
        head += "\n\n" + fence(command, "bash")
    output = _output(entry)
    parts = [head, _folded(output) if output else ""]
    kind = "command" if data.get("kind") == "execute" else "tool"
    cells = [(kind, "\n\n".join(part for part in parts if part))]
    return cells + [("diff", diff_block(block)) for block in diffs]


def _command(data: Json) -> str:
    if data.get("kind") != "execute":
        return ""
    return request_body({"raw_input": data.get("raw_input")})[0] if data.get("raw_input") else ""


def _output(entry: Entry) -> str:
    """What a command printed; a file that was only read says nothing here unless it failed."""
    texts = [
        str(block.get("text", ""))
        for block in entry.data.get("content") or []
        if block.get("type") != "diff"
    ]
    told = "\n".join(text for text in texts if text.strip()) or entry.text
    wanted = entry.data.get("kind") == "execute" or entry.data.get("status") == "failed"
    return told.strip("\n")[:OUTPUT_LENGTH] if wanted else ""


def _folded(text: str) -> str:
    """The first lines; all of it behind a click when there are more."""
    lines = text.split("\n")
    if len(lines) <= OUTPUT_LINES:
        return fence(text, "text")
    head = fence("\n".join(lines[: OUTPUT_LINES // 2]), "text")
    return f"{head}\n\n{_fold(f'all {len(lines)} lines', fence(text, 'text'))}"


def _fold(summary: str, text: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def _request(entry: Entry) -> str:
    """What was asked, whole, and what was answered."""
    data = entry.data
    parts = []
    if data.get("kind") == "question":
        for asked in data.get("questions") or []:
            parts.append(esc(asked.get("text") or ""))
    else:
        body, diffs, _ = request_body(data)
        if body:
            parts.append(fence(body))
        parts += [diff_block(block) for block in diffs]
    return "\n\n".join([entry_words(entry), *parts] if entry.done else [entry_words(entry)])


def _turn(data: Json) -> str:
    facts = [duration(data["duration"]) if data.get("duration") is not None else ""]
    facts.append(esc(dollars(data.get("cost_usd"))))
    words = " · ".join(fact for fact in facts if fact)
    return f"*{words}*" if words else ""
