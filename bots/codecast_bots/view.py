"""A session's events, folded to what a chat shows of them: blocks, in order.

Pure: the same events give the same blocks, an event already taken changes nothing. Only the
last block grows by words (words after something else begin another block), so messages keep
their order while they are edited. What was delivered for good is dropped by `settle`, and
`to_json` is all that a restart needs: memory and disk stay flat however long a session is.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

from codecast_agent.protocol import state as fold
from codecast_agent.protocol.budget import words as over_words
from codecast_agent.protocol.events import TERMINAL_PROMPT_STATES, plain_text
from codecast_jupyter.commands.transcript import tool_label

Json = Mapping[str, Any]
Block = dict[str, Any]
ENDED = ("completed", "failed")
UNKNOWN = (
    "Nobody can tell whether the CLI took the prompt before it ended. Look at the files it may"
    " have changed, then send it again or not."
)


class View:
    """`blocks` hold `id` (kind and the seq it began with), `kind`, `done`, `at`, and by kind

    - prompt: text, by, where
    - text: message, text
    - tools: calls [{call, label, status, began, ended, parent, asked}]
    - plan: entries
    - request: request (the event's fields), resolution or withdrawn
    - note: level, text
    - end (of a turn): reason, error, seconds, cost, asked (by which prompts)
    """

    def __init__(self, state: Json | None = None, seq: int = 0) -> None:
        self.state: dict[str, Any] = {**fold.initial(), **copy.deepcopy(dict(state or {}))}
        self.state["seq"] = seq
        self.blocks: list[Block] = []
        self._cost = float(self.state["cost_usd"] or 0.0)

    @property
    def seq(self) -> int:
        return int(self.state["seq"])

    @property
    def running(self) -> bool:
        return self.state["turn"] is not None and not self.state["requests"]

    def to_json(self) -> dict[str, Any]:
        return {"state": self.state, "blocks": self.blocks, "cost": self._cost}

    @classmethod
    def from_json(cls, value: Json) -> View:
        view = cls(value["state"], int(value["state"]["seq"]))
        view.blocks = copy.deepcopy(list(value["blocks"]))
        view._cost = float(value["cost"])
        return view

    def apply(self, event: Json) -> None:
        """Take one event. Total: none raises."""
        seq, kind = int(event.get("seq", 0)), str(event.get("type"))
        if seq <= self.seq:
            return
        prompts = {k: dict(v) for k, v in self.state["prompts"].items()}
        turn = self.state["turn"]
        data = {key: value for key, value in event.items() if key not in ("seq", "time", "type")}
        fold.apply(self.state, seq, float(event.get("time") or 0), kind, data)
        if event.get("history"):
            return
        if kind == "prompt_state":
            self._prompt(event, prompts.get(str(event.get("prompt")), {}))
        elif kind == "turn_ended":
            self._turn_ended(event, turn or {})
        else:
            step = getattr(self, f"_on_{kind}", None)
            if step is not None:
                step(event)

    def add_open_requests(self, requests: Collection[Json]) -> None:
        """Those that were open before the first event that is taken."""
        for request in requests:
            event = {**request, "seq": request.get("seq", 0), "time": request.get("opened")}
            self._on_request_opened(event)

    def settle(self, delivered: Collection[str]) -> list[str]:
        """Drop the blocks at the head that are done and delivered (by id); the dropped ids.

        Within a turn nothing is dropped: its end still speaks of it.
        """
        count = 0
        for index, block in enumerate(self.blocks):
            if not block["done"] or block["id"] not in delivered:
                break
            if block["kind"] in ("end", "note") or self.state["turn"] is None:
                count = index + 1
        dropped = [str(block["id"]) for block in self.blocks[:count]]
        del self.blocks[:count]
        return dropped

    # -- blocks

    def _add(self, kind: str, event: Json, done: bool = False, **fields: Any) -> Block:
        for block in self.blocks:
            if block["kind"] == "text":
                block["done"] = True
        block = {
            "id": f"{kind}{event.get('seq', 0)}",
            "kind": kind,
            "done": done,
            "at": float(event.get("time") or 0.0),
            **fields,
        }
        self.blocks.append(block)
        return block

    def _open(self, kind: str, field: str, value: Any) -> Block | None:
        for block in reversed(self.blocks):
            if block["kind"] == kind and not block["done"] and block[field] == value:
                return block
        return None

    def _on_agent_message_chunk(self, event: Json) -> None:
        content = event.get("content")
        if event.get("parent") or not isinstance(content, dict):
            return
        text = str(content.get("text") or "")
        message = str(event.get("message"))
        last = self.blocks[-1] if self.blocks else None
        grows = last is not None and last["kind"] == "text" and not last["done"]
        if last is not None and grows and last["message"] == message:
            last["text"] += text
        elif text.strip():
            self._add("text", event, message=message, text=text.lstrip("\n"))

    def _on_message_discarded(self, event: Json) -> None:
        message = str(event.get("message"))
        self.blocks = [
            block for block in self.blocks if block["kind"] != "text" or block["message"] != message
        ]

    def _on_tool_call(self, event: Json) -> None:
        call = str(event.get("call"))
        for block in reversed(self.blocks):
            for known in block.get("calls", ()):
                if known["call"] == call:
                    self._change_call(known, event)
                    block["done"] = all(c["status"] in ENDED for c in block["calls"])
                    return
        if event["type"] == "tool_call_update" and self.state["turn"] is None:
            return  # of a turn that is over and dropped
        last = self.blocks[-1] if self.blocks else None
        group = last if last is not None and last["kind"] == "tools" else None
        group = group or self._add("tools", event, calls=[])
        made = {"call": call, "label": "", "status": "pending", "parent": event.get("parent")}
        made.update(began=float(event.get("time") or 0), ended=None)
        self._change_call(made, event)
        group["calls"].append(made)
        group["done"] = all(c["status"] in ENDED for c in group["calls"])

    _on_tool_call_update = _on_tool_call

    def _change_call(self, call: dict[str, Any], event: Json) -> None:
        if event.get("title") or not call["label"]:
            call["label"] = tool_label(event)[:300]
        call["status"] = str(event.get("status") or call["status"])
        if call["status"] in ENDED and call["ended"] is None:
            call["ended"] = float(event.get("time") or 0)

    def _on_plan(self, event: Json) -> None:
        plan = next((b for b in self.blocks if b["kind"] == "plan" and not b["done"]), None)
        plan = plan or self._add("plan", event)
        plan["entries"] = event.get("entries") or []

    def _on_request_opened(self, event: Json) -> None:
        if self._open("request", "number", str(event.get("request"))) is None:
            fields = {k: v for k, v in event.items() if k not in ("raw", "type", "time")}
            for block in self.blocks:
                for call in block.get("calls", ()):  # the request shows it already
                    call["asked"] = call.get("asked") or call["call"] == event.get("call")
            self._add("request", event, number=str(event.get("request")), request=fields)

    def _on_request_resolved(self, event: Json) -> None:
        block = self._open("request", "number", str(event.get("request")))
        if block is not None:
            fields = ("option", "label", "answers", "declined", "message", "by", "where")
            block["resolution"] = {k: event[k] for k in fields if event.get(k) is not None}
            block["done"] = True

    def _on_request_withdrawn(self, event: Json) -> None:
        block = self._open("request", "number", str(event.get("request")))
        if block is not None:
            block["withdrawn"] = str(event.get("why") or "")
            block["done"] = True

    def _prompt(self, event: Json, before: Json) -> None:
        known = {**before, **event}
        now, error = event.get("state"), event.get("error")
        if now == "running" and not event.get("steered"):
            text = plain_text(known.get("content") or [])
            by, where = known.get("by"), known.get("where")
            self._add("prompt", event, True, text=text[:2000], by=by, where=where)
        elif now in TERMINAL_PROMPT_STATES and now in ("failed", "unknown"):
            words = "The prompt failed." if now == "failed" else UNKNOWN
            self._add("note", event, True, level="error", text=words, error=error)

    def _turn_ended(self, event: Json, turn: Json) -> None:
        for block in self.blocks:
            if block["kind"] in ("text", "tools", "plan"):
                block["done"] = True
            for call in block.get("calls", ()):
                if call["ended"] is None:
                    call["ended"] = float(event.get("time") or 0)
        seconds = event.get("duration")
        if not isinstance(seconds, (int, float)):
            begun = turn.get("since") or event.get("time") or 0
            seconds = float(event.get("time") or 0) - float(begun)
        cost = float(self.state["cost_usd"] or 0.0)
        fields = {"reason": str(event.get("reason")), "error": event.get("error")}
        self._add("end", event, True, **fields, seconds=seconds, cost=max(0.0, cost - self._cost))
        self._cost = cost

    def _on_session_state(self, event: Json) -> None:
        now, error = event.get("state"), event.get("error")
        if error is not None or now == "failed":
            self._add("note", event, True, level="error", text="The CLI failed.", error=error)
        elif now == "exited":
            words = "The CLI ended. The next prompt starts it again."
            self._add("note", event, True, level="warning", text=words)
        elif now == "stopped":
            self._add("note", event, True, level="info", text="Stopped.", by=_person(event))

    def _on_notice(self, event: Json) -> None:
        level = str(event.get("level"))
        if level in ("warning", "error"):
            self._add("note", event, True, level=level, text=str(event.get("text", "")))

    def _on_budget_reached(self, event: Json) -> None:
        text = f"The budget is reached: {over_words(event)}. It is paused until that is raised."
        self._add("note", event, True, level="warning", text=text)

    def _on_gap(self, event: Json) -> None:
        for block in self.blocks:
            block["done"] = True
        why = str(event.get("why") or "what happened here cannot be had any more")
        self._add("note", event, True, level="warning", text=f"Something is missing here: {why}")


def _person(event: Json) -> dict[str, Any]:
    return {key: event[key] for key in ("by", "where") if event.get(key)}
