"""A transcript in a terminal: entries become styled lines, streamed text comes as it does.

`Printer` remembers what it has shown of every entry and feeds a `Sink`, so that the same
words appear in `logs`, `send --wait`, `show` and, above its composer, in `attach`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from rich.console import Console, Group, RenderableType
from rich.text import Text

from ..choices import letter, told
from ..transcript import Entry, request_body, tool_label
from ..words import MARK, UNFINISHED, duration, one_line, safe, tokens, who

Json = Mapping[str, Any]
DIFF_LINES = 60  # of a finished tool call; a request shows its whole diff
ERROR_LINES = 8
PROMPT_LENGTH = 4000  # characters of a prompt; files were sent by pipe


class Sink(Protocol):
    def words(self, text: str, style: str) -> None:
        """Streamed text goes on."""

    def end_words(self) -> None:
        """The streamed text has ended: what follows begins on a new line."""

    def block(self, what: RenderableType) -> None:
        """Whole lines."""


class ConsoleSink:
    """Straight to the console."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._inside = False

    def words(self, text: str, style: str) -> None:
        self._inside = not text.endswith("\n")
        self.console.print(Text(text, style), end="", soft_wrap=True)
        self.console.file.flush()

    def end_words(self) -> None:
        if self._inside:
            self._inside = False
            self.console.print()

    def block(self, what: RenderableType) -> None:
        self.console.print(what, soft_wrap=not self.console.is_terminal)
        self.console.file.flush()


class Printer:
    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self._shown: dict[tuple[str, str], tuple[int, int]] = {}  # length, restarts
        self._told: set[int] = set()  # seq of entries whose beginning was shown
        self._ended: set[int] = set()
        self._stream: Entry | None = None
        self._last = ""

    def show(self, changed: list[Entry]) -> None:
        for entry in changed:
            if entry.kind in ("message", "thought"):
                self._words(entry)
            elif entry.kind == "request":
                self._request(entry)
            elif entry.kind == "tool":
                if entry.done and entry.seq not in self._ended:
                    self._ended.add(entry.seq)
                    self._block(entry, tool(entry))
            elif entry.kind == "prompt":
                self._prompt(entry)
            elif entry.seq not in self._told:
                self._told.add(entry.seq)
                what = entry_block(entry)
                if what is not None:
                    self._block(entry, what)

    def finish(self) -> None:
        self._end_stream()

    def _end_stream(self) -> None:
        if self._stream is not None:
            self.sink.end_words()
            self._stream = None

    def _block(self, entry: Entry, what: RenderableType) -> None:
        self._end_stream()
        if self._last and (
            entry.kind == "prompt" or (self._last == "words" and entry.kind != "turn")
        ):
            self.sink.block(Text(""))
        self._last = entry.kind
        self.sink.block(what)

    def _words(self, entry: Entry) -> None:
        key = (entry.kind, entry.id)
        length, restarts = self._shown.get(key, (0, 0))
        if restarts != entry.restarts:
            self._end_stream()
            self.sink.block(Text("(that was cut off; it begins again)", "dim"))
            length = 0
        new = safe(entry.text[length:])
        self._shown[key] = (len(entry.text), entry.restarts)
        if not new:
            return
        if self._stream is not entry:
            self._end_stream()
            if self._last:
                self.sink.block(Text(""))
            self._stream = entry
            self._last = "words"
        self.sink.words(new, "dim italic" if entry.kind == "thought" else "")

    def _prompt(self, entry: Entry) -> None:
        if entry.seq not in self._told:
            self._told.add(entry.seq)
            self._block(entry, prompt(entry))
        state = entry.data.get("state")
        if entry.done and state in ("unknown", "failed") and entry.seq not in self._ended:
            self._ended.add(entry.seq)
            words = (
                "nobody can tell whether the CLI took this prompt"
                if state == "unknown"
                else "this prompt failed"
            )
            self._block(entry, problem(entry.data.get("error") or {"message": words}))

    def _request(self, entry: Entry) -> None:
        if entry.seq not in self._told:
            self._told.add(entry.seq)
            self._block(entry, request(entry.data))
        if entry.done and entry.seq not in self._ended:
            self._ended.add(entry.seq)
            self._block(entry, resolution(entry.data))


def prompt(entry: Entry) -> Text:
    text = Text(f"{MARK} ", "bold cyan")
    shown = safe(entry.text[:PROMPT_LENGTH])
    text.append("\n  ".join(shown.split("\n")), "bold")
    if len(entry.text) > PROMPT_LENGTH:
        text.append(f" … {len(entry.text) - PROMPT_LENGTH} more characters", "dim")
    notes = [who(entry.data)] if entry.data.get("where") not in (None, "shell") else []
    if entry.data.get("steered"):
        notes.append("into the running turn")
    if entry.data.get("state") == "cancelled":
        notes.append("cancelled")
    if any(notes):
        text.append("  (" + ", ".join(note for note in notes if note) + ")", "dim")
    return text


