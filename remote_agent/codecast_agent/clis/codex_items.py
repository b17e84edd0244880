"""Codex's items in our words: title, kind, places, diffs and results of a tool call.

An item is told by its type alone; the functions here keep no state.
"""

import os
import shlex
from typing import Any, Dict, List, Optional, Tuple

from . import diffs
from .lines import first_line, many, obj, present, text_of

STATUS = {
    "inProgress": "in_progress",
    "completed": "completed",
    "failed": "failed",
    "declined": "failed",
    "interrupted": "failed",
}
TOOLS = frozenset(
    (
        "commandExecution",
        "fileChange",
        "mcpToolCall",
        "dynamicToolCall",
        "collabAgentToolCall",
        "webSearch",
        "imageView",
        "imageGeneration",
        "sleep",
    )
)
AGENT_VERBS = {
    "spawnAgent": "start",
    "sendInput": "message",
    "sendMessage": "message",
    "followupTask": "message",
    "resumeAgent": "resume",
    "wait": "wait",
    "closeAgent": "close",
    "interruptAgent": "interrupt",
    "listAgents": "list",
}


def command_of(text: str) -> str:
    """The command that a person would type: without the shell it is given to."""
    try:
        words = shlex.split(text)
    except ValueError:
        return text
    if len(words) == 3 and words[1] in ("-lc", "-c") and words[0].endswith("sh"):
        return words[2]
    return text


def call(item: Dict[str, Any], cwd: str) -> Dict[str, Any]:
    """The fields of a `tool_call` of an item in TOOLS, but for its id."""
    kind = text_of(item.get("type"))
    fields = _ABOUT[kind](item, cwd)
    fields["status"] = STATUS.get(text_of(item.get("status")), "in_progress")
    return fields


def outcome(item: Dict[str, Any], cwd: str) -> Dict[str, Any]:
    """What the completed item adds: status, content, raw output."""
    kind = text_of(item.get("type"))
    status = STATUS.get(text_of(item.get("status")), "completed")
    fields: Dict[str, Any] = {}
    if kind == "commandExecution":
        output = text_of(item.get("aggregatedOutput"))
        code = item.get("exitCode")
        if output:
            fields["content"] = [{"type": "text", "text": output}]
        raw = present(exit_code=code, duration_ms=item.get("durationMs"))
        if item.get("status") == "declined":
            raw["declined"] = True
        if raw:
            fields["raw_output"] = raw
        if isinstance(code, int) and code != 0:
            status = "failed"
    elif kind == "fileChange":
        fields["content"] = changes(item.get("changes"))
        if item.get("status") == "declined":
            fields["raw_output"] = {"declined": True}
    elif kind == "mcpToolCall":
        result, error = obj(item.get("result")), obj(item.get("error"))
        texts = _texts(result.get("content"))
        if text_of(error.get("message")):
            texts.append(error["message"])
        fields.update(_shown(texts))
        fields.update(present(raw_output=item.get("error") or item.get("result")))
    elif kind == "dynamicToolCall":
        fields.update(_shown(_texts(item.get("contentItems"))))
        if item.get("success") is False:
            status = "failed"
    elif kind == "collabAgentToolCall":
        states = obj(item.get("agentsStates"))
        fields.update(_shown([text_of(obj(one).get("message")) for one in states.values() if one]))
    elif kind == "webSearch":
        fields.update(
            present(title=_ABOUT[kind](item, cwd)["title"], raw_output=item.get("action"))
        )
    elif kind == "imageGeneration":
        fields.update(_shown([text_of(item.get("savedPath"))]))
    fields["status"] = status
    return fields


def changes(items: Any) -> List[Dict[str, Any]]:
    """ToolContent of a file change: one diff a file."""
    found: List[Dict[str, Any]] = []
    for item in many(items):
        change = obj(item)
        path, diff = text_of(change.get("path")), text_of(change.get("diff"))
        kind = obj(change.get("kind"))
        if not path:
            continue
        if kind.get("type") == "add":
            found.append(diffs.content(None, diff, path))
        elif kind.get("type") == "delete":
            found.append(diffs.content(diff, None, path))
        else:
            new = text_of(kind.get("move_path")) or path
            head = "" if diff.startswith("--- ") else "--- %s\n+++ %s\n" % (path, new)
            found.append({"type": "diff", "path": new, "diff": head + diff})
    return found


def touched(items: Any) -> List[str]:
    """Every path a file change names, also where a file is moved to."""
    found: List[str] = []
    for item in many(items):
        change = obj(item)
        for path in (change.get("path"), obj(change.get("kind")).get("move_path")):
            if text_of(path):
                found.append(str(path))
    return found


