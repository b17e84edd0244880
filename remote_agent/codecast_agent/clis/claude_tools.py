"""Claude's tools in our words: title, kind, places, diffs and results of a tool call."""

import os
from typing import Any, Dict, List, Optional

from . import diffs
from .lines import first_line, many, obj, present, text_of, whole

KINDS: Dict[str, str] = {
    "Bash": "execute",
    "BashOutput": "execute",
    "KillShell": "execute",
    "Read": "read",
    "NotebookRead": "read",
    "Edit": "edit",
    "MultiEdit": "edit",
    "Write": "edit",
    "NotebookEdit": "edit",
    "Glob": "search",
    "Grep": "search",
    "LS": "search",
    "ToolSearch": "search",
    "WebFetch": "fetch",
    "WebSearch": "fetch",
    "web_fetch": "fetch",
    "web_search": "fetch",
    "Task": "think",
    "Agent": "think",
    "TodoWrite": "think",
    "TaskCreate": "think",
    "TaskUpdate": "think",
    "TaskList": "think",
    "TaskGet": "think",
    "ExitPlanMode": "think",
    "AskUserQuestion": "other",
}
# their results repeat a file or what the diff says
FILE_TOOLS = frozenset(("Read", "NotebookRead", "Edit", "MultiEdit", "Write", "NotebookEdit"))
SAID = frozenset(("stdout", "originalFile", "noOutputExpected"))  # elsewhere, or for nobody
PLAN_TOOLS = frozenset(("TodoWrite", "TaskCreate", "TaskUpdate", "TaskList"))
# what Claude Code tells the model, and what it means for a person
REFUSED = "The user doesn't want to "
USER_SAID = "the user said:"
STOPPED = "this call was stopped while running"
NO_OUTPUT = "(Bash completed with no output)"
MAX_READ = 1 << 20  # bytes of a file that are read to show a change
PATHS = ("file_path", "notebook_path", "path")


def kind(name: str) -> str:
    """ACP's kind of a tool."""
    return KINDS.get(name, "other")


def title(name: str, given: Dict[str, Any], cwd: str) -> str:
    """What a person reads: the command, or the verb and its object."""
    path = text_of(given.get("file_path")) or text_of(given.get("notebook_path"))
    if name == "Bash":
        return first_line(text_of(given.get("command"))) or "Bash"
    if name in FILE_TOOLS and path:
        verb = {"NotebookRead": "Read", "Write": "Write", "Read": "Read"}.get(name, "Edit")
        return "%s %s" % (verb, _short(path, cwd))
    if name in ("Task", "Agent"):
        return "Agent: " + (first_line(text_of(given.get("description"))) or "a task")
    if name in ("Grep", "Glob"):
        where = text_of(given.get("path"))
        pattern = first_line(text_of(given.get("pattern")))
        return "%s %s%s" % (name, pattern, " in " + _short(where, cwd) if where else "")
    if name == "TodoWrite":
        return "Update the to-do list"
    if name == "AskUserQuestion":
        questions = given.get("questions")
        asked = [text_of(obj(q).get("question")) for q in many(questions)]
        return first_line(asked[0]) if asked and asked[0] else "Question"
    if name == "ExitPlanMode":
        return "Proposed plan"
    for key in ("url", "query", "subject", "command", "skill", "description", "taskId"):
        value = text_of(given.get(key))
        if value:
            return "%s: %s" % (name, first_line(value))
    if path or text_of(given.get("path")):
        return "%s %s" % (name, _short(path or given["path"], cwd))
    return name or "Tool"


def locations(given: Dict[str, Any]) -> List[Dict[str, Any]]:
    """The files the input names."""
    found = []
    for key in PATHS:
        path = text_of(given.get(key))
        if path:
            found.append(present(path=path, line=whole(given.get("offset"))))
    return found


def changes(name: str, given: Dict[str, Any], past: bool = False) -> List[Dict[str, Any]]:
    """The change an edit asks for, told before it is made (`ToolContent[]`).

    The file is read for it, so that a person who is asked sees lines and context; where it
    cannot be, or the edit was made already (`past`), the replaced pieces alone are told.
    """
    path = text_of(given.get("file_path")) or text_of(given.get("notebook_path"))
    if not path:
        return []
    old = None if past else _existing(path)
    if name == "Write" and isinstance(given.get("content"), str):
        return [] if old == given["content"] else [diffs.content(old, given["content"], path)]
    if name == "NotebookEdit" and isinstance(given.get("new_source"), str):
        return [diffs.content("", given["new_source"], path)]
    edits = [given] if name == "Edit" else given.get("edits") if name == "MultiEdit" else []
    pieces = [obj(edit) for edit in edits] if isinstance(edits, list) else []
    pieces = [
        edit
        for edit in pieces
        if isinstance(edit.get("old_string"), str) and isinstance(edit.get("new_string"), str)
    ]
    new = old
    for edit in pieces:
        if new is None or not edit["old_string"] or edit["old_string"] not in new:
            return [_piece(edit["old_string"], edit["new_string"], path) for edit in pieces]
        count = -1 if edit.get("replace_all") is True else 1
        new = new.replace(edit["old_string"], edit["new_string"], count)
    return [diffs.content(old, new, path)] if pieces and old != new else []


def _piece(old: str, new: str, path: str) -> Dict[str, Any]:
    """The change of a part of a file: that it ends without a line end says nothing."""
    if not old.endswith("\n") or not new.endswith("\n"):
        old, new = old + "\n" if old else "", new + "\n" if new else ""
    return diffs.content(old, new, path)


