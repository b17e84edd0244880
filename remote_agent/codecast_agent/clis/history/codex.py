"""Codex's records: `sessions/YYYY/MM/DD/rollout-<time>-<id>.jsonl`.

A rollout holds what the model was sent and said (`response_item`) and, in present releases,
the same as items for people (`item_completed`), which say more and come first. An item and
its response share an id, so whichever comes first is told. A thread that is being written has
its rollout and a lock file open, which names the process.
"""

import json
import os
import re
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from .. import diffs
from ..lines import clip, first_line, many, obj, text_of
from . import files, running
from .contract import Found, Live, Past, chunk, shorten, title_of

_NAME = re.compile(r"rollout-.*-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl\Z")
_WANTED = (b'"response_item"', b'"event_msg"', b'"compacted"', b'"session_meta"')
# what Codex tells the model in the person's name
CONTEXT = ("<environment_context>", "<user_instructions>", "<turn_aborted>", "# AGENTS.md")
SHELLS = ("shell", "exec_command", "local_shell", "container.exec", "shell_command")


class CodexHistory:
    """See `contract.Reader`; a key is the path of a rollout."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._home = places.get("CODEX_HOME") or os.path.join(places["HOME"], ".codex")
        self._sessions = os.path.join(self._home, "sessions")

    def recent(self) -> List[Tuple[float, str]]:
        found = files.below(self._sessions, 3, ".jsonl")
        return [(e.stat().st_mtime, e.path) for e in found if _NAME.match(e.name)]

    def look(self, key: str) -> Optional[Found]:
        name = _NAME.match(os.path.basename(key))
        meta: Dict[str, Any] = {}
        prompt = ""
        for entry in files.head(key):
            payload = obj(entry.get("payload"))
            if entry.get("type") == "session_meta":
                meta = meta or payload
            prompt = _prompt(entry, payload)
            if prompt:
                break
        if name is None or not text_of(meta.get("cwd")) or not prompt or _is_part(meta):
            return None
        status = os.stat(key)
        return Found(
            "codex",
            name.group(1),
            title_of(prompt),
            meta["cwd"],
            files.stamp(meta.get("timestamp")) or status.st_mtime,
            status.st_mtime,
            status.st_size,
            key,
        )

    def find(self, native: str) -> Optional[Found]:
        suffix = "-%s.jsonl" % native
        for entry in files.below(self._sessions, 3, suffix):
            if _NAME.match(entry.name):
                found = self.look(entry.path)
                if found is not None:
                    return self.live([found])[0]
        return None

    def live(self, found: List[Found]) -> List[Found]:
        if not found:
            return found
        writers = running.writers(self._home)
        locks = os.path.join(os.path.realpath(self._home), "thread-writer-locks")
        out = []
        for each in found:
            pid = writers.get(os.path.realpath(each.path))
            pid = pid or writers.get(os.path.join(locks, each.native + ".lock"))
            one = running.process(pid) if pid else None
            if one is not None:
                why = "Codex (process %d) is writing it." % one.pid
                each = each._replace(live=Live(one.pid, one.program, one.started, why))
            out.append(each)
        return out

    def events(self, found: Found) -> Iterator[Past]:
        told = _Told(found.cwd)
        last = 0.0
        for line in files.lines(found.path):
            if not any(word in line[:200] for word in _WANTED):
                continue
            entry = files.parse(line)
            if entry is None:
                continue
            last = files.stamp(entry.get("timestamp")) or last
            for event in told.entry(entry):
                yield last, event
        for event in told.end():
            yield last, event


def _is_part(meta: Dict[str, Any]) -> bool:
    """Whether it is a sub-agent's thread, which is another one's part."""
    return isinstance(meta.get("source"), dict)


def _prompt(entry: Dict[str, Any], payload: Dict[str, Any]) -> str:
    """The person's words, where an entry has them."""
    if entry.get("type") != "event_msg":
        return ""
    if payload.get("type") == "user_message":
        return _own(text_of(payload.get("message")))
    item = obj(payload.get("item"))
    if payload.get("type") == "item_completed" and item.get("type") == "UserMessage":
        return _own(_text(item.get("content")))
    return ""


def _own(text: str) -> str:
    return "" if text.lstrip().startswith(CONTEXT) else text


