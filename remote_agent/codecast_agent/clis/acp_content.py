"""ACP's `session/update`, told in our vocabulary.

The two are close relatives: names change from camelCase, whole old and new texts become
unified diffs, chunks get a message id where the agent gives none, and a tool call that was
left open is closed with its turn. What has no field of ours stays in `raw`.
"""

from typing import Any, Dict, List, Optional, Tuple

from . import diffs
from .acp_settings import Settings
from .contract import Host
from .lines import clip, file_words, many, obj, present, text_of, whole
from .quirks import Quirks

KINDS = frozenset(
    ("read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other")
)
STATUSES = frozenset(("pending", "in_progress", "completed", "failed"))
CHUNKS = ("agent_message_chunk", "agent_thought_chunk", "user_message_chunk")


class Content:
    """Turns updates into events; `turn` is the number new message ids are made from."""

    def __init__(self, host: Host, quirks: Quirks, settings: Settings) -> None:
        self._host = host
        self._quirks = quirks
        self._settings = settings
        self._open: Dict[str, str] = {}  # tool calls that have not ended, and their kinds
        self.spoke = False  # the turn has content
        self.interrupted = False  # the turn was
        self._turn = 0
        self._count = 0
        self._last = ""  # type of the last chunk, while nothing came between

    def begin_turn(self, turn: int) -> None:
        """Message ids of this turn begin with its number, so they are unique in the session."""
        self._turn, self._count, self._last = turn, 0, ""
        self.spoke = self.interrupted = False

    def end_turn(self) -> None:
        """Close the tool calls the agent left open: nothing will."""
        for call in sorted(self._open):
            self._host.emit("tool_call_update", call=call, status="failed")
        self._open.clear()

    def busy(self) -> bool:
        """Whether a tool call is open."""
        return bool(self._open)

    def is_output(self, update: Dict[str, Any]) -> bool:
        """Whether an update is part of a turn (and not of the agent's settings)."""
        kind = update.get("sessionUpdate")
        if kind == "tool_call_update":
            return text_of(update.get("toolCallId")) in self._open
        if kind in CHUNKS:
            return not self._hidden(content_block(update.get("content")))
        return kind in ("tool_call", "plan")

    def update(self, update: Dict[str, Any]) -> None:
        """Emit what one update says."""
        kind = text_of(update.get("sessionUpdate"))
        if kind in CHUNKS:
            self.spoke = True
            self._chunk(kind, update)
            return
        if kind in ("tool_call", "tool_call_update"):
            self._last = ""
            self.spoke = True
            self._tool(kind, update)
            return
        step = {
            "plan": self._plan,
            "available_commands_update": self._commands,
            "current_mode_update": self._settings.mode_update,
            "config_option_update": self._settings.option_update,
            "session_info_update": self._info,
            "usage_update": self._usage,
        }.get(kind)
        if step is not None:
            step(update)
            return
        self._host.emit(
            "notice", level="info", text="Unknown update of the CLI: " + clip(kind, 80), raw=update
        )

    def tool_fields(self, call: Dict[str, Any]) -> Tuple[Dict[str, Any], Dict[str, Any]]:
        """Our fields of a tool call or its update, and what is left of it."""
        left = {
            key: value
            for key, value in call.items()
            if key not in ("sessionUpdate", "toolCallId", "title", "kind", "status")
        }
        fields = present(title=text_of(call.get("title")) or None)
        if call.get("kind") is not None:
            fields["kind"] = call["kind"] if text_of(call["kind"]) in KINDS else "other"
        if text_of(call.get("status")) in STATUSES:
            fields["status"] = call["status"]
        if isinstance(call.get("content"), list):
            content, strange = self._tool_content(call["content"])
            # an empty list in an update erases nothing worth keeping
            if content:
                fields["content"] = content
            del left["content"]
            if strange:
                left["content"] = strange
        if isinstance(call.get("locations"), list):
            places = _locations(left.pop("locations"))
            if places:
                fields["locations"] = places
        for native, ours in (("rawInput", "raw_input"), ("rawOutput", "raw_output")):
            if call.get(native) is not None:
                fields[ours] = left.pop(native)
        return fields, left

    def _chunk(self, kind: str, update: Dict[str, Any]) -> None:
        block = content_block(update.get("content"))
        if block is None:
            self._host.emit(
                "notice", level="info", text="The CLI sent content of an unknown type.", raw=update
            )
            return
        if self._hidden(block):
            return
        message = text_of(update.get("messageId"))
        if message:
            self._last = ""
            if kind == "agent_thought_chunk":
                message += ":thought"  # a message's thoughts and its text are two
        else:
            if self._last != kind:
                self._count += 1
                self._last = kind
            message = "t%d.%d" % (self._turn, self._count)
        self._host.emit(kind, message=message, content=block)

    def _hidden(self, block: Optional[Dict[str, Any]]) -> bool:
        """Whether it is the agent talking to itself."""
        text = block.get("text", "") if block is not None else ""
        return any(text.startswith(start) for start in self._quirks.hidden)

    def _tool(self, kind: str, update: Dict[str, Any]) -> None:
        call = text_of(update.get("toolCallId"))
        if not call:
            self._host.emit(
                "notice", level="info", text="The CLI sent a tool call without an id.", raw=update
            )
            return
        fields, left = self.tool_fields(update)
        if kind == "tool_call":
            fields.setdefault("title", call)
            fields.setdefault("kind", "other")
            fields.setdefault("status", "pending")
        what = fields.get("kind") or self._open.get(call, "")
        if fields.get("status") in ("completed", "failed"):
            self._open.pop(call, None)
            if self.interrupted and what == "execute":
                fields["status"] = "failed"  # a killed command, which some call completed
        elif kind == "tool_call" or "status" in fields:
            self._open[call] = what
        if left:
            fields["raw"] = left
        self._host.emit(kind, call=call, **fields)

    def _tool_content(self, items: List[Any]) -> Tuple[List[Dict[str, Any]], List[Any]]:
        found: List[Dict[str, Any]] = []
        strange: List[Any] = []
        for item in items:
            entry = obj(item)
            inner = obj(entry.get("content"))
            if entry.get("type") == "content" and isinstance(inner.get("text"), str):
                found.append({"type": "text", "text": inner["text"]})
            elif entry.get("type") == "diff" and isinstance(entry.get("path"), str):
                old, new = entry.get("oldText"), entry.get("newText")
                if obj(entry.get("_meta")).get("kind") == "add":
                    old = None  # Gemini gives "" for a file that is not there
                found.append(diffs.content(_text(old), _text(new), entry["path"]))
            else:
                strange.append(item)
        return found, strange

    def _plan(self, update: Dict[str, Any]) -> None:
        entries = []
        for item in many(update.get("entries")):
            entry = obj(item)
            entries.append(
                present(
                    content=text_of(entry.get("content")),
                    status=text_of(entry.get("status")) or "pending",
                    priority=text_of(entry.get("priority")) or None,
                )
            )
        self._host.emit("plan", entries=entries)

    def _commands(self, update: Dict[str, Any]) -> None:
        commands = []
        for item in many(update.get("availableCommands")):
            entry = obj(item)
            if text_of(entry.get("name")):
                commands.append(
                    present(
                        name=entry["name"],
                        description=text_of(entry.get("description")) or None,
                        hint=text_of(obj(entry.get("input")).get("hint")) or None,
                    )
                )
        self._host.emit("available_commands_update", commands=commands)

    def _info(self, update: Dict[str, Any]) -> None:
        title = text_of(update.get("title"))
        if title:
            self._host.emit("session_info_update", title=title)

    def _usage(self, update: Dict[str, Any]) -> None:
        cost = obj(update.get("cost"))
        amount = cost.get("amount") if cost.get("currency", "USD") == "USD" else None
        fields = present(
            context_used=whole(update.get("used")),
            context_size=whole(update.get("size")),
            cost_usd=amount if isinstance(amount, (int, float)) else None,
        )
        if fields:
            self._host.emit("usage_update", **fields)