def _existing(path: str) -> Optional[str]:
    """The text of a file; None where there is none of a size worth showing."""
    try:
        if not os.path.isfile(path) or os.path.getsize(path) > MAX_READ:
            return None
        with open(path, encoding="utf-8", errors="replace", newline="") as file:
            return file.read()
    except OSError:
        return None


def result(name: str, block: Dict[str, Any], structured: Any) -> Dict[str, Any]:
    """Our fields of a tool result: status, content, and what is left of the structured one."""
    failed = block.get("is_error") is True
    fields: Dict[str, Any] = {"status": "failed" if failed else "completed"}
    told = obj(structured)
    content: List[Dict[str, Any]] = []
    change = _made(told)
    if change is not None:
        content.append(change)
    said = result_text(block.get("content"))
    if failed:
        for tag in ("tool_use_error", "error"):
            said = said.replace("<%s>" % tag, "").replace("</%s>" % tag, "")
    said = _for_a_person(name, said, told, failed)
    # "The file has been updated successfully" beside its diff is for the model
    if said and (change is None or failed):
        content.append({"type": "text", "text": said})
    if content:
        fields["content"] = content
    if told and name not in FILE_TOOLS and not failed:
        rest = {key: value for key, value in told.items() if key not in SAID}
        if any(value not in ("", False, None, [], {}) for value in rest.values()):
            fields["raw_output"] = rest
    return fields


def _for_a_person(name: str, said: str, told: Dict[str, Any], failed: bool) -> str:
    """The words of a result where Claude Code's own are instructions for the model."""
    if failed:
        if not said.startswith(REFUSED):
            return said
        if USER_SAID in said:
            return said.split(USER_SAID, 1)[1].strip()
        if STOPPED in said:
            return "Stopped while it ran; what it has done until then stays done."
        return "It was refused and did not run."
    if name == "TodoWrite" or said == NO_OUTPUT:
        return ""
    if name == "ExitPlanMode" and text_of(told.get("plan")):
        return str(told["plan"])
    if name == "AskUserQuestion" and obj(told.get("answers")):
        return "\n".join("%s %s" % (text, said) for text, said in told["answers"].items())
    if told.get("status") == "async_launched":
        return "It works in the background."
    return said


def _made(told: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """The change that was made, by the hunks or the texts of the structured result."""
    path = text_of(told.get("filePath")) or text_of(told.get("notebook_path"))
    if not path:
        return None
    created = told.get("type") == "create"
    text = diffs.from_patch(told.get("structuredPatch"), path, created)
    if text:
        change: Dict[str, Any] = {"type": "diff", "path": path, "diff": text}
        if created:
            change["created"] = True
        return change
    new = told.get("content")
    if told.get("type") in ("create", "update") and isinstance(new, str):
        old = told.get("originalFile")
        return diffs.content(old if isinstance(old, str) else None, new, path)
    before, after = told.get("original_file"), told.get("updated_file")  # notebooks
    if isinstance(before, str) and isinstance(after, str):
        return diffs.content(before, after, path)
    return None


def result_text(content: Any) -> str:
    """The text of a tool result's content; a picture is named, not shown."""
    if isinstance(content, str):
        return content
    parts = []
    for item in many(content):
        block = obj(item)
        if isinstance(block.get("text"), str):
            parts.append(block["text"])
        elif block.get("type") == "image":
            parts.append("(a picture)")
        elif block.get("type") == "tool_reference":
            parts.append("Found the tool %s." % text_of(block.get("tool_name")))
        elif text_of(block.get("url")):  # a web search's hit
            parts.append("%s %s" % (text_of(block.get("title")), block["url"]))
    return "\n".join(parts)


def _short(path: str, cwd: str) -> str:
    """`path` as seen from the session's directory, where it is inside it."""
    base = cwd.rstrip("/") + "/"
    return os.path.relpath(path, cwd) if path.startswith(base) else path


class TodoList:
    """The to-do list behind TodoWrite (all of it each time) and the Task tools (one by one)."""

    def __init__(self) -> None:
        self._tasks: Dict[str, Dict[str, str]] = {}

    def asked(self, name: str, given: Dict[str, Any]) -> Optional[List[Dict[str, Any]]]:
        """The list after a call's input; None when it says nothing (yet)."""
        if name == "TodoWrite" and isinstance(given.get("todos"), list):
            return [_entry(obj(item), "content") for item in given["todos"]]
        return None

    def answered(
        self, name: str, given: Dict[str, Any], structured: Any
    ) -> Optional[List[Dict[str, Any]]]:
        """The list after a call's result; None when it is no list's business."""
        told = obj(structured)
        if name == "TaskCreate":
            task = obj(told.get("task"))
            if not text_of(task.get("id")):
                return None
            self._tasks[task["id"]] = _entry({**given, **task}, "subject")
        elif name == "TaskUpdate":
            id = str(given.get("taskId", ""))
            if not id or told.get("success") is False:
                return None
            if given.get("status") == "deleted":
                self._tasks.pop(id, None)
            else:
                old = self._tasks.get(id, {"content": "Task " + id, "status": "pending"})
                self._tasks[id] = {
                    "content": text_of(given.get("subject")) or old["content"],
                    "status": _status(given.get("status"), old["status"]),
                }
        elif name == "TaskList" and isinstance(told.get("tasks"), list):
            self._tasks = {
                str(obj(task).get("id")): _entry(obj(task), "subject") for task in told["tasks"]
            }
        else:
            return None
        return list(self._tasks.values())


def _entry(item: Dict[str, Any], key: str) -> Dict[str, str]:
    return {
        "content": text_of(item.get(key)) or text_of(item.get("activeForm")),
        "status": _status(item.get("status"), "pending"),
    }


def _status(value: Any, otherwise: str) -> str:
    return value if value in ("pending", "in_progress", "completed") else otherwise
