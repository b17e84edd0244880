"""Claude Code's records: `projects/<directory>/<id>.jsonl`, and `sessions/<pid>.json`.

A record is a tree: each entry names its parent, and going back to an earlier prompt begins a
branch. What would be resumed is the way from the last entry to the root, so two passes are
made: the first learns the way, the second tells it, by the code that tells a live Claude.
Every Claude that runs has a file in `sessions`; one that was killed leaves its file behind,
so the start of the process is compared.
"""

import os
import re
import time
from typing import Any, Dict, Iterator, List, Mapping, Optional, Set, Tuple, cast

from ..claude_content import INTERRUPTED, Content
from ..contract import Host
from ..lines import many, obj, text_of, whole
from . import files, running
from .contract import Found, Live, Past, shorten, title_of

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_WANTED = (b'"type":"user"', b'"type":"assistant"', b'"type":"attachment"', b'"type":"system"')
TITLES = {"custom-title": "customTitle", "ai-title": "aiTitle", "summary": "summary"}
TAG = re.compile(r"<(command-name|command-args)>(.*?)</\1>", re.S)
# what Claude tells the model and no person said
HIDDEN = ("<system-reminder>", "<local-command-caveat>", "Caveat: The messages below")
OUTPUT = re.compile(r"<local-command-std(out|err)>(.*?)</local-command-std\1>", re.S)
STALE = 86400.0  # seconds after which a note of another machine is no sign of life


class ClaudeHistory:
    """See `contract.Reader`; a key is the path of a record."""

    def __init__(self, places: Mapping[str, str]) -> None:
        config = places.get("CLAUDE_CONFIG_DIR") or os.path.join(places["HOME"], ".claude")
        self._projects = os.path.join(config, "projects")
        self._sessions = os.path.join(config, "sessions")

    def recent(self) -> List[Tuple[float, str]]:
        return [
            (entry.stat().st_mtime, entry.path)
            for entry in files.below(self._projects, 1, ".jsonl")
            if _ID.match(entry.name[:-6])  # sub-agents have other names
        ]

    def look(self, key: str) -> Optional[Found]:
        cwd, prompt, started = "", "", 0.0
        for entry in files.head(key):
            cwd = cwd or text_of(entry.get("cwd"))
            started = started or files.stamp(entry.get("timestamp"))
            if entry.get("type") == "user" and not _hidden(entry):
                prompt = prompt or _said(entry)
            if cwd and prompt:
                break
        if not cwd:
            return None
        title = ""
        for entry in files.tail(key):
            kind = text_of(entry.get("type"))
            title = title or text_of(entry.get(TITLES.get(kind, "")))
            if kind == "last-prompt":
                prompt = prompt or text_of(entry.get("lastPrompt"))
        if not prompt and not title:
            return None
        status = os.stat(key)
        native = os.path.basename(key)[:-6]
        name = title_of(title or prompt)
        return Found(
            "claude",
            native,
            name,
            cwd,
            started or status.st_mtime,
            status.st_mtime,
            status.st_size,
            key,
        )

    def find(self, native: str) -> Optional[Found]:
        if not _ID.match(native):
            return None
        name = native + ".jsonl"
        paths = [e.path for e in files.below(self._projects, 1, name) if e.name == name]
        found = [each for each in map(self.look, sorted(paths, key=os.path.getmtime)) if each]
        return self.live(found[-1:])[0] if found else None

    def live(self, found: List[Found]) -> List[Found]:
        running = self._running()
        return [each._replace(live=running.get(each.native)) for each in found]

    def _running(self) -> Dict[str, Live]:
        """Which conversations a Claude has open."""
        alive: Dict[str, Live] = {}
        for entry in files.below(self._sessions, 0, ".json"):
            try:
                with open(entry.path, "rb") as file:
                    note = files.parse(file.read(64 << 10)) or {}
            except OSError:
                continue
            session, pid = text_of(note.get("sessionId")), whole(note.get("pid")) or 0
            live = self._alive(note, pid, entry)
            if session and live is not None:
                alive[session] = live
        return alive

    def _alive(self, note: Dict[str, Any], pid: int, entry: "os.DirEntry[str]") -> Optional[Live]:
        since = (whole(note.get("startedAt")) or 0) / 1000.0
        if _elsewhere(text_of(note.get("pidDomain"))):
            # a home that several machines share: its processes cannot be seen from here
            if time.time() - entry.stat().st_mtime > STALE:
                return None
            why = "Claude Code (process %d) has it open on another machine with this home." % pid
            return Live(pid, "claude", since, why)
        process = running.process(pid)
        if process is None or str(note.get("procStart") or process.ticks) != str(process.ticks):
            return None
        how = "in a terminal" if note.get("entrypoint") == "cli" else "by a program"
        doing = text_of(note.get("status"))
        doing = " and is %s" % doing if doing else ""
        why = "Claude Code (process %d, run %s) has it open%s." % (pid, how, doing)
        return Live(pid, "claude", process.started, why)

    def events(self, found: Found) -> Iterator[Past]:
        way = _Way(found.path)
        host = _Teller()
        content = Content(cast(Host, host), found.cwd, past=True)
        last = 0.0
        for line in files.lines(found.path):
            entry = _entry(line)
            if entry is None or not way.has(entry):
                continue
            last = files.stamp(entry.get("timestamp")) or last
            _tell(entry, content, host)
            for event in host.take():
                yield last, event
        content.end_turn()
        for event in host.take():
            yield last, event