def _text(content: Any) -> str:
    """The text of content blocks, whatever their blocks are called."""
    parts = [text_of(obj(block).get("text")) for block in many(content)]
    pictures = sum("image" in text_of(obj(block).get("type")).lower() for block in many(content))
    if pictures:
        parts.append("(with %d attached)" % pictures)
    return "\n".join(part for part in parts if part)


class _Told:
    """What has been told of a rollout, so that nothing is told twice."""

    def __init__(self, cwd: str) -> None:
        self._cwd = cwd
        self._seen: Set[str] = set()
        self._open: Set[str] = set()  # calls without a result
        self._last = ""  # the person's last words: present releases keep them twice
        self._count = 0

    def entry(self, entry: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        kind, payload = entry.get("type"), obj(entry.get("payload"))
        what = text_of(payload.get("type"))
        prompt = _prompt(entry, payload)
        if prompt:
            if prompt != self._last:
                self._last = prompt
                yield from self.end()
                yield self._say("user_message_chunk", "", prompt)
        elif kind == "compacted":
            text = "Codex compacted the conversation here: it went on with a summary."
            yield {"type": "notice", "level": "info", "text": text}
        elif kind == "event_msg" and what == "item_completed":
            self._last = ""
            yield from self._item(obj(payload.get("item")))
        elif kind == "event_msg" and what == "thread_rolled_back":
            text = "Codex went back here: what was said before is partly void."
            yield {"type": "notice", "level": "info", "text": text}
        elif kind == "response_item":
            if payload.get("role") != "user":
                self._last = ""
            yield from self._response(what, payload)

    def end(self) -> Iterator[Dict[str, Any]]:
        """Close what has no result."""
        for call in sorted(self._open):
            yield {"type": "tool_call_update", "call": call, "status": "failed"}
        self._open.clear()

    def _say(self, type: str, id: str, text: str) -> Dict[str, Any]:
        self._count += 1
        message = id or "history-%d" % self._count
        return chunk(type, message, text)

    def _once(self, id: str) -> bool:
        if id and id in self._seen:
            return False
        self._seen.add(id)
        return True

    # -- items, for people

    def _item(self, item: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        kind, id = text_of(item.get("type")), text_of(item.get("id"))
        if kind in ("AgentMessage", "Plan"):
            text = _text(item.get("content")) or text_of(item.get("text"))
            if text and self._once(id):
                yield self._say("agent_message_chunk", id, text)
        elif kind == "Reasoning":
            text = "\n\n".join(map(text_of, many(item.get("summary_text"))))
            if text and self._once(id):
                yield self._say("agent_thought_chunk", id, text)
        elif kind == "CommandExecution":
            words = item.get("command")
            yield self._done(
                id,
                first_line(_command(words)) or "Command",
                "execute",
                item.get("status") == "completed" and item.get("exit_code") in (0, None),
                [_shown(text_of(item.get("aggregated_output")))],
                {"command": words},
            )
        elif kind == "FileChange":
            changes = obj(item.get("changes"))
            content = [_change(path, obj(change)) for path, change in changes.items()]
            yield self._done(
                id,
                _edit_title(list(changes), self._cwd),
                "edit",
                item.get("status") == "completed",
                content,
                None,
                [{"path": path} for path in changes],
            )
        elif kind in ("McpToolCall", "DynamicToolCall", "WebSearch", "ImageView"):
            name = text_of(item.get("tool")) or text_of(item.get("query")) or kind
            result = item.get("result")
            shown = [_shown(_json(result))] if result else []
            good = item.get("status") in ("completed", None)
            kind = "fetch" if kind == "WebSearch" else "other"
            yield self._done(id, first_line(name), kind, good, shown, item.get("arguments"))

    def _done(
        self,
        id: str,
        title: str,
        kind: str,
        good: bool,
        content: Sequence[Optional[Dict[str, Any]]],
        given: Any = None,
        locations: Optional[List[Dict[str, Any]]] = None,
    ) -> Dict[str, Any]:
        self._open.discard(id)
        self._seen.add("done " + id)
        self._count += 1
        event: Dict[str, Any] = {
            "type": "tool_call",
            "call": id or "history-%d" % self._count,
            "title": title,
            "kind": kind,
            "status": "completed" if good else "failed",
        }
        shown = [block for block in content if block is not None]
        if shown:
            event["content"] = shown
        if locations:
            event["locations"] = locations
        if given is not None:
            event["raw_input"] = given
        return event

    # -- responses, for the model

    def _response(self, kind: str, payload: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        id, call = text_of(payload.get("id")), text_of(payload.get("call_id"))
        if kind == "message" and payload.get("role") == "assistant":
            text = _text(payload.get("content"))
            if text and self._once(id):
                yield self._say("agent_message_chunk", id, text)
        elif kind == "reasoning":
            text = "\n\n".join(text_of(obj(s).get("text")) for s in many(payload.get("summary")))
            if text and self._once(id):
                yield self._say("agent_thought_chunk", id, text)
        elif kind in ("function_call", "custom_tool_call", "local_shell_call") and call:
            yield from self._asked(call, text_of(payload.get("name")) or "shell", payload)
        elif kind.endswith("_output") and call:
            yield from self._answered(call, payload.get("output"))

    def _asked(self, call: str, name: str, payload: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        given: Any = payload.get("input", payload.get("arguments", payload.get("action")))
        if isinstance(given, str) and payload.get("type") == "function_call":
            given = files.parse(given.encode("utf-8", "replace")) or given
        if name == "update_plan":
            steps = many(obj(given).get("plan"))
            entries = [
                {"content": text_of(obj(s).get("step")), "status": _status(obj(s).get("status"))}
                for s in steps
            ]
            self._seen.add("done " + call)
            yield {"type": "plan", "entries": entries}
            return
        self._open.add(call)
        title, kind = name, "other"
        if name in SHELLS:
            words = obj(given).get("command", obj(given).get("cmd"))
            title, kind = first_line(_command(words)) or name, "execute"
        elif name == "apply_patch":
            title, kind = "Edit", "edit"
        event = {
            "type": "tool_call",
            "call": call,
            "title": title,
            "kind": kind,
            "status": "in_progress",
            "raw_input": given,
        }
        if name == "apply_patch" and isinstance(given, str):
            event["content"] = [_block(given)]
        yield event

    def _answered(self, call: str, output: Any) -> Iterator[Dict[str, Any]]:
        if not self._once("done " + call):
            return
        self._open.discard(call)
        text = output if isinstance(output, str) else _text(output) or _json(output)
        inner = files.parse(text.encode("utf-8", "replace")) if text.startswith("{") else None
        code = 0
        if inner is not None and isinstance(inner.get("output"), str):  # older releases
            text, code = inner["output"], obj(inner.get("metadata")).get("exit_code", 0)
        event: Dict[str, Any] = {"type": "tool_call_update", "call": call}
        event["status"] = "completed" if code == 0 else "failed"
        shown = _shown(text)
        if shown is not None:
            event["content"] = [shown]
        yield event


def _command(words: Any) -> str:
    """A command as a person would type it: what `bash -lc` is given stands for itself."""
    if isinstance(words, str):
        return words
    parts = [text_of(word) for word in many(words)]
    if len(parts) == 3 and parts[1] in ("-lc", "-c"):
        return parts[2]
    return " ".join(parts)


def _change(path: str, change: Dict[str, Any]) -> Dict[str, Any]:
    kind, content = change.get("type"), text_of(change.get("content"))
    if kind == "add":
        return diffs.content(None, content, path)
    if kind == "delete":
        return diffs.content(content, None, path)
    hunks = text_of(change.get("unified_diff"))
    to = text_of(change.get("move_path")) or path
    return {"type": "diff", "path": to, "diff": "--- %s\n+++ %s\n%s" % (path, to, hunks)}


def _edit_title(paths: List[str], cwd: str) -> str:
    base = cwd.rstrip("/") + "/"
    names = [path[len(base) :] if path.startswith(base) else path for path in paths]
    return clip("Edit " + ", ".join(names), 200)


def _status(value: Any) -> str:
    return value if value in ("pending", "in_progress", "completed") else "pending"


def _block(text: str) -> Dict[str, Any]:
    return {"type": "text", "text": shorten(text)}


def _shown(text: str) -> Optional[Dict[str, Any]]:
    return _block(text) if text else None


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return str(value)
