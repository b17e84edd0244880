"""ACP's `session/update`, told in our vocabulary.

The two are close relatives: names change from camelCase, whole old and new texts become
unified diffs (`acp_tools`), chunks get a message id where the agent gives none, and a tool
call that was left open is closed with its turn. What has no field of ours stays in `raw`.

Agents tell an open tool call again and again with all they know of it: what has been told is
left out. Text that goes on after something else came between is another message, also where
the agent calls it the same: else it would be appended to what stands above.
"""

import re
from typing import Any, Dict, List, Optional

from . import acp_tools
from .acp_settings import Settings
from .contract import Host
from .lines import clip, file_words, many, obj, present, text_of, whole
from .quirks import Quirks

ENDED = ("completed", "failed")
CHUNKS = ("agent_message_chunk", "agent_thought_chunk", "user_message_chunk")
HISTORY = (*CHUNKS, "tool_call", "tool_call_update", "plan")


# Most of what agents write, in the one way most of them write it: a chunk of printable ASCII, with
# escapes as we make them. Its content block can stand in an event as it is. A look at the bytes
# takes a third of the time of reading and writing JSON.
PLAIN = re.compile(
    rb'{"jsonrpc":"2\.0","method":"session/update","params":{"sessionId":"[ !#-\[\]-~]*","update":'
    rb'{"sessionUpdate":"(agent_message_chunk|agent_thought_chunk)","content":'
    rb'({"type":"text","text":"[ !#-\[\]-~]*(?:\\["\\bfnrt][ !#-\[\]-~]*)*"})}}}'
).fullmatch