def tool(entry: Entry) -> RenderableType:
    """One line; a failure's first lines; diffs that no request has shown."""
    data = entry.data
    failed = data.get("status") == "failed"
    unfinished = data.get("status") not in ("completed", "failed")
    text = indent(entry)
    text.append(
        "✗ " if failed else f"{UNFINISHED} " if unfinished else "✓ ",
        "red" if failed else "yellow" if unfinished else "green",
    )
    text.append(one_line(tool_label(data), 200))
    text.append(f"  {duration(entry.seconds)}", "dim")
    if unfinished:
        text.append("  not finished", "yellow")
    parts: list[RenderableType] = [text]
    for block in data.get("content") or []:
        if block.get("type") == "diff" and not data.get("asked") and not failed:
            parts.append(diff(block, DIFF_LINES))
        elif failed and block.get("text"):
            lines = safe(block["text"]).strip().split("\n")[:ERROR_LINES]
            parts.append(Text("\n".join("    " + line for line in lines), "red dim"))
    return Group(*parts) if len(parts) > 1 else text


def running_tool(entry: Entry, now: float, width: int) -> str:
    """A line for the live area."""
    seconds = now - entry.started
    took = f"  {duration(seconds)}" if 0 <= seconds < 864000 else ""
    return one_line(tool_label(entry.data), max(20, width - 12)) + took


def indent(entry: Entry) -> Text:
    return Text("  │ ", "dim") if entry.parent else Text()


def diff(block: Json, limit: int = 0) -> Text:
    """A coloured unified diff; at most `limit` lines (0: all)."""
    lines = safe(block.get("diff") or "").rstrip("\n").split("\n")
    what = "new file" if block.get("created") else "deleted" if block.get("deleted") else ""
    text = Text("    ")
    text.append(safe(block.get("path") or ""), "bold")
    text.append(f"  {what}" if what else "", "dim")
    body = [line for line in lines if not line.startswith(("--- ", "+++ ", "diff ", "index "))]
    left = len(body) - limit if limit and len(body) > limit else 0
    for line in body[: limit if left else None]:
        style = {"+": "green", "-": "red", "@": "cyan"}.get(
            line[:1], "dim" if line[:1] == "\\" else ""
        )
        text.append("\n    ")
        text.append(line, style)
    if left:
        text.append(f"\n    … {left} more lines", "dim")
    return text


def request(data: Json) -> RenderableType:
    """All of what is asked, and numbered choices."""
    title = Text("? ", "bold yellow")
    title.append(one_line(data.get("title") or "The agent asks"), "bold yellow")
    parts: list[RenderableType] = [title]
    if data.get("kind") == "question":
        for asked in data.get("questions") or []:
            parts.append(question(asked))
        return Group(*parts)
    body, diffs, description = request_body(data)
    if description and description not in body:
        parts.append(Text("  " + safe(description), "dim"))
    if body:
        parts.append(Text("\n".join("    " + line for line in safe(body).split("\n")), "cyan"))
    parts.extend(diff(block) for block in diffs)
    options = data.get("options") or []
    for number, option in enumerate(options, 1):
        line = Text(f"  {number}  ", "bold")
        line.append(safe(option.get("label") or option.get("id")))
        key = letter(option, options)
        notes = [f"{key}"] if key else []
        if option.get("rule") and option["rule"] not in option.get("label", ""):
            notes.append(f"allows from now on: {one_line(option['rule'])}")
        elif option.get("scope"):
            notes.append(one_line(option["scope"]))
        if option.get("ends_turn"):
            notes.append("stops the turn")
        line.append(f"  ({', '.join(notes)})" if notes else "", "dim")
        parts.append(line)
    return Group(*parts)


def question(asked: Json) -> Text:
    text = Text("  ")
    if asked.get("header"):
        text.append(one_line(asked["header"]) + ": ", "dim")
    text.append(safe(asked.get("text") or ""))
    for number, option in enumerate(asked.get("options") or [], 1):
        text.append(f"\n  {number}  ", "bold")
        text.append(safe(option.get("label") or ""))
        if option.get("description"):
            text.append(f"  {one_line(option['description'])}", "dim")
    return text


