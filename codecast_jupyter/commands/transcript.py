"""Events become what a person reads: entries, in order, growing.

`Transcript.apply` takes one event and returns the entries it made or changed; a surface
keeps what it has shown of each. Text only grows, unless `restarts` went up (a retry began
the message anew). `state` is the fold of the same events. Total: no event raises.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

from codecast_agent.protocol import state as fold
from codecast_agent.protocol.budget import words as over_words
from codecast_agent.protocol.events import TERMINAL_PROMPT_STATES, plain_text

Json = Mapping[str, Any]


class Entry:
    """One thing in a transcript.

    `kind` is prompt, message, thought, tool, plan, request, turn (its end), state (of the
    process), notice, retry, background, setting or gap. `text` is a prompt's or message's
    words. `data` has the merged fields of the entry's events. `done` tells that it will
    not change any more, `started` and `ended` are seconds since 1970.
    """

    __slots__ = (
        "data",
        "done",
        "ended",
        "id",
        "kind",
        "parent",
        "restarts",
        "seq",
        "started",
        "text",
    )

    def __init__(self, id: str, kind: str, event: Json, text: str = "", done: bool = False) -> None:
        self.id = id
        self.kind = kind
        self.text = text
        self.data: dict[str, Any] = {}
        self.done = done
        self.parent: str | None = event.get("parent")
        self.seq = int(event.get("seq", 0))
        self.started = float(event.get("time") or 0.0)
        self.ended: float | None = self.started if done else None
        self.restarts = 0

    def end(self, event: Json) -> None:
        self.done = True
        self.ended = float(event.get("time") or self.started)

    @property
    def seconds(self) -> float:
        return (self.ended or self.started) - self.started


class Transcript:
    """`state` may be given as the session has it now: events it knows then only make entries."""

    def __init__(self, state: Json | None = None) -> None:
        self.entries: list[Entry] = []
        self.state = {**fold.initial(), **copy.deepcopy(state or {})}
        self._open: dict[str, Entry] = {}  # by kind and id
        # content and senders of prompts that have not ended
        self._prompts: dict[str, dict[str, Any]] = {
            k: dict(v) for k, v in self.state["prompts"].items()
        }
        self._turn_began = 0.0

    @property
    def queued(self) -> Sequence[Json]:
        """Prompts that wait, `{prompt, content, by, where}`, in order."""
        return [p for p in self.state["prompts"].values() if p.get("state") == "queued"]

    @property
    def requests(self) -> Sequence[Json]:
        """Open requests, the oldest first; with `raw_input`, unlike the fold's."""
        return [e.data for e in self._open.values() if e.kind == "request"]

    def running_tools(self) -> list[Entry]:
        return [e for e in self._open.values() if e.kind == "tool"]

    def apply(self, event: Json) -> list[Entry]:
        kind = str(event.get("type"))
        data = {key: value for key, value in event.items() if key not in ("seq", "time", "type")}
        before = (self.state["mode"], _setting(self.state, "model"))
        fold.apply(self.state, int(event.get("seq", 0)), float(event.get("time") or 0), kind, data)
        if kind == "config_option_update":
            return self._settings(event, before)
        step = getattr(self, f"_on_{kind}", None)
        if step is None:
            return []
        found: list[Entry] = step(event, data)
        return found

    def _add(self, entry: Entry, key: str = "") -> list[Entry]:
        self.entries.append(entry)
        if key and not entry.done:
            self._open[key] = entry
        return [entry]

    # words

    def _on_agent_message_chunk(self, event: Json, data: Json) -> list[Entry]:
        return self._chunk("message", event)

    def _on_agent_thought_chunk(self, event: Json, data: Json) -> list[Entry]:
        return self._chunk("thought", event)

    def _on_user_message_chunk(self, event: Json, data: Json) -> list[Entry]:
        return self._chunk("prompt", event)

    def _chunk(self, kind: str, event: Json) -> list[Entry]:
        id = str(event.get("message"))
        text = _content_text(event.get("content"))
        entry = self._open.get(f"{kind} {id}")
        if entry is None:
            return self._add(Entry(id, kind, event, text), f"{kind} {id}")
        entry.text += text
        return [entry]

    def _on_message_discarded(self, event: Json, data: Json) -> list[Entry]:
        changed = []
        for kind in ("message", "thought"):
            entry = self._open.get(f"{kind} {event.get('message')}")
            if entry is not None:
                entry.text = ""
                entry.restarts += 1
                changed.append(entry)
        return changed

    # prompts and turns

    def _on_prompt_state(self, event: Json, data: Json) -> list[Entry]:
        id, now = str(event.get("prompt")), event.get("state")
        known = self._prompts.setdefault(id, {})
        known.update({k: v for k, v in data.items() if k in ("content", "by", "where", "steered")})
        entry = self._open.get(f"prompt {id}")
        ended = now in TERMINAL_PROMPT_STATES
        if entry is None and (now == "running" or (ended and now != "done")):
            if ended and not known.get("content"):
                return []
            entry = Entry(id, "prompt", event, _content_text(known.get("content")))
            self._add(entry, f"prompt {id}")
        if entry is None:
            return []
        entry.data.update(known, state=now, error=event.get("error"))
        if ended:
            entry.end(event)
            self._open.pop(f"prompt {id}", None)
            self._prompts.pop(id, None)
        return [entry]

    def _on_turn_started(self, event: Json, data: Json) -> list[Entry]:
        self._turn_began = float(event.get("time") or 0)
        return []

    def _on_turn_ended(self, event: Json, data: Json) -> list[Entry]:
        changed = self._close(event, ("message", "thought", "tool"))
        entry = Entry(f"turn {event.get('turn')}", "turn", event, done=True)
        entry.data = dict(data)
        if "duration" not in data and self._turn_began:
            entry.data = {**data, "duration": entry.started - self._turn_began}
        self._turn_began = 0.0
        return changed + self._add(entry)

    def _close(self, event: Json, kinds: tuple[str, ...]) -> list[Entry]:
        """Whatever of these is still open will hear no more."""
        changed = []
        for key, entry in list(self._open.items()):
            if entry.kind in kinds:
                entry.end(event)
                del self._open[key]
                if entry.kind == "tool":
                    changed.append(entry)
        return changed

    # tools

    def _on_tool_call(self, event: Json, data: Json) -> list[Entry]:
        id = str(event.get("call"))
        entry = self._open.get(f"tool {id}")
        if entry is None:
            entry = Entry(id, "tool", event)
            self._add(entry, f"tool {id}")
        entry.data.update({k: v for k, v in data.items() if k not in ("turn", "raw")})
        if entry.data.get("status") in ("completed", "failed"):
            entry.end(event)
            self._open.pop(f"tool {id}", None)
        return [entry]

    def _on_tool_call_update(self, event: Json, data: Json) -> list[Entry]:
        id = str(event.get("call"))
        if f"tool {id}" not in self._open:
            for entry in reversed(self.entries):  # an update after its end changes that entry
                if entry.kind == "tool" and entry.id == id:
                    entry.data.update({k: v for k, v in data.items() if k not in ("turn", "raw")})
                    return [entry]
        return self._on_tool_call(event, data)

    def _on_tool_output_delta(self, event: Json, data: Json) -> list[Entry]:
        entry = self._open.get(f"tool {event.get('call')}")
        if entry is None:
            return []
        entry.text += str(event.get("text", ""))
        return [entry]

    def _on_plan(self, event: Json, data: Json) -> list[Entry]:
        entry = Entry(f"plan {event.get('seq')}", "plan", event, done=True)
        entry.data = dict(data)
        return self._add(entry)

    # requests

    def _on_request_opened(self, event: Json, data: Json) -> list[Entry]:
        id = str(event.get("request"))
        entry = Entry(id, "request", event)
        entry.data = dict(data)
        tool = self._open.get(f"tool {data.get('call')}")
        if tool is not None:  # shown by the request already
            tool.data["asked"] = True
        return self._add(entry, f"request {id}")

    def _on_request_resolved(self, event: Json, data: Json) -> list[Entry]:
        return self._request_ended(event, {"resolution": data})

    def _on_request_withdrawn(self, event: Json, data: Json) -> list[Entry]:
        return self._request_ended(event, {"withdrawn": str(event.get("why", ""))})

    def _request_ended(self, event: Json, how: Json) -> list[Entry]:
        entry = self._open.pop(f"request {event.get('request')}", None)
        if entry is None:
            return []
        entry.data.update(how)
        entry.end(event)
        return [entry]

    # the rest

    def _on_session_state(self, event: Json, data: Json) -> list[Entry]:
        return self._plain("state", event, data)

    def _on_notice(self, event: Json, data: Json) -> list[Entry]:
        return self._plain("notice", event, data)

    def _on_retry(self, event: Json, data: Json) -> list[Entry]:
        return self._plain("retry", event, data)

    def _on_background(self, event: Json, data: Json) -> list[Entry]:
        return self._plain("background", event, data)

    def _on_budget_reached(self, event: Json, data: Json) -> list[Entry]:
        text = f"The budget is reached: {over_words(data)}. It is paused until that is raised."
        return self._plain("notice", event, {"level": "warning", "text": text})

    def _on_gap(self, event: Json, data: Json) -> list[Entry]:
        return self._plain("gap", event, data)

    def _plain(self, kind: str, event: Json, data: Json) -> list[Entry]:
        entry = Entry(f"{kind} {event.get('seq')}", kind, event, done=True)
        entry.data = dict(data)
        return self._add(entry)

    def _settings(self, event: Json, before: tuple[Any, Any]) -> list[Entry]:
        """Only a switch is worth words, not the first telling."""
        changes = {}
        for name, old, new in zip(
            ("mode", "model"),
            before,
            (self.state["mode"], _setting(self.state, "model")),
            strict=True,
        ):
            if old is not None and new is not None and old != new:
                changes[name] = new
        return self._plain("setting", event, changes) if changes else []