def content_block(value: Any) -> Optional[Dict[str, Any]]:
    """Our content block of ACP's; None for a type that has none."""
    block = obj(value)
    kind = block.get("type")
    if kind == "text" and isinstance(block.get("text"), str):
        return {"type": "text", "text": block["text"]}
    if kind == "image" and isinstance(block.get("data"), str):
        return {
            "type": "image",
            "data": block["data"],
            "mime_type": text_of(block.get("mimeType")) or "image/png",
        }
    if kind == "resource_link" and isinstance(block.get("uri"), str):
        return present(type="resource_link", uri=block["uri"], name=block.get("name"))
    inner = obj(block.get("resource"))
    if kind == "resource" and isinstance(inner.get("text"), str):
        return {"type": "text", "text": inner["text"]}
    return None


def prompt_block(block: Dict[str, Any], images: bool = True) -> Dict[str, Any]:
    """ACP's content block of ours; without `images`, one that is a file is named instead.

    A file on the machine is named in words: agents differ in what they do with links, some send
    whatever it is to the model.
    """
    uri = str(block.get("uri", ""))
    if block.get("type") == "image" and (images or not uri):
        return {
            "type": "image",
            "data": block.get("data", ""),
            "mimeType": block.get("mime_type", "image/png"),
        }
    if uri.startswith("file://"):
        return {"type": "text", "text": file_words(block)}
    if block.get("type") == "resource_link":
        return {"type": "resource_link", "uri": uri, "name": block.get("name") or uri}
    return {"type": "text", "text": str(block.get("text", ""))}


def usage(value: Any) -> Optional[Dict[str, int]]:
    """Our Usage of a prompt's result (`usage`, or Gemini's `_meta.quota.token_count`)."""
    result = obj(value)
    counts = obj(result.get("usage"))
    quota = obj(obj(obj(result.get("_meta")).get("quota")).get("token_count"))
    found = present(
        input_tokens=whole(counts.get("inputTokens", quota.get("input_tokens"))),
        output_tokens=whole(counts.get("outputTokens", quota.get("output_tokens"))),
        cache_read_tokens=whole(counts.get("cachedReadTokens")),
        cache_write_tokens=whole(counts.get("cachedWriteTokens")),
    )
    return found or None


def _text(value: Any) -> Optional[str]:
    return value if isinstance(value, str) else None


def _locations(items: List[Any]) -> List[Dict[str, Any]]:
    return [
        present(path=item["path"], line=whole(item.get("line")))
        for item in items
        if isinstance(item, dict) and isinstance(item.get("path"), str)
    ]
