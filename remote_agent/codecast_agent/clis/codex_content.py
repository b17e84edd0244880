"""What Codex says and does in a turn: items, their deltas, plans and tokens.

An item begins, grows by deltas and is completed with the whole of it: deltas are told as
they come, and the completed item only fills in what they missed. When the model's stream
breaks Codex asks again and the text comes anew under a new id, so what was told of items
that are not complete is discarded.

A sub-agent is another thread: what comes from it carries the tool call that started it as
`parent`. A command that the model leaves running outlives the turn: it is told as
background work until it ends.
"""

from typing import Any, Dict, List, Optional, Set

from . import codex_items as items
from .contract import Host
from .lines import clip, first_line, many, obj, present, text_of, whole

CHUNK = {
    "agentMessage": "agent_message_chunk",
    "plan": "agent_message_chunk",
    "reasoning": "agent_thought_chunk",
}
DELTAS = {
    "item/agentMessage/delta": "agentMessage",
    "item/plan/delta": "plan",
    "item/reasoning/summaryTextDelta": "reasoning",
    "item/reasoning/textDelta": "reasoning",
}
PLAN_STATUS = {"inProgress": "in_progress", "completed": "completed"}
COUNTS = ("inputTokens", "cachedInputTokens", "cacheWriteInputTokens", "outputTokens")


class _Message:
    """A text being streamed."""

    def __init__(self, kind: str, parent: str) -> None:
        self.kind = kind
        self.parent = parent
        self.told: List[str] = []


class _Call:
    """A tool call that is not over."""

    def __init__(self, item: Dict[str, Any], title: str, parent: str) -> None:
        self.item = item
        self.title = title
        self.parent = parent
        self.background = False


