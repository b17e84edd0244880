"""Blocks become the messages that should stand in a chat: a pure function.

Every message has a key that stays: the block and the part of it. What is `final` will not
change any more; the others are live. `session` names the session for people. Who sends them,
in which order and how often, is `outbox`'s matter.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.commands.choices import told
from codecast_jupyter.commands.render import markdown as md
from codecast_jupyter.commands.words import dollars, duration, plural, safe, who

from .platforms.contract import Control, Limits, Outgoing
from .requests import Picks, controls
from .splitting import split
from .view import Block, View

Json = Mapping[str, Any]
TOOL_DISPLAYS = ("timer", "append", "batch")
LONG_TURN = 30.0  # seconds after which the end of a turn makes a sound
FILE_FROM = 3  # messages: a longer answer comes as a file too
MOST_PARTS = 8  # messages of one answer; the rest is in the file alone
BATCH = 15  # tool calls of a batch
CODE_LINES = 60  # of a code block that comes as a file too


@dataclass(frozen=True)
class Style:
    """How one place wants it."""

    id: str = ""  # of the session
    session: str = ""  # its name
    machine: str = ""
    platform: str = ""
    tool_display: str = "timer"


@dataclass(frozen=True)
class Attachment:
    name: str
    text: str


@dataclass(frozen=True)
class Desired:
    """A message as it should be. `block` is the id of the block it belongs to; `stream`: words
    that are being written, which may be shown as a draft until they are `final`."""

    key: str
    block: str
    out: Outgoing
    final: bool
    stream: bool = False
    attachments: tuple[Attachment, ...] = ()

    @property
    def digest(self) -> str:
        """Of what an edit could change."""
        shown = repr((self.out.body.strip(), self.out.controls))
        return hashlib.sha256(shown.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def render(
    view: View, style: Style, limits: Limits, now: float = 0.0, picks: Picks | None = None
) -> list[Desired]:
    """All messages of the blocks that are there. `now` (seconds since 1970) is for timers."""
    found: list[Desired] = []
    for index, block in enumerate(view.blocks):
        kind = block["kind"]
        if kind == "text":
            end = next((b for b in view.blocks[index + 1 :] if b["kind"] != "note"), None)
            found += _text(block, end, limits)
        elif kind == "tools":
            found += _tools(block, style, limits, now, last=index == len(view.blocks) - 1)
        elif kind == "request":
            found += _request(view, block, style, limits, picks or {})
        else:
            body, notify = _PLAIN[kind](block, style)
            if body:
                found += _parts(block, body, limits, notify)
    return found


def _parts(block: Block, body: str, limits: Limits, notify: bool = False) -> list[Desired]:
    pieces = split(body, limits.text, limits.size)
    cut = pieces[:MOST_PARTS]
    return [
        Desired(
            f"{block['id']}/{number}",
            block["id"],
            Outgoing(piece.text, notify=notify and number == len(cut) - 1),
            final=bool(block["done"]),
        )
        for number, piece in enumerate(cut)
    ]


def _text(block: Block, after: Block | None, limits: Limits) -> list[Desired]:
    id, done = block["id"], bool(block["done"])
    pieces = split(safe(block["text"]), limits.text, limits.size)
    pieces = [piece for piece in pieces if piece.text.strip()]
    ended = after is not None and after["kind"] == "end"
    notify = ended and after is not None and after["seconds"] > LONG_TURN
    found = []
    for number, piece in enumerate(pieces[:MOST_PARTS]):
        live = not done and number == len(pieces) - 1
        loud = notify and number == min(len(pieces), MOST_PARTS) - 1
        out = Outgoing(piece.text, notify=loud, live=live)
        found.append(Desired(f"{id}/{number}", id, out, final=not live, stream=live))
    if len(pieces) > MOST_PARTS and not done:
        more = sum(len(piece.source) for piece in pieces[MOST_PARTS:])
        words = f"*… {more // 100 * 100} characters more so far; the whole comes as a file.*"
        found.append(Desired(f"{id}/more", id, Outgoing(words, live=True), final=False))
    files = _files(block["text"], len(pieces)) if done else ()
    if files:
        words = "The whole answer." if files[0].name == "answer.md" else "The code of it."
        if len(pieces) > MOST_PARTS:
            words = f"The whole answer: what follows the {MOST_PARTS} messages is only here."
        found.append(Desired(f"{id}/file", id, Outgoing(words), True, attachments=files))
    return found


_CODE = re.compile(r"^(`{3,}|~{3,})[ \t]*(\w*)[^\n]*\n(.*?)^\1", re.M | re.S)
_ENDINGS = {"python": "py", "javascript": "js", "typescript": "ts", "bash": "sh", "shell": "sh"}


def _files(text: str, pieces: int) -> tuple[Attachment, ...]:
    """What is too long to read in messages."""
    found = [Attachment("answer.md", text)] if pieces > FILE_FROM else []
    for language, code in ((match[2], match[3]) for match in _CODE.finditer(text)):
        if code.count("\n") > CODE_LINES and len(found) < 5:
            ending = _ENDINGS.get(language.lower(), language.lower() or "txt")
            found.append(Attachment(f"code-{len(found) or 1}.{ending}", code))
    return tuple(found)


# -- tools

_MARKS = {"completed": "✓", "failed": "✗"}


def _tools(block: Block, style: Style, limits: Limits, now: float, last: bool) -> list[Desired]:
    calls = [call for call in block["calls"] if not call.get("asked")]
    id, done = block["id"], bool(block["done"])
    if not calls:
        return []
    if style.tool_display == "timer":
        end = max((c["ended"] or now or c["began"]) for c in calls)
        spent = duration(max(0.0, end - calls[0]["began"]))
        failed = sum(c["status"] == "failed" for c in calls)
        words = plural(len(calls), "tool") + (f", {failed} failed" if failed else "")
        current = next((c for c in reversed(calls) if c["ended"] is None), None)
        if done and not last:
            body = f"✓ {words} in {spent}: {_label(calls[-1])}"
        elif current is not None:
            body = f"⏱ {spent} · {words} · {_label(current)}"
        else:
            body = f"⏱ {spent} · {words} · {_label(calls[-1])}"
        out = Outgoing(body, live=not done or last)
        return [Desired(f"{id}/0", id, out, final=done and not last)]
    found = []
    for number in range(0, len(calls), BATCH):
        part = calls[number : number + BATCH]
        full = len(part) == BATCH or not last
        ended = all(c["ended"] is not None for c in part)
        if style.tool_display == "batch" and not ((full and ended) or (done and not last)):
            break
        body = "\n".join(_line(call) for call in part)
        live = not (full and ended)
        out = Outgoing(split(body, limits.text, limits.size)[0].text, live=live)
        found.append(Desired(f"{id}/{number // BATCH}", id, out, final=not live))
    return found


def _label(call: Json) -> str:
    return md.code(safe(call["label"])[:120])


def _line(call: Json) -> str:
    mark = _MARKS.get(str(call["status"]), "…")
    spent = call["ended"] - call["began"] if call["ended"] is not None else 0
    took = f" {duration(spent)}" if spent >= 1 else ""
    return f"{'↳ ' if call.get('parent') else ''}{mark} {_label(call)}{took}"


# -- requests


def _request(view: View, block: Block, style: Style, limits: Limits, picks: Picks) -> list[Desired]:
    data, id = block["request"], block["id"]
    where = " on ".join(part for part in (style.session, style.machine) if part)
    shown = _decided(data) if block["done"] else data
    whole, body = _asked(data, where), _asked(shown, where)
    outcome = ""
    buttons: tuple[Control, ...] = ()
    if "resolution" in block:
        given = block["resolution"]
        by = who(given)
        words = told(data, given) or str(given.get("label") or "answered")
        refused = given.get("declined") or any(
            o.get("id") == given.get("option") and str(o.get("kind", "")).startswith("reject")
            for o in data.get("options") or []
        )
        outcome = f"{'🚫' if refused else '✅'} **{md.esc(words)}**"
        outcome += f" — {md.esc(by)}" if by else ""
        if given.get("message"):
            outcome += f": {md.esc(given['message'])}"
    elif "withdrawn" in block:
        outcome = f"⌛ {md.esc(block['withdrawn'] or 'withdrawn')}"
    else:
        buttons = tuple(control for control, _ in controls(style.id, data, picks))
        chosen = _chosen(data, picks)
        outcome = f"Chosen so far: {chosen}" if chosen else ""
    room = limits.text - limits.size(outcome) - 400
    pieces = split(body, room, limits.size)
    found = []
    if len(split(whole, limits.text - 400, limits.size)) > FILE_FROM:  # whatever is chosen so far
        file = (Attachment("request.md", whole),)
        out = Outgoing("The whole request.")
        found.append(Desired(f"{id}/file", id, out, final=True, attachments=file))
        short = md.request({**shown, "content": [], "raw_input": None})
        tail = split(short, room // 2, limits.size)
        outcome = f"*The whole is in request.md.*\n\n{tail[-1].text}\n\n{outcome}".strip()
        pieces = [split(pieces[0].text, room // 3, limits.size)[0]]
    for number, piece in enumerate(pieces):
        last = number == len(pieces) - 1
        text = "\n\n".join(part for part in (piece.text, outcome if last else "") if part)
        out = Outgoing(text, controls=buttons if last else (), notify=last)
        found.append(Desired(f"{id}/{number}", id, out, final=bool(block["done"])))
    return found


def _asked(data: Json, where: str) -> str:
    return md.request(data) + (f"\n\n*{md.esc(where)}*" if where else "")


def _decided(data: Json) -> Json:
    """Without the choices that nobody has any more."""
    asked = [{**question, "options": []} for question in data.get("questions") or []]
    return {**data, "options": [], "questions": asked}


def _chosen(data: Json, picks: Picks) -> str:
    parts = []
    for question in data.get("questions") or []:
        picked = picks.get((str(data["request"]), str(question["id"])))
        if picked:
            parts.append(md.esc(", ".join(picked)))
    return "; ".join(parts)


# -- the rest


def _prompt(block: Block, style: Style) -> tuple[str, bool]:
    if block["where"] == style.platform:  # it stands there already
        return "", False
    by = who({"by": block["by"], "where": block["where"]})
    lines = [md.esc(line) for line in str(block["text"]).split("\n")[:20] if line.strip()]
    return "\n".join(f"> {line}" for line in [f"**{md.esc(by or 'a prompt')}**", *lines]), False


def _plan(block: Block, style: Style) -> tuple[str, bool]:
    marks = {"completed": "✓", "in_progress": "▶"}
    return "\n".join(
        f"{marks.get(str(e.get('status')), '○')} {md.esc(e.get('content') or '')}"
        for e in block["entries"][:60]
    ), False


def _note(block: Block, style: Style) -> tuple[str, bool]:
    level = block["level"]
    if block.get("error"):
        return "✗ " + md.problem(block["error"]), True
    mark = {"error": "✗", "warning": "⚠"}.get(level, "■")
    by = who(block.get("by") or {})
    return f"{mark} {md.esc(block['text'])}" + (f" ({md.esc(by)})" if by else ""), level != "info"


def _end(block: Block, style: Style) -> tuple[str, bool]:
    if block["error"]:
        return "✗ " + md.failure(CodecastError.from_json(block["error"])), True
    if block["reason"] == "cancelled":
        return "■ Interrupted.", False
    spent, cost = float(block["seconds"] or 0), dollars(block["cost"])
    parts = [duration(spent), *([cost] if cost else [])]
    if block["reason"] != "end_turn":
        return f"■ Ended: {md.esc(block['reason'])} ({', '.join(parts)})", True
    if spent <= LONG_TURN:
        return "", False
    return f"✓ Done in {', '.join(map(md.esc, parts))}", True


_PLAIN = {"prompt": _prompt, "plan": _plan, "note": _note, "end": _end}
