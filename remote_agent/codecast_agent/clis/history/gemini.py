"""Gemini CLI's records: `~/.gemini/tmp/<project>/chats/session-<minute>-<id>.jsonl`.

A header, then messages and patches (`$set`, `$rewindTo`). A message is written again when it
grows, so the last version of each id counts: a first pass finds out which that is. There is
no lock; a Gemini that runs in the same directory and began before the last message may well
be the one that wrote it, and is taken for it.
"""

import os
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from ..lines import first_line, many, obj, text_of
from . import files, running
from .contract import Found, Past, chunk, plain_diff, shorten, title_of

KINDS = {
    "read_file": "read",
    "read_many_files": "read",
    "list_directory": "search",
    "glob": "search",
    "grep_search": "search",
    "search_file_content": "search",
    "replace": "edit",
    "write_file": "edit",
    "run_shell_command": "execute",
    "web_fetch": "fetch",
    "google_web_search": "fetch",
}
CONTEXT = ("<session_context>", "This is the Gemini CLI. We are setting up the context")
LEVELS = {"info": "info", "warning": "warning", "error": "error"}


class GeminiHistory:
    """See `contract.Reader`; a key is the path of a record."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._root = os.path.join(places["HOME"], ".gemini", "tmp")

    def recent(self) -> List[Tuple[float, str]]:
        found = files.below(self._root, 2, ".jsonl")
        return [
            (entry.stat().st_mtime, entry.path)
            for entry in found
            if os.path.basename(os.path.dirname(entry.path)) == "chats"
        ]

    def look(self, key: str) -> Optional[Found]:
        header: Dict[str, Any] = {}
        prompt = ""
        for entry in files.head(key):
            if "sessionId" in entry and not header:
                header = entry
            for message in _messages(entry):
                if message.get("type") == "user":
                    prompt = prompt or _said(message)
            if prompt:
                break
        native = text_of(header.get("sessionId"))
        if not native or not prompt or header.get("kind", "main") != "main":
            return None
        status = os.stat(key)
        return Found(
            "gemini",
            native,
            title_of(prompt),
            self._directory(key),
            files.stamp(header.get("startTime")) or status.st_mtime,
            status.st_mtime,
            status.st_size,
            key,
        )

    def _directory(self, key: str) -> str:
        """The project's directory, as Gemini notes it beside its chats."""
        project = os.path.dirname(os.path.dirname(key))
        try:
            with open(project + "/.project_root", encoding="utf-8") as file:
                return file.read().strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def find(self, native: str) -> Optional[Found]:
        mark = "-%s.jsonl" % native[:8]  # of several files, the one written last counts
        for _, key in sorted(self.recent(), reverse=True):
            if key.endswith(mark):
                found = self.look(key)
                if found is not None and found.native == native:
                    return self.live([found])[0]
        return None

    def live(self, found: List[Found]) -> List[Found]:
        return running.guess(found, "Gemini CLI", {"gemini", "gemini.js"})

    def events(self, found: Found) -> Iterator[Past]:
        kept = _kept(found.path)
        last = 0.0
        for index, line in enumerate(files.lines(found.path)):
            for message in _messages(files.parse(line) or {}):
                if kept.get(text_of(message.get("id"))) == index:
                    last = files.stamp(message.get("timestamp")) or last
                    for event in _tell(message):
                        yield last, event


def _messages(entry: Dict[str, Any]) -> List[Dict[str, Any]]:
    """The messages a line holds: itself, or a whole list."""
    if "$set" in entry:
        return [obj(each) for each in many(obj(entry["$set"]).get("messages"))]
    return [entry] if text_of(entry.get("id")) and "type" in entry else []


def _kept(path: str) -> Dict[str, int]:
    """Message id -> the number of the line with its last version, as far as it still counts."""
    kept: Dict[str, int] = {}
    for index, line in enumerate(files.lines(path)):
        entry = files.parse(line) or {}
        if isinstance(obj(entry.get("$set")).get("messages"), list):
            kept = {}
        back = entry.get("$rewindTo")
        if isinstance(back, str) and back in kept:
            order = list(kept)
            for id in order[order.index(back) :]:
                del kept[id]
        for message in _messages(entry):
            kept[text_of(message.get("id"))] = index
    return kept


def _said(message: Dict[str, Any]) -> str:
    """The person's words; empty for tool results and what Gemini put there."""
    content = message.get("displayContent") or message.get("content")
    parts = [{"text": content}] if isinstance(content, str) else many(content)
    texts = [text_of(obj(part).get("text")) for part in parts]
    if any("functionResponse" in obj(part) for part in parts):
        return ""
    text = "\n".join(part for part in texts if part and not part.startswith(CONTEXT))
    pictures = sum("inlineData" in obj(part) for part in parts)
    return text + ("\n(with %d attached)" % pictures if pictures else "")


def _tell(message: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
    id, kind = text_of(message.get("id")), message.get("type")
    if kind == "user":
        said = _said(message)
        if said:
            yield chunk("user_message_chunk", id, said)
    elif kind == "gemini":
        thoughts = []
        for item in many(message.get("thoughts")):
            parts = [text_of(obj(item).get(key)) for key in ("subject", "description")]
            thoughts.append("\n".join(part for part in parts if part))
        if any(thoughts):
            yield chunk("agent_thought_chunk", id + ":thought", "\n\n".join(thoughts))
        content = message.get("content")
        text = content if isinstance(content, str) else _said({"content": content})
        if text:
            yield chunk("agent_message_chunk", id, text)
        for call in many(message.get("toolCalls")):
            yield _call(obj(call))
    elif kind in LEVELS and text_of(message.get("content")):
        text = shorten(message["content"])
        yield {"type": "notice", "level": LEVELS[str(kind)], "text": text}


def _call(call: Dict[str, Any]) -> Dict[str, Any]:
    name, given, shown = text_of(call.get("name")), obj(call.get("args")), call.get("resultDisplay")
    title = text_of(call.get("displayName")) or name or "Tool"
    about = first_line(text_of(call.get("description")))
    if name == "run_shell_command":
        title, about = first_line(text_of(given.get("command"))) or title, ""
    event: Dict[str, Any] = {
        "type": "tool_call",
        "call": text_of(call.get("id")),
        "title": "%s: %s" % (title, about) if about else title,
        "kind": KINDS.get(name, "other"),
        "status": "completed" if call.get("status") == "success" else "failed",
        "raw_input": given,
    }
    path = text_of(given.get("file_path")) or text_of(obj(shown).get("filePath"))
    if path:
        event["locations"] = [{"path": path}]
    diff = text_of(obj(shown).get("fileDiff"))
    if diff:
        change: Dict[str, Any] = {"type": "diff", "path": path, "diff": plain_diff(diff, path)}
        if obj(shown).get("isNewFile") is True:
            change["created"] = True
        event["content"] = [change]
        return event
    text = shown if isinstance(shown, str) and shown else _output(call)
    if text:
        event["content"] = [{"type": "text", "text": shorten(text)}]
    return event


def _output(call: Dict[str, Any]) -> str:
    for part in many(call.get("result")):
        response = obj(obj(obj(part).get("functionResponse")).get("response"))
        text = text_of(response.get("output")) or text_of(response.get("error"))
        if text:
            return text
    return ""
