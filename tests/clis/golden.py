"""Recordings as a person reads them: what was done, what was sent, what the adapter told.

`python -m tests.clis.golden [CLI/CASE ...]` rewrites `golden/CLI/CASE.txt`. Each has been
read against its recording, line by line; whoever changes an adapter reads the difference.

A line an event, in order: `>` what the person did, `<` what was sent back to an agent that
asked, `#` the process and the recorder's notes, all else what the adapter told. Ids are
numbered as they appear (P prompt, C call, M message, R request, S conversation, B background
work), chunks of one message are joined, what belongs to a line is indented below it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .codex_playback import play_codex
from .hosts import Json, RecordingHost
from .playback import play, recordings

GOLDEN = Path(__file__).parent / "golden"
ACP = ("gemini", "opencode", "claude-agent-acp", "codex-acp", "codex-acp-zed")
# codex-acp has no mode that asks before everything
MODES = {"codex-acp": "code", "codex-acp-zed": "code"}
LIMIT = 1500  # characters of one text that are shown
SHORT = 300  # and of one value in JSON
JOINED = {
    "agent_message_chunk": "says",
    "agent_thought_chunk": "thinks",
    "user_message_chunk": "hears",
    "tool_output_delta": "output",
}
MARKS = {"pending": "[ ]", "in_progress": "[>]", "completed": "[x]"}


def names() -> list[str]:
    """`cli/case` of every recording."""
    return recordings("claude", "codex", *ACP)


def played(name: str) -> RecordingHost:
    """The host after the recording has been played to its adapter."""
    cli, _, case = name.partition("/")
    return play_codex(case) if cli == "codex" else play(name, mode=MODES.get(cli, "ask"))


def golden(name: str) -> str:
    """What is in the recording's file; empty where it has none yet."""
    path = GOLDEN / f"{name}.txt"
    return path.read_text() if path.exists() else ""


def rendered(host: RecordingHost) -> str:
    """The log of a host as lines."""
    page = _Page()
    for kind, value in _joined(host.log):
        page.entry(kind, value)
    return page.text()


