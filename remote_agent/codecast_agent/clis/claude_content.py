"""What Claude says and does in a turn: stream events, messages and tool results.

Text comes twice: as deltas, then whole in an `assistant` message, one per finished block.
The deltas are told as they come, and the whole one only fills in what they missed (after a
fallback to a request without streaming, all of it). A message's id here is the API's
message id and the block's index, so chunks of one block append. A failed request that is
tried again starts its text anew: what was told of it is discarded.
"""

from typing import Any, Dict, List, Optional

from . import claude_tools as tools
from .contract import Host
from .lines import clip, obj, present, text_of, whole

INTERRUPTED = "[Request interrupted by user"
TEXT = {"text": "agent_message_chunk", "thinking": "agent_thought_chunk"}
DELTAS = {"text_delta": "text", "thinking_delta": "thinking"}
# parts of a stream that say nothing to a person
QUIET_BLOCKS = frozenset(("redacted_thinking", "fallback", "compaction"))
QUIET_DELTAS = frozenset(("signature_delta", "input_json_delta", "citations_delta"))


class _Block:
    """A block of a message being streamed."""

    def __init__(self, kind: str, call: str = "") -> None:
        self.kind = kind
        self.call = call  # of a tool call
        self.told: List[str] = []
        self.closed = False


class Content:
    """One process's content. `spoke` tells whether the open turn has said anything.

    `past`: what is told happened long ago, so files are no longer what they were.
    """

    def __init__(self, host: Host, cwd: str, past: bool = False) -> None:
        self._host = host
        self._cwd = cwd
        self._past = past
        self._streams: Dict[str, str] = {}  # parent call ("" is Claude itself) -> message
        self._blocks: Dict[str, Dict[int, _Block]] = {}  # message -> index -> block
        self._calls: Dict[str, Dict[str, Any]] = {}  # open calls: {name, input, parent?}
        self._todo = tools.TodoList()
        self.spoke = False
        self.context_used: Optional[int] = None

    def begin_turn(self) -> None:
        self.spoke = False

    def end_turn(self) -> None:
        """Close what the turn left open; sub-agents in the background go on."""
        for call, entry in list(self._calls.items()):
            if "parent" not in entry:
                self._host.emit("tool_call_update", call=call, status="failed")
                del self._calls[call]
        self._streams.pop("", None)
        self._blocks.clear()

    def exited(self) -> None:
        """Nothing will end the calls of sub-agents either."""
        for call, entry in self._calls.items():
            more = present(parent=entry.get("parent"))
            self._host.emit("tool_call_update", call=call, status="failed", **more)
        self._calls.clear()

    def knows(self, call: str) -> bool:
        """Whether a tool call is open and was told."""
        return call in self._calls

    # ---- the stream ----

    def stream(self, message: Dict[str, Any]) -> None:
        """`stream_event`: one event of the model's API."""
        event = obj(message.get("event"))
        kind = event.get("type")
        parent = text_of(message.get("parent_tool_use_id"))
        if kind == "message_start":
            started = obj(event.get("message"))
            self._streams[parent] = text_of(started.get("id"))
            self._blocks.setdefault(self._streams[parent], {})
            if not parent:
                self._context(obj(started.get("usage")), 0)
            return
        id = text_of(message.get("api_message_id")) or self._streams.get(parent, "")
        index = whole(event.get("index"))
        if kind == "content_block_start" and index is not None:
            self._start_block(id, index, obj(event.get("content_block")), parent)
        elif kind == "content_block_delta" and index is not None:
            self._delta(id, index, obj(event.get("delta")), parent, message)
        elif kind == "message_delta" and not parent:
            used = whole(obj(event.get("usage")).get("output_tokens"))
            if used and self.context_used is not None:
                self._context(obj(event.get("usage")), used)
        elif kind not in ("content_block_stop", "message_stop", "ping", "message_delta"):
            self._unknown("stream event %s" % clip(str(kind), 60), message)

    def _start_block(self, id: str, index: int, block: Dict[str, Any], parent: str) -> None:
        kind = text_of(block.get("type"))
        call = text_of(block.get("id")) if kind in ("tool_use", "server_tool_use") else ""
        self._blocks.setdefault(id, {})[index] = _Block(kind, call)
        if call and call not in self._calls:
            name = text_of(block.get("name"))
            self._calls[call] = {
                "name": name,
                "input": {},
                **({"parent": parent} if parent else {}),
            }
            self._emit(
                "tool_call",
                parent,
                call=call,
                title=name or "Tool",
                kind=tools.kind(name),
                status="pending",
            )

    def _delta(
        self, id: str, index: int, delta: Dict[str, Any], parent: str, message: Dict[str, Any]
    ) -> None:
        kind = text_of(delta.get("type"))
        if kind not in DELTAS:
            if kind not in QUIET_DELTAS:
                self._unknown("delta %s" % clip(kind, 60), message)
            return
        name = DELTAS[kind]
        text = text_of(delta.get(name))
        blocks = self._blocks.setdefault(id, {})
        block = blocks.setdefault(index, _Block(name))
        if text:
            block.told.append(text)
            self._say(name, "%s:%d" % (id, index), text, parent)

    def retried(self) -> None:
        """The request failed and starts anew: what was told of it is void."""
        id = self._streams.get("", "")
        for index, block in self._blocks.pop(id, {}).items():
            if block.closed:
                continue
            if block.told:
                self._host.emit("message_discarded", message="%s:%d" % (id, index))
            elif block.call in self._calls:
                del self._calls[block.call]
                self._host.emit("tool_call_update", call=block.call, status="failed")

    # ---- whole messages ----

    def assistant(self, message: Dict[str, Any]) -> None:
        """An `assistant` message: finished blocks."""
        inner = obj(message.get("message"))
        parent = text_of(message.get("parent_tool_use_id"))
        id = text_of(inner.get("id")) or text_of(message.get("uuid"))
        blocks = inner.get("content")
        if isinstance(blocks, str):
            blocks = [{"type": "text", "text": blocks}]
        if not isinstance(blocks, list):
            self._unknown("assistant message", message)
            return
        for item in blocks:
            block = obj(item)
            kind = text_of(block.get("type"))
            if kind in TEXT:
                self._whole(id, kind, text_of(block.get(kind)), parent)
            elif kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
                self._call(id, block, parent)
            elif kind.endswith("_tool_result"):
                self._result(block, None, parent)
            elif kind not in QUIET_BLOCKS:
                self._unknown("block %s" % clip(kind, 60), message)

    def _whole(self, id: str, kind: str, text: str, parent: str) -> None:
        blocks = self._blocks.setdefault(id, {})
        for index in sorted(blocks):
            block = blocks[index]
            if block.kind == kind and not block.closed:
                break
        else:
            index = max(blocks, default=-1) + 1
            block = blocks[index] = _Block(kind)
        block.closed = True
        told = "".join(block.told)
        block.told = []
        name = "%s:%d" % (id, index)
        if not text.startswith(told):
            self._emit("message_discarded", parent, message=name)
            told = ""
        if len(text) > len(told):
            self._say(kind, name, text[len(told) :], parent)

    def _call(self, id: str, block: Dict[str, Any], parent: str) -> None:
        call, name = text_of(block.get("id")), text_of(block.get("name"))
        given = obj(block.get("input"))
        for streamed in self._blocks.get(id, {}).values():
            if streamed.call == call:
                streamed.closed = True
        if not call:
            self._unknown("tool call without an id", block)
            return
        self._calls[call] = {"name": name, "input": given, **({"parent": parent} if parent else {})}
        fields: Dict[str, Any] = {"raw_input": given}
        content, places = tools.changes(name, given, self._past), tools.locations(given)
        if content:
            fields["content"] = content
        if places:
            fields["locations"] = places
        self._emit(
            "tool_call",
            parent,
            call=call,
            title=tools.title(name, given, self._cwd),
            kind=tools.kind(name),
            status="in_progress",
            **fields,
        )
        plan = self._todo.asked(name, given) if not parent else None
        if plan is not None:
            self._host.emit("plan", entries=plan)

    def user(self, message: Dict[str, Any]) -> None:
        """A `user` message from Claude: tool results, and what was said for the person."""
        parent = text_of(message.get("parent_tool_use_id"))
        content = obj(message.get("message")).get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if not isinstance(blocks, list):
            self._unknown("user message", message)
            return
        for item in blocks:
            block = obj(item)
            if block.get("type") == "tool_result":
                self._result(block, message.get("tool_use_result"), parent)
            elif block.get("type") == "text" and not message.get("isReplay"):
                text = text_of(block.get("text"))
                hidden = message.get("isSynthetic") or message.get("isMeta")
                if text and not text.startswith(INTERRUPTED) and not hidden:
                    name = text_of(message.get("uuid")) or "user"
                    told = {"type": "text", "text": text}
                    self._emit("user_message_chunk", parent, message=name, content=told)

    def _result(self, block: Dict[str, Any], structured: Any, parent: str) -> None:
        call = text_of(block.get("tool_use_id"))
        entry = self._calls.pop(call, {"name": "", "input": {}})
        name = entry["name"]
        fields = tools.result(name, block, structured)
        self._emit("tool_call_update", parent or entry.get("parent", ""), call=call, **fields)
        if fields["status"] == "completed" and not (parent or "parent" in entry):
            plan = self._todo.answered(name, entry["input"], structured)
            if plan is not None:
                self._host.emit("plan", entries=plan)

    # ---- small things ----

    def say(self, message: str, text: str) -> None:
        """Text of the answer that came in no message of the model's (a slash command's)."""
        self._say("text", message, text, "")

    def _say(self, kind: str, message: str, text: str, parent: str) -> None:
        if not parent:
            self.spoke = True
        self._emit(TEXT[kind], parent, message=message, content={"type": "text", "text": text})

    def _emit(self, type: str, parent: str, **fields: Any) -> None:
        if parent:
            fields["parent"] = parent
        self._host.emit(type, **fields)

    def _context(self, usage: Dict[str, Any], output: int) -> None:
        """Tokens in the context window: all that went in, and what came out."""
        parts = [
            whole(usage.get(key))
            for key in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        ]
        if any(parts):
            self.context_used = sum(part or 0 for part in parts) + output
        elif self.context_used is not None:
            self.context_used += output

    def _unknown(self, what: str, message: Dict[str, Any]) -> None:
        self._host.emit("notice", level="info", text="Unknown from Claude: " + what, raw=message)