class Content:
    """Turns updates into events; `turn` is the number new message ids are made from."""

    def __init__(self, host: Host, quirks: Quirks, settings: Settings) -> None:
        self._host = host
        self._quirks = quirks
        self._settings = settings
        self._open: Dict[str, _Call] = {}  # tool calls that have not ended
        self.spoke = False  # the turn has content
        self.interrupted = False  # the turn was
        self._turn = 0
        self._count = 0
        self._last = ("", "")  # type and message of the last chunk, while nothing came between
        self._parts: Dict[str, int] = {}  # message -> how often it went on in this turn
        self._commands_told: Optional[List[Dict[str, Any]]] = None
        self.cost_before = 0.0  # of the session, in US dollars, before this process
        self._cost_offset: Optional[float] = None  # of it, what the agent does not count itself

    def begin_turn(self, turn: int) -> None:
        """Message ids of this turn begin with its number, so they are unique in the session."""
        self._turn, self._count, self._last = turn, 0, ("", "")
        self._parts.clear()
        self.spoke = self.interrupted = False

    def end_turn(self) -> None:
        """Close the tool calls the agent left open: nothing will."""
        for call, entry in sorted(self._open.items()):
            fields: Dict[str, Any] = {"status": "failed"}
            if entry.output:  # which a person would look for there
                fields["content"] = [{"type": "text", "text": entry.output}]
            self._host.emit("tool_call_update", call=call, **fields)
        self._open.clear()

    def busy(self) -> bool:
        """Whether a tool call is open."""
        return bool(self._open)

    def expect(self, call: str, **fields: Any) -> None:
        """Tell a call that the agent asks about and has not announced."""
        if call not in self._open:
            self._open[call] = entry = _Call(fields["kind"])
            entry.expected = True
            entry.told = {**fields, "status": "pending"}
            self._host.emit("tool_call", call=call, **entry.told)

    def answered(self, call: str, allowed: bool) -> None:
        """The person's answer about a call."""
        entry = self._open.get(call)
        if entry is not None and entry.told.get("status") == "pending":
            if allowed:
                self._update(call, {"status": "in_progress"})
            elif entry.expected:  # the agent says no word of it any more
                self._update(call, {"status": "failed"})

    def is_output(self, update: Dict[str, Any]) -> bool:
        """Whether an update is part of a turn (and not of the agent's settings)."""
        if update.get("sessionUpdate") == "tool_call_update":
            return text_of(update.get("toolCallId")) in self._open
        return self.is_history(update) and not self._hidden(content_block(update.get("content")))

    def is_history(self, update: Dict[str, Any]) -> bool:
        """Whether a replay tells it of a turn that is over."""
        return update.get("sessionUpdate") in HISTORY

    def update(self, update: Dict[str, Any]) -> None:
        """Emit what one update says."""
        kind = text_of(update.get("sessionUpdate"))
        if kind in CHUNKS:
            self.spoke = True
            self._chunk(kind, update)
            return
        if kind in ("tool_call", "tool_call_update"):
            self._last = ("", "")
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

    def _chunk(self, kind: str, update: Dict[str, Any]) -> None:
        block = content_block(update.get("content"))
        if block is None:
            self._host.emit(
                "notice", level="info", text="The CLI sent content of an unknown type.", raw=update
            )
            return
        if self._quirks.hidden and self._hidden(block):
            words = self._quirks.mode_words
            if words and block.get("text", "").startswith(words):
                self._settings.mode_update({"currentModeId": block["text"][len(words) :].strip()})
            return
        message = self._message(kind, text_of(update.get("messageId")))
        self._host.emit(kind, message=message, content=block)

    def text(self, kind: str, content: bytes) -> None:
        """A chunk of text, its content block as JSON (see `PLAIN`)."""
        self.spoke = True
        self._host.emit_chunk(kind, self._message(kind, ""), content)

    def _message(self, kind: str, message: str) -> str:
        """The id of a chunk's message, where the agent says `message`."""
        if message and kind == "agent_thought_chunk":
            message += ":thought"  # a message's thoughts and its text are two
        if self._last != (kind, message):
            self._last = (kind, message)
            self._count += 1
            self._parts[message] = self._parts.get(message, 0) + 1
        if not message:
            message = "t%d.%d" % (self._turn, self._count)
        elif self._parts[message] > 1:
            message += ":%d" % self._parts[message]
        return message

    def _hidden(self, block: Optional[Dict[str, Any]]) -> bool:
        """Whether it is the agent talking to itself."""
        if not self._quirks.hidden:
            return False
        text = block.get("text", "") if block is not None else ""
        return any(text.startswith(start) for start in self._quirks.hidden)

    def _tool(self, kind: str, update: Dict[str, Any]) -> None:
        call = text_of(update.get("toolCallId"))
        if not call:
            self._host.emit(
                "notice", level="info", text="The CLI sent a tool call without an id.", raw=update
            )
            return
        fields, left = acp_tools.fields(update, self._quirks.tags)
        entry = self._open.get(call)
        if kind == "tool_call" and entry is None:
            fields.setdefault("title", call)
            fields.setdefault("kind", "other")
            fields.setdefault("status", "pending")
        output, code = acp_tools.terminal(left)
        if entry is not None:
            entry.output += output
            ended = fields.get("status") in ENDED
            if ended and "content" not in fields and entry.output:
                fields["content"] = [{"type": "text", "text": entry.output}]
            if ended and entry.kind == "execute" and not {"content"} & {*fields, *entry.told}:
                words = acp_tools.output_of(fields.get("raw_output"))
                if words:
                    fields["content"] = [{"type": "text", "text": words}]
            emptied = ended and update.get("content") == [] and "content" in entry.told
            if emptied and entry.kind == "execute":
                fields.setdefault("content", [])  # what stood there were words about the command
        if fields.get("status") == "completed":
            what = fields.get("kind") or (entry.kind if entry is not None else "")
            # a killed command, which some call completed
            if code or (self.interrupted and what == "execute"):
                fields["status"] = "failed"
        if code is not None:
            fields.setdefault("raw_output", {"exit_code": code})
        if left:
            fields["raw"] = left
        todos = obj(fields.get("raw_input")).get("todos")
        if (entry is not None and entry.todos) or isinstance(todos, list):
            fields.pop("content", None)  # the list again
        if kind == "tool_call" and entry is None:
            self._open[call] = entry = _Call(fields["kind"])
            entry.told = dict(fields)
            self._host.emit(kind, call=call, **fields)
        else:
            if entry is None and "status" in fields:
                self._open[call] = _Call(fields.get("kind", ""))
            self._update(call, fields)
        entry = self._open.get(call)
        if isinstance(todos, list) and entry is not None and todos != entry.todos:
            entry.todos = todos  # of an agent that tells its to-do list by no `plan`
            self._plan({"entries": todos})
        if output and fields.get("status") not in ENDED and call in self._open:
            self._host.emit("tool_output_delta", call=call, text=output)
        if fields.get("status") in ENDED:
            self._open.pop(call, None)

    def _update(self, call: str, fields: Dict[str, Any]) -> None:
        """Tell what is new of a call."""
        entry = self._open.get(call)
        if entry is not None:
            fields = {key: value for key, value in fields.items() if entry.told.get(key) != value}
            entry.told.update(fields)
            entry.kind = fields.get("kind", entry.kind)
        if fields:
            self._host.emit("tool_call_update", call=call, **fields)
        if fields.get("status") in ENDED:
            self._open.pop(call, None)

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
        commands: List[Dict[str, Any]] = []
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
        if commands != self._commands_told:
            self._commands_told = commands
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
            cost_usd=self._session_cost(amount) if isinstance(amount, (int, float)) else None,
        )
        if fields:
            self._host.emit("usage_update", **fields)

    def _session_cost(self, amount: float) -> float:
        """The cost of the session: an agent that is resumed may count from nothing."""
        if self._cost_offset is None:
            self._cost_offset = 0.0 if amount >= self.cost_before else self.cost_before
        return round(self._cost_offset + amount, 8)


class _Call:
    """A tool call that is not over."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.expected = False  # told by us, for the agent asked about it first
        self.told: Dict[str, Any] = {}  # its fields as they were told last
        self.todos: List[Any] = []  # it has set
        self.output = ""  # of its terminal, so far


def content_block(value: Any) -> Optional[Dict[str, Any]]:
    """Our content block of ACP's; None for a type that has none."""
    block: Dict[str, Any] = value if isinstance(value, dict) else {}
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