class Content:
    """One process's content. `thread` is the conversation's id, once it has one."""

    def __init__(self, host: Host, cwd: str) -> None:
        self._host = host
        self._cwd = cwd
        self.thread = ""
        self._ours: Set[str] = set()  # ids of what we sent
        self._echoes = 0  # of it that are still to come
        self._messages: Dict[str, Dict[str, _Message]] = {}  # item -> part -> text
        self._calls: Dict[str, _Call] = {}
        self._agents: Dict[str, str] = {}  # a sub-agent's thread -> the call that started it
        self._total: Optional[Dict[str, int]] = None  # tokens of the thread so far
        self._before: Dict[str, int] = {}  # at the turn's start

    # ---- what the adapter tells ----

    def sent(self, id: str) -> None:
        """A message with this id is ours: Codex's echo of it says nothing new."""
        self._ours.add(id)
        self._echoes += 1

    def begin_turn(self) -> None:
        self._before = dict(self._total or {})

    def end_turn(self, cut: bool) -> Dict[str, Any]:
        """Close what the turn left open; returns the turn's usage, as fields.

        `cut`: the turn was not ended by the model, so nothing goes on behind it.
        """
        self._messages.clear()
        for call, entry in list(self._calls.items()):
            if entry.background:
                continue
            if not cut and entry.item.get("type") == "commandExecution":
                entry.background = True
                self._host.emit("background", task=call, state="running", title=entry.title)
            else:
                self._fail(call)
        used = {key: (self._total or {}).get(key, 0) - self._before.get(key, 0) for key in COUNTS}
        return {"usage": _usage(used)} if self._total is not None and any(used.values()) else {}

    def exited(self) -> None:
        """Nothing will end what runs in the background either."""
        for call in list(self._calls):
            self._fail(call)

    def changes_of(self, call: str) -> Any:
        """The changes of a file change that is open."""
        entry = self._calls.get(call)
        return entry.item.get("changes") if entry is not None else None

    def knows(self, call: str) -> bool:
        return call in self._calls

    def commands(self) -> List[str]:
        """The open commands of the turn."""
        return [
            call
            for call, entry in self._calls.items()
            if entry.item.get("type") == "commandExecution" and not entry.background
        ]

    def is_background(self, call: str) -> bool:
        entry = self._calls.get(call)
        return entry is not None and entry.background

    def retried(self) -> None:
        """The model is asked anew: what was told of unfinished texts is void."""
        for item, parts in list(self._messages.items()):
            mine = {part: m for part, m in parts.items() if not m.parent}
            for part, message in mine.items():
                if message.told:
                    self._host.emit("message_discarded", message=_name(item, part))
            if mine:
                del self._messages[item]

    # ---- what Codex tells ----

    def notified(self, method: str, params: Dict[str, Any], message: Dict[str, Any]) -> bool:
        """A notification about content; False where it is none."""
        item = text_of(params.get("itemId"))
        parent = self.parent_of(params)
        if method == "item/started":
            self._started(obj(params.get("item")), parent)
        elif method == "item/completed":
            self._completed(obj(params.get("item")), parent, message)
        elif method in DELTAS:
            self._delta(item, _part(params), DELTAS[method], text_of(params.get("delta")), parent)
        elif method == "item/commandExecution/outputDelta":
            self._output(item, text_of(params.get("delta")), parent)
        elif method == "item/mcpToolCall/progress":
            self._output(item, text_of(params.get("message")) + "\n", parent)
        elif method == "item/fileChange/patchUpdated":
            self._patched(item, params.get("changes"), parent)
        elif method == "turn/plan/updated":
            self._plan(params, parent)
        elif method == "thread/tokenUsage/updated":
            if not parent:
                self._tokens(obj(params.get("tokenUsage")))
        else:
            return False
        return True

    def parent_of(self, params: Dict[str, Any]) -> str:
        """Empty for the conversation itself; else the call that a sub-agent belongs to."""
        thread = text_of(params.get("threadId"))
        if not thread or not self.thread or thread == self.thread:
            return ""
        return self._agents.get(thread, thread)

    def _started(self, item: Dict[str, Any], parent: str) -> None:
        id, kind = text_of(item.get("id")), text_of(item.get("type"))
        if kind in items.TOOLS:
            self._adopt(item, id)
            fields = items.call(item, self._cwd)
            self._calls[id] = _Call(item, fields["title"], parent)
            self._emit("tool_call", parent, call=id, **fields)
        elif kind == "subAgentActivity":
            self._adopt(item, id)
        elif kind in CHUNK:
            self._messages.setdefault(id, {})
        elif kind == "contextCompaction":
            self._host.emit("notice", level="info", text="The conversation is being compacted.")

    def _completed(self, item: Dict[str, Any], parent: str, message: Dict[str, Any]) -> None:
        id, kind = text_of(item.get("id")), text_of(item.get("type"))
        if kind in ("agentMessage", "plan"):
            self._whole(id, "", kind, text_of(item.get("text")), parent)
            self._messages.pop(id, None)
        elif kind == "reasoning":
            self._reasoning(id, item, parent)
        elif kind in items.TOOLS:
            self._ended(id, item, parent)
        elif kind == "userMessage":
            self._user(item, parent)
        elif kind == "contextCompaction":
            self._host.emit("notice", level="info", text="The conversation was compacted.")
        elif kind == "subAgentActivity":
            self._adopt(item, id)
            words = "Agent %s: %s" % (text_of(item.get("agentPath")), text_of(item.get("kind")))
            self._host.emit("notice", level="info", text=first_line(words))
        elif kind in ("enteredReviewMode", "exitedReviewMode"):
            state = "begins" if kind == "enteredReviewMode" else "has ended"
            text = "The review %s: %s" % (state, text_of(item.get("review")))
            self._host.emit("notice", level="info", text=text)
        elif kind != "hookPrompt":
            text = "Unknown from Codex: item %s" % clip(kind, 60)
            self._host.emit("notice", level="info", text=text, raw=message)

    # ---- texts ----

    def _delta(self, id: str, part: str, kind: str, text: str, parent: str) -> None:
        parts = self._messages.setdefault(id, {})
        message = parts.setdefault(part, _Message(kind, parent))
        if text:
            message.told.append(text)
            self._say(kind, _name(id, part), text, parent)

    def _whole(self, id: str, part: str, kind: str, text: str, parent: str) -> None:
        message = self._messages.get(id, {}).get(part)
        told = "".join(message.told) if message is not None else ""
        if not text.startswith(told):
            self._emit("message_discarded", parent, message=_name(id, part))
            told = ""
        if len(text) > len(told):
            self._say(kind, _name(id, part), text[len(told) :], parent)

    def _reasoning(self, id: str, item: Dict[str, Any], parent: str) -> None:
        for letter, name in (("s", "summary"), ("c", "content")):
            for number, text in enumerate(many(item.get(name))):
                self._whole(id, "%s%d" % (letter, number), "reasoning", text_of(text), parent)
        self._messages.pop(id, None)

    def _user(self, item: Dict[str, Any], parent: str) -> None:
        id = text_of(item.get("clientId"))
        if parent or id in self._ours or (not id and self._echoes):
            self._echoes = max(0, self._echoes - (0 if parent else 1))
            return
        for block in many(item.get("content")):
            text = text_of(obj(block).get("text"))
            if text:
                told = {"type": "text", "text": text}
                self._host.emit("user_message_chunk", message=text_of(item.get("id")), content=told)

    def _say(self, kind: str, message: str, text: str, parent: str) -> None:
        self._emit(CHUNK[kind], parent, message=message, content={"type": "text", "text": text})

    # ---- tools ----

    def _output(self, call: str, text: str, parent: str) -> None:
        if call and text:
            self._emit("tool_output_delta", parent, call=call, text=text)

    def _patched(self, call: str, changes: Any, parent: str) -> None:
        entry = self._calls.get(call)
        if entry is not None and many(changes):
            entry.item = {**entry.item, "changes": changes}
            content = items.changes(changes)
            self._emit("tool_call_update", parent, call=call, content=content)

    def _ended(self, id: str, item: Dict[str, Any], parent: str) -> None:
        self._adopt(item, id)
        entry = self._calls.pop(id, None)
        fields = items.outcome(item, self._cwd)
        if entry is None:
            fields = {**items.call(item, self._cwd), **fields}
        self._emit("tool_call_update", parent, call=id, **fields)
        if entry is not None and entry.background:
            state = "completed" if fields["status"] == "completed" else "failed"
            self._host.emit("background", task=id, state=state)

    def _fail(self, call: str) -> None:
        entry = self._calls.pop(call)
        self._emit("tool_call_update", entry.parent, call=call, status="failed")
        if entry.background:
            self._host.emit("background", task=call, state="stopped")

    def _adopt(self, item: Dict[str, Any], call: str) -> None:
        """A sub-agent's thread belongs to the call that started it."""
        if item.get("type") == "subAgentActivity":
            threads = [item.get("agentThreadId")]
        elif item.get("type") == "collabAgentToolCall" and item.get("tool") == "spawnAgent":
            threads = many(item.get("receiverThreadIds"))
        else:
            return
        for thread in threads:
            if text_of(thread) and thread != self.thread:
                self._agents.setdefault(str(thread), call)

    # ---- plan and tokens ----

    def _plan(self, params: Dict[str, Any], parent: str) -> None:
        entries = []
        for step in many(params.get("plan")):
            status = PLAN_STATUS.get(text_of(obj(step).get("status")), "pending")
            entries.append({"content": text_of(obj(step).get("step")), "status": status})
        if not parent:
            self._host.emit("plan", entries=entries)

    def _tokens(self, told: Dict[str, Any]) -> None:
        total, last = obj(told.get("total")), obj(told.get("last"))
        now = {key: whole(total.get(key)) or 0 for key in COUNTS}
        if self._total is None:  # of a conversation that had a life before this process
            self._before = {key: now[key] - (whole(last.get(key)) or 0) for key in COUNTS}
        self._total = now
        fields = present(
            context_used=whole(last.get("totalTokens")),
            context_size=whole(told.get("modelContextWindow")),
        )
        if fields:
            self._host.emit("usage_update", **fields)

    def _emit(self, type: str, parent: str, **fields: Any) -> None:
        if parent:
            fields["parent"] = parent
        self._host.emit(type, **fields)


def _part(params: Dict[str, Any]) -> str:
    """Which of a reasoning's texts a delta belongs to; empty for a message."""
    for letter, key in (("s", "summaryIndex"), ("c", "contentIndex")):
        index = whole(params.get(key))
        if index is not None:
            return "%s%d" % (letter, index)
    return ""


def _name(item: str, part: str) -> str:
    return "%s:%s" % (item, part) if part else item


def _usage(used: Dict[str, int]) -> Dict[str, int]:
    """Our Usage; Codex counts what came from the cache as input too."""
    cached = max(0, used["cachedInputTokens"])
    return {
        "input_tokens": max(0, used["inputTokens"] - cached),
        "output_tokens": max(0, used["outputTokens"]),
        "cache_read_tokens": cached,
        "cache_write_tokens": max(0, used["cacheWriteInputTokens"]),
    }