def _setting(state: Json, name: str) -> Any:
    return (state["settings"].get(name) or {}).get("value")


def _content_text(content: Any) -> str:
    """Text of one block or of several; other blocks are named."""
    blocks = content if isinstance(content, list) else [content]
    parts = []
    for block in blocks:
        if not isinstance(block, dict):
            continue
        if block.get("type") == "text" and not block.get("name"):
            parts.append(str(block.get("text", "")))
        elif block.get("type") == "image":
            parts.append(f"[image {block['name']}]" if block.get("name") else "[image]")
        else:
            parts.append(f"[{block.get('name') or block.get('uri') or block.get('type')}]")
    return "\n".join(parts) if len(parts) > 1 else "".join(parts)


def tool_label(data: Json) -> str:
    """`Edit train.py`: the title, or what the call is and touches."""
    if data.get("title"):
        return str(data["title"])
    places = ", ".join(str(place.get("path", "")) for place in data.get("locations") or [])
    return " ".join(part for part in (str(data.get("kind") or "tool"), places) if part)


def request_body(request: Json) -> tuple[str, Sequence[Json], str]:
    """`(command or input, diffs, description)` of a permission request: all of what it asks."""
    texts, diffs = [], []
    for block in request.get("content") or []:
        if block.get("type") == "diff":
            diffs.append(block)
        elif block.get("text"):
            texts.append(str(block["text"]))
    raw = request.get("raw_input")
    if isinstance(raw, dict) and isinstance(raw.get("command"), (str, list)):
        command = raw["command"]
        words = command if isinstance(command, str) else " ".join(map(str, command))
        if words not in "\n".join(texts):
            texts.insert(0, words)
    elif raw and not diffs and not texts:
        texts.append(raw if isinstance(raw, str) else json.dumps(raw, indent=2, ensure_ascii=False))
    return "\n".join(texts), diffs, str(request.get("description") or "")


__all__ = ["Entry", "Transcript", "plain_text", "request_body", "tool_label"]
