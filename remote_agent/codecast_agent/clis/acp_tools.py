"""ACP's tool calls in our words: fields, contents, diffs, terminals. Keeps no state."""

import re
from typing import Any, Dict, List, Optional, Tuple

from . import diffs
from .lines import obj, present, text_of, whole

KINDS = frozenset(
    ("read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other")
)
STATUSES = frozenset(("pending", "in_progress", "completed", "failed"))
# agents fence output for pages that show Markdown; ours show it as it is
FENCED = re.compile(r"\A```[a-z]*\n(.*?)\n?```\s*\Z", re.DOTALL)


def fields(call: Dict[str, Any], tags: Tuple[str, ...]) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """Our fields of a tool call or its update, and what is left of it.

    `tags`: marks around words that are for the model, taken off.
    """
    left = {
        key: value
        for key, value in call.items()
        if key not in ("sessionUpdate", "toolCallId", "title", "kind", "status")
    }
    found = present(title=text_of(call.get("title")) or None)
    if call.get("kind") is not None:
        found["kind"] = call["kind"] if text_of(call["kind"]) in KINDS else "other"
    if text_of(call.get("status")) in STATUSES:
        found["status"] = call["status"]
    if isinstance(call.get("content"), list):
        content, strange = _content(call["content"], tags)
        # an empty list in an update erases nothing worth keeping
        if content:
            found["content"] = content
        del left["content"]
        if strange:
            left["content"] = strange
    if isinstance(call.get("locations"), list):
        places = _locations(left.pop("locations"))
        if places:
            found["locations"] = places
    for native, ours in (("rawInput", "raw_input"), ("rawOutput", "raw_output")):
        value = left.pop(native, None)
        if value is not None and not (ours == "raw_input" and value == {}):
            found[ours] = value
    return found, left


def terminal(left: Dict[str, Any]) -> Tuple[str, Optional[int]]:
    """Output and exit code of a command that an agent tells beside the protocol.

    Some run commands in a terminal of their own and tell it in `_meta`, asked for or not; it is
    taken out of `left`.
    """
    meta = dict(obj(left.get("_meta")))
    told = [obj(meta.pop(key, None)) for key in ("terminal_output_delta", "terminal_output")]
    ended = obj(meta.pop("terminal_exit", None))
    meta.pop("terminal_info", None)
    if len(meta) != len(obj(left.get("_meta"))):
        left.pop("_meta")
        if meta:
            left["_meta"] = meta
    output = "".join(text_of(one.get("data")) for one in told)
    return output, whole(ended.get("exit_code"))


def output_of(raw: Any) -> str:
    """A command's output where it is told by its raw result alone."""
    if isinstance(raw, str):
        return raw
    names = ("formatted_output", "aggregated_output", "output", "stdout")
    found = [text_of(obj(raw).get(name)) for name in names]
    return next((text for text in found if text), "")


def _content(items: List[Any], tags: Tuple[str, ...]) -> Tuple[List[Dict[str, Any]], List[Any]]:
    found: List[Dict[str, Any]] = []
    strange: List[Any] = []
    for item in items:
        entry = obj(item)
        inner = obj(entry.get("content"))
        if entry.get("type") == "content" and isinstance(inner.get("text"), str):
            found.append({"type": "text", "text": _plain(inner["text"], tags)})
        elif entry.get("type") == "diff" and isinstance(entry.get("path"), str):
            old, new = _text(entry.get("oldText")), _text(entry.get("newText"))
            if obj(entry.get("_meta")).get("kind") == "add":
                old = None  # Gemini gives "" for a file that is not there
            if old and new and not old.endswith("\n") and not new.endswith("\n"):
                old, new = old + "\n", new + "\n"  # mostly a piece: it says nothing of ends
            found.append(diffs.content(old, new, entry["path"]))
        elif not text_of(entry.get("terminalId")):  # its output is told elsewhere
            strange.append(item)
    return found, strange


def _plain(text: str, tags: Tuple[str, ...]) -> str:
    for tag in tags:
        text = re.sub(r"\n*<%s>\n?(.*?)\n?</%s>" % (tag, tag), r"\n\1", text, flags=re.DOTALL)
    fenced = FENCED.match(text)
    if fenced is not None and "```" not in fenced.group(1):
        return fenced.group(1)
    return text


def _text(value: Any) -> Optional[str]:
    return value if isinstance(value, str) else None


def _locations(items: List[Any]) -> List[Dict[str, Any]]:
    return [
        present(path=item["path"], line=whole(item.get("line")))
        for item in items
        if isinstance(item, dict) and isinstance(item.get("path"), str)
    ]