def _joined(log: list[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The log with the texts of chunks that follow each other made one."""
    last: Json | None = None
    for kind, value in log:
        if kind == "event" and value["type"] in JOINED:
            keys = ("type", "message", "call", "parent")
            text = value["text"] if "text" in value else value["content"].get("text", "")
            if last is not None and all(last.get(key) == value.get(key) for key in keys):
                last["joined"] += text
                continue
            if last is not None:
                yield "event", last
            last = {**value, "joined": text}
            continue
        if kind == "sent" and _is_silent(value):
            continue
        if last is not None:
            yield "event", last
            last = None
        yield kind, value
    if last is not None:
        yield "event", last


def _is_silent(message: Json) -> bool:
    """Whether it is one of our own requests: what was done has said it."""
    return "method" in message or message.get("type") in ("user", "control_request")


class _Page:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ids: dict[str, str] = {}  # theirs -> ours
        self.counts: dict[str, int] = {}

    def text(self) -> str:
        text = "\n".join(self.lines) + "\n"
        for id in sorted(self.ids, key=len, reverse=True):
            if len(id) >= 8:
                text = text.replace(id, self.ids[id])
        return text

    def id(self, letter: str, theirs: Any) -> str:
        if theirs not in self.ids:
            self.counts[letter] = self.counts.get(letter, 0) + 1
            self.ids[theirs] = f"{letter}{self.counts[letter]}"
        return self.ids[theirs]

    def entry(self, kind: str, value: Any) -> None:
        step = getattr(self, f"on_{kind}", None)
        if step is not None:
            step(value)

    def add(self, *words: Any) -> None:
        self.lines.append(" ".join(str(word) for word in words if word not in (None, "")))

    def block(self, text: str, mark: str = "| ") -> None:
        if len(text) > LIMIT:
            text = f"{text[:LIMIT]}… ({len(text) - LIMIT} more)"
        lines = text.split("\n")
        if lines[-1] == "":  # a line end is none: shown where there is none
            lines.pop()
        elif "\n" in text:
            lines[-1] += "⏎̸"
        for line in lines:
            self.lines.append(f"    {mark}{line}".rstrip("\r").replace("\r", "␍"))

    def json(self, name: str, value: Any) -> None:
        text = json.dumps(value, ensure_ascii=False)
        if len(text) > SHORT:
            text = f"{text[:SHORT]}… ({len(text) - SHORT} more)"
        self.lines.append(f"    {name} {text}")

    # ---- what was done ----

    def on_start(self, launch: Any) -> None:
        verb = "fork" if launch.fork else "resume"
        native = f"{verb} {self.id('S', launch.native)}" if launch.native else ""
        self.add("# start:", "mode", launch.mode, native)

    def on_note(self, note: str) -> None:
        self.add("#", note)

    def on_ready(self, _: Any) -> None:
        self.add("# ready")

    def on_failed(self, problem: Any) -> None:
        self.add("# will never be ready")
        self.problem(problem.to_json())

    def on_refused(self, problem: Any) -> None:
        self.add("# refused")
        self.problem(problem.to_json())

    def on_prompt(self, given: Any) -> None:
        self.said("> prompt", given[0])

    def on_steer(self, given: Any) -> None:
        self.said("> steer", given[0])

    def said(self, verb: str, prompt: Any) -> None:
        self.add(verb, self.id("P", prompt.id))
        for block in prompt.content:
            if block["type"] == "text":
                self.block(block["text"])
            else:
                self.json(block["type"], block)

    def on_interrupt(self, _: Any) -> None:
        self.add("> interrupt")

    def on_set_mode(self, given: Any) -> None:
        self.add("> mode", given[0])

    def on_set_model(self, given: Any) -> None:
        self.add("> model", given[0])

    def on_answer(self, given: Any) -> None:
        request, answer = given
        said = {key: value for key, value in answer._asdict().items() if value}
        self.add("> answer", self.id("R", request), json.dumps(said, ensure_ascii=False))

    def on_sent(self, message: Json) -> None:
        inner = message.get("response", {})
        body = message.get("result") or message.get("error") or inner.get("response") or inner
        text = json.dumps(body, ensure_ascii=False)
        self.add("<", text if len(text) <= SHORT else f"{text[:SHORT]}…")

    # ---- what was told ----

    def on_event(self, event: Json) -> None:
        before = len(self.lines)
        step = getattr(self, f"on_{event['type']}", None)
        if event["type"] in JOINED:
            self.chunk(event)
        elif step is not None:
            step(event)
        else:
            rest = {key: value for key, value in event.items() if key not in ("type", "raw")}
            self.add(event["type"], json.dumps(rest, ensure_ascii=False))
        if "parent" in event:
            self.lines[before] = f"({self.id('C', event['parent'])}) {self.lines[before]}"
        if "raw" in event:
            self.json("raw", event["raw"])

    def chunk(self, event: Json) -> None:
        ours = self.id("C", event["call"]) if "call" in event else self.id("M", event["message"])
        if event.get("content", {}).get("type", "text") != "text":
            self.add(JOINED[event["type"]], ours)
            self.json("content", event["content"])
        elif "\n" in event["joined"] or len(event["joined"]) > 100:
            self.add(JOINED[event["type"]], ours)
            self.block(event["joined"])
        else:
            self.add(JOINED[event["type"]], ours, json.dumps(event["joined"], ensure_ascii=False))

    def on_turn_started(self, event: Json) -> None:
        self.add("")
        prompts = ", ".join(self.id("P", prompt) for prompt in event["prompts"])
        self.add("turn", event["turn"], "started", prompts or "by the CLI itself")

    def on_turn_ended(self, event: Json) -> None:
        cost = f"${event['cost_usd']:g}" if "cost_usd" in event else ""
        self.add("turn", event["turn"], "ended", event["reason"], _tokens(event), cost)
        if "error" in event:
            self.problem(event["error"])
        self.add("")

    def problem(self, problem: Json) -> None:
        rest = {k: v for k, v in problem.items() if k not in ("code", "message", "hint", "detail")}
        self.add("   ", problem["code"], json.dumps(rest) if rest else "")
        for name in ("message", "hint", "detail"):
            if name in problem:
                self.block(problem[name], f"{name}: ")

    def on_tool_call(self, event: Json) -> None:
        self.tool("call", event)

    def on_tool_call_update(self, event: Json) -> None:
        self.tool("call", event)

    def tool(self, verb: str, event: Json) -> None:
        title = json.dumps(event["title"], ensure_ascii=False) if "title" in event else ""
        new = "new" if event["type"] == "tool_call" else ""
        what = (event.get("status"), event.get("kind"), title)
        self.add(verb, self.id("C", event["call"]), new, *what)
        self.body(event)

    def body(self, event: Json) -> None:
        for place in event.get("locations", ()):
            self.add("    at", place["path"], place.get("line"))
        for name in ("raw_input", "raw_output"):
            if name in event:
                self.json(name, event[name])
        for block in event.get("content", ()):
            if block["type"] == "diff":
                marks = [mark for mark in ("created", "deleted") if block.get(mark)]
                self.add("    diff", block["path"], *marks)
                self.block(block["diff"], "  ")
            else:
                self.block(block["text"])

    def on_plan(self, event: Json) -> None:
        self.add("plan")
        for entry in event["entries"]:
            self.add("   ", MARKS[entry["status"]], entry["content"], entry.get("priority"))

    def on_request_opened(self, event: Json) -> None:
        call = self.id("C", event["call"]) if "call" in event else ""
        title = json.dumps(event["title"], ensure_ascii=False)
        request = self.id("R", event["request"])
        self.add("asks", request, event["kind"], call, event.get("tool_kind"), title)
        if "description" in event:
            self.block(event["description"], "description: ")
        self.body(event)
        for option in event.get("options", ()):
            more = {k: v for k, v in option.items() if k not in ("id", "kind", "label")}
            label = json.dumps(option["label"], ensure_ascii=False)
            rest = json.dumps(more, ensure_ascii=False) if more else ""
            self.add("    -", option["id"], option["kind"], label, rest)
        for question in event.get("questions", ()):
            marks = [mark for mark in ("multiple", "free_text") if question[mark]]
            header = f"[{question['header']}]" if "header" in question else ""
            self.add("    ?", question["id"], header, question["text"], *marks)
            for option in question["options"]:
                self.add("      -", option["label"] + ":", option.get("description", ""))

    def on_request_withdrawn(self, event: Json) -> None:
        self.add("withdrawn", self.id("R", event["request"]), event["why"])

    def on_message_discarded(self, event: Json) -> None:
        self.add("discarded", self.id("M", event["message"]))

    def on_prompt_state(self, event: Json) -> None:
        steered = {None: "", True: "steered", False: "not steered"}[event.get("steered")]
        self.add("prompt", self.id("P", event["prompt"]), event["state"], steered)

    def on_retry(self, event: Json) -> None:
        limit = f"of {event['max']}" if "max" in event else ""
        delay = f"after {event['delay_ms']} ms" if "delay_ms" in event else ""
        text = event.get("text", "")
        self.add("retry", event["attempt"], limit, delay, event.get("status"), text)

    def on_background(self, event: Json) -> None:
        title = json.dumps(event["title"], ensure_ascii=False) if "title" in event else ""
        self.add("background", self.id("B", event["task"]), event["state"], title)
        if "text" in event:
            self.block(event["text"])

    def on_notice(self, event: Json) -> None:
        self.add("notice", event["level"])
        self.block(event["text"])

    def on_usage_update(self, event: Json) -> None:
        cost = f"${event['cost_usd']:g}" if "cost_usd" in event else ""
        used, size = event.get("context_used"), event.get("context_size")
        context = f"context {used} of {size or '?'}" if used else ""
        self.add("usage", _tokens(event), cost, context)

    def on_session_info_update(self, event: Json) -> None:
        found = {key: value for key, value in event.items() if key not in ("type", "raw")}
        if "native" in found:
            found["native"] = self.id("S", found["native"])
        self.add("session", *(f"{key}={value}" for key, value in found.items()))

    def on_available_commands_update(self, event: Json) -> None:
        self.add("commands", *(command["name"] for command in event["commands"]))

    def on_config_option_update(self, event: Json) -> None:
        self.add("settings", f"class={event['class']}" if "class" in event else "")
        for name, setting in event["settings"].items():
            choices = [
                choice["value"] + (f"[{choice['class']}]" if "class" in choice else "")
                for choice in setting.get("choices", ())
            ]
            among = "among " + " ".join(choices) if choices else ""
            self.add("   ", f"{name}={setting.get('value')}", among)


def _tokens(event: Json) -> str:
    """Tokens: in, out, read from and written to the cache."""
    used = event.get("usage")
    if not used:
        return ""
    short = {
        "input_tokens": "in",
        "output_tokens": "out",
        "cache_read_tokens": "read",
        "cache_write_tokens": "written",
    }
    return "(" + " ".join(f"{short[key]} {used[key]}" for key in short if key in used) + ")"


def main(wanted: list[str]) -> None:
    """Write the files of the recordings `wanted`, or of all."""
    for name in wanted or names():
        path = GOLDEN / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rendered(played(name)))


if __name__ == "__main__":
    main(sys.argv[1:])