class _Teller:
    """As much of a host as `Content` needs: keeps what is told until it is taken."""

    def __init__(self) -> None:
        self._told: List[Dict[str, Any]] = []

    def emit(self, type: str, **fields: Any) -> None:
        self._told.append({"type": type, **fields})

    def take(self) -> List[Dict[str, Any]]:
        told, self._told = self._told, []
        return told


class _Way:
    """The first pass: which entries lead from the last one to the root.

    Results of parallel calls, and blocks of one answer, may hang beside the way: they are
    known by the call or the message they belong to.
    """

    def __init__(self, path: str) -> None:
        parents: Dict[str, str] = {}
        calls: Dict[str, List[str]] = {}
        messages: Dict[str, str] = {}
        last = ""
        for line in files.lines(path):
            entry = _entry(line)
            if entry is None:
                continue
            id = text_of(entry.get("uuid"))
            parent = entry.get("parentUuid") or entry.get("logicalParentUuid")
            parents[id] = text_of(parent)
            if entry["type"] in ("user", "assistant"):
                last = id
                inner = obj(entry.get("message"))
                messages[id] = text_of(inner.get("id"))
                calls[id] = [
                    text_of(obj(block).get("id"))
                    for block in many(inner.get("content"))
                    if obj(block).get("type") == "tool_use"
                ]
        self._on: Set[str] = set()
        while last and last not in self._on:
            self._on.add(last)
            last = parents.get(last, "")
        self._messages = {messages[id] for id in self._on if messages.get(id)}
        for id, message in messages.items():
            if message in self._messages:
                self._on.add(id)
        self._calls = {call for id in self._on for call in calls.get(id, ()) if call}

    def has(self, entry: Dict[str, Any]) -> bool:
        if text_of(entry.get("uuid")) in self._on:
            return True
        blocks = many(obj(entry.get("message")).get("content"))
        return any(text_of(obj(block).get("tool_use_id")) in self._calls for block in blocks)


def _entry(line: bytes) -> Optional[Dict[str, Any]]:
    """An entry of the conversation; sub-agents of older releases are in the same file."""
    if not any(word in line for word in _WANTED):
        return None
    entry = files.parse(line)
    if entry is None or entry.get("isSidechain") is True or not text_of(entry.get("uuid")):
        return None
    wanted = entry.get("type") in ("user", "assistant", "attachment", "system")
    return entry if wanted else None


def _hidden(entry: Dict[str, Any]) -> bool:
    return entry.get("isMeta") is True or entry.get("isSidechain") is True


def _said(entry: Dict[str, Any]) -> str:
    """What the person said in a `user` entry."""
    content = obj(entry.get("message")).get("content")
    if isinstance(content, str):
        return _clean(content)
    texts = [text_of(obj(block).get("text")) for block in many(content)]
    return "\n".join(part for part in map(_clean, texts) if part)


def _clean(text: str) -> str:
    """A person's words: a slash command as it was typed, nothing that Claude put there."""
    if text.startswith(HIDDEN) or OUTPUT.match(text):
        return ""
    if text.lstrip().startswith(("<command-name>", "<command-message>")):
        parts = dict(TAG.findall(text))
        words = [parts.get(name, "").strip() for name in ("command-name", "command-args")]
        return " ".join(word for word in words if word)
    return text


def _tell(entry: Dict[str, Any], content: Content, host: _Teller) -> None:
    kind = entry["type"]
    if kind == "system":
        if entry.get("subtype") == "compact_boundary":
            text = "Claude compacted the conversation here: it went on with a summary."
            host.emit("notice", level="info", text=text)
        return
    if kind == "attachment" or _hidden(entry):
        return
    if kind == "assistant":
        if obj(entry.get("message")).get("model") != "<synthetic>":
            content.assistant(entry)
        return
    if entry.get("isCompactSummary") is True:
        return
    blocks = many(obj(entry.get("message")).get("content"))
    results = [block for block in blocks if obj(block).get("type") == "tool_result"]
    if results:
        structured = entry.get("toolUseResult")
        message = {"message": {"content": results}, "tool_use_result": structured}
        content.user(message)
        return
    said = _said(entry)
    pictures = sum(obj(block).get("type") in ("image", "document") for block in blocks)
    if pictures:
        said = (said + "\n" if said else "") + "(with %d attached)" % pictures
    if said and not said.startswith(INTERRUPTED):
        content.end_turn()
        told = {"type": "text", "text": shorten(said)}
        host.emit("user_message_chunk", message=text_of(entry.get("uuid")), content=told)


def _elsewhere(domain: str) -> bool:
    """Whether a note's `linux:<machine>:pid:[<namespace>]` is not where we are."""
    parts = domain.split(":", 2)
    if len(parts) != 3 or parts[0] != "linux":
        return False
    try:
        with open("/etc/machine-id") as file:
            machine = file.read().strip()
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        return False
    return bool(machine) and (parts[1], parts[2]) != (machine, namespace)