def short(path: str, cwd: str) -> str:
    """A path as a person in `cwd` would write it."""
    if cwd and path.startswith(cwd.rstrip("/") + "/"):
        return path[len(cwd.rstrip("/")) + 1 :]
    return path


def _command(item: Dict[str, Any], cwd: str) -> Dict[str, Any]:
    command = command_of(text_of(item.get("command")))
    where = text_of(item.get("cwd"))
    fields: Dict[str, Any] = {
        "title": first_line(command) or "Command",
        "kind": "execute",
        "raw_input": present(command=command, cwd=where or None),
    }
    places = []
    for action in many(item.get("commandActions")):
        path = text_of(obj(action).get("path"))
        if path and obj(action).get("type") == "read":
            places.append({"path": os.path.join(where or cwd, path)})
    if places:
        fields["locations"] = places
    return fields


def _files(item: Dict[str, Any], cwd: str) -> Dict[str, Any]:
    title, kind = about_changes(item.get("changes"), cwd)
    fields: Dict[str, Any] = {"title": title, "kind": kind}
    content = changes(item.get("changes"))
    if content:
        fields["content"] = content
    places = [{"path": path} for path in touched(item.get("changes"))]
    if places:
        fields["locations"] = places
    return fields


def about_changes(items: Any, cwd: str) -> Tuple[str, str]:
    """Title and kind of a file change."""
    found = [obj(item) for item in many(items)]
    names = [short(text_of(change.get("path")), cwd) for change in found]
    if not found:
        return "Edit files", "edit"
    if len(found) > 1:
        return first_line("Edit %d files: %s" % (len(found), ", ".join(names))), "edit"
    kind = obj(found[0].get("kind"))
    if kind.get("type") == "add":
        return "Write " + names[0], "edit"
    if kind.get("type") == "delete":
        return "Delete " + names[0], "delete"
    if text_of(kind.get("move_path")):
        return "Move %s to %s" % (names[0], short(kind["move_path"], cwd)), "move"
    return "Edit " + names[0], "edit"


def _mcp(item: Dict[str, Any], cwd: str) -> Dict[str, Any]:
    name = "%s.%s" % (text_of(item.get("server")), text_of(item.get("tool")))
    kind = "read" if item.get("readOnlyHint") is True else "other"
    return {"title": first_line(name), "kind": kind, **present(raw_input=item.get("arguments"))}


def _dynamic(item: Dict[str, Any], cwd: str) -> Dict[str, Any]:
    name = text_of(item.get("tool")) or "Tool"
    if text_of(item.get("namespace")):
        name = "%s.%s" % (item["namespace"], name)
    return {"title": first_line(name), "kind": "other", **present(raw_input=item.get("arguments"))}


def _agent(item: Dict[str, Any], cwd: str) -> Dict[str, Any]:
    tool = text_of(item.get("tool"))
    prompt = first_line(text_of(item.get("prompt")))
    title = "Agent: " + (prompt if tool == "spawnAgent" and prompt else AGENT_VERBS.get(tool, tool))
    return {
        "title": title,
        "kind": "think",
        "raw_input": present(prompt=item.get("prompt"), model=item.get("model")),
    }


def _search(item: Dict[str, Any], cwd: str) -> Dict[str, Any]:
    query = text_of(item.get("query"))
    return {"title": first_line("Search: " + query if query else "Web search"), "kind": "fetch"}


def _image(item: Dict[str, Any], cwd: str) -> Dict[str, Any]:
    path = text_of(item.get("path"))
    return {"title": "Look at " + short(path, cwd), "kind": "read", "locations": [{"path": path}]}


def _drawing(item: Dict[str, Any], cwd: str) -> Dict[str, Any]:
    words = first_line(text_of(item.get("revisedPrompt")))
    return {"title": "Draw an image" + (": " + words if words else ""), "kind": "other"}


def _sleep(item: Dict[str, Any], cwd: str) -> Dict[str, Any]:
    duration = item.get("durationMs")
    seconds = duration / 1000.0 if isinstance(duration, (int, float)) else 0.0
    return {"title": "Wait %g s" % seconds, "kind": "other"}


_ABOUT = {
    "commandExecution": _command,
    "fileChange": _files,
    "mcpToolCall": _mcp,
    "dynamicToolCall": _dynamic,
    "collabAgentToolCall": _agent,
    "webSearch": _search,
    "imageView": _image,
    "imageGeneration": _drawing,
    "sleep": _sleep,
}


def _texts(items: Any) -> List[str]:
    """The texts of MCP's and the model's content items."""
    found = [text_of(obj(item).get("text")) for item in many(items)]
    return [text for text in found if text]


def _shown(texts: List[str]) -> Dict[str, Any]:
    text: Optional[str] = "\n".join(one for one in texts if one)
    return {"content": [{"type": "text", "text": text}]} if text else {}