def resolution(data: Json) -> Text:
    """What was answered, by whom and where."""
    if "withdrawn" in data:
        return Text(
            f"  withdrawn: {safe(data['withdrawn']) or 'nobody can answer it any more'}", "dim"
        )
    answer = data.get("resolution") or {}
    words = safe(answer.get("label") or "") or told(data, answer) or "answered"
    picked: Json = next(
        (o for o in data.get("options") or [] if o.get("id") == answer.get("option")), {}
    )
    refused = answer.get("declined") or str(picked.get("kind", "")).startswith("reject")
    text = Text("  ✗ " if refused else "  ✓ ", "red" if refused else "green")
    text.append(words, "bold")
    if answer.get("message"):
        text.append(f": {one_line(answer['message'], 200)}")
    person = who(answer)
    text.append(f"  {_by(person)}" if person else "", "dim")
    return text


def _by(person: str) -> str:
    return safe(person if person.startswith("on ") else f"by {person}")


def problem(error: Json, style: str = "red") -> Text:
    """What, why, what to do."""
    text = Text(safe(error.get("message") or "It failed."), style)
    if error.get("detail"):
        text.append(
            "\n" + "\n".join("  " + line for line in safe(error["detail"]).rstrip().split("\n")),
            "dim",
        )
    if error.get("hint"):
        text.append("\n" + safe(error["hint"]), "yellow")
    return text


def entry_block(entry: Entry) -> RenderableType | None:
    """Entries that are shown once and whole; None for what needs no words."""
    data = entry.data
    if entry.kind == "turn":
        return turn(data)
    if entry.kind == "plan":
        return plan(data)
    if entry.kind == "state":
        return process_state(data)
    if entry.kind == "notice":
        style = {"warning": "yellow", "error": "red"}.get(str(data.get("level")), "dim")
        return Text(safe(data.get("text") or ""), style) if data.get("text") else None
    if entry.kind == "retry":
        wait = data.get("delay_ms")
        words = f"the model API failed{_status(data)}; attempt {data.get('attempt')}"
        words += f" of {data['max']}" if data.get("max") else ""
        return Text(words + (f" in {duration(wait / 1000)}" if wait else ""), "yellow")
    if entry.kind == "background":
        text = indent(entry)
        what = one_line(data.get("title") or data.get("task"), 100)
        text.append(f"background: {what} {data.get('state')}", "dim")
        return text
    if entry.kind == "setting":
        return Text(", ".join(f"{name}: {one_line(value)}" for name, value in data.items()), "dim")
    if entry.kind == "gap":
        return Text(
            f"events {data.get('first')} to {data.get('last')} are lost: {safe(data.get('why'))}",
            "yellow",
        )
    return None


def _status(data: Json) -> str:
    inside = ", ".join(str(data[key]) for key in ("status", "text") if data.get(key))
    return f" ({one_line(inside, 120)})" if inside else ""


def turn(data: Json) -> RenderableType:
    reason = data.get("reason")
    words = {"end_turn": "done", "cancelled": "interrupted"}.get(
        str(reason), str(reason).replace("_", " ")
    )
    parts = [
        words + (f" in {duration(data['duration'])}" if data.get("duration") is not None else "")
    ]
    used = (data.get("usage") or {}).get("output_tokens")
    if used:
        parts.append(f"{tokens(int(used))} tokens")
    if data.get("cost_usd"):
        parts.append(f"${data['cost_usd']:.4f}".rstrip("0").rstrip("."))
    line = Text("— " + " · ".join(parts), "dim" if reason == "end_turn" else "yellow")
    return Group(line, problem(data["error"])) if data.get("error") else line


def plan(data: Json) -> Text:
    marks = {"completed": ("✓ ", "green"), "in_progress": ("▸ ", "bold")}
    text = Text()
    for number, entry in enumerate(data.get("entries") or []):
        mark, style = marks.get(str(entry.get("status")), ("· ", "dim"))
        text.append("\n  " if number else "  ")
        text.append(mark + one_line(entry.get("content"), 160), style)
    return text


def process_state(data: Json) -> RenderableType | None:
    state = data.get("state")
    if state == "ready":
        return Text("resumed where it was", "dim") if data.get("resumed") else None
    if state == "starting":
        return None
    words = {
        "exited": "the CLI ended",
        "stopped": "stopped",
        "failed": "the CLI did not start",
    }.get(str(state), str(state))
    if state == "exited" and data.get("signal"):
        words += f" by signal {data['signal']}"
    elif data.get("code") not in (None, 0):
        words += f" with exit code {data['code']}"
    person = who(data)
    line = Text(
        "— " + words + (f" {_by(person)}" if person else ""),
        "dim" if state == "stopped" else "red",
    )
    return Group(line, problem(data["error"])) if data.get("error") else line
