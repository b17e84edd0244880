"""Results as Markdown, for chats and notebooks.

Foreign words are escaped, or fenced so that nothing in them can end the fence. Chats turn
this into their own entities; notebooks show it as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from codecast_agent.protocol.budget import words as over_words
from codecast_agent.protocol.errors import CodecastError

from .. import results as r
from ..choices import letter
from ..table import TABLE, find
from ..transcript import Entry, Transcript, request_body, tool_label
from ..words import (
    UNFINISHED,
    age,
    budget_words,
    cli_help,
    dollars,
    duration,
    gpu_words,
    name,
    one_line,
    plural,
    safe,
    size,
    tokens,
    who,
)

Json = Mapping[str, Any]
_LOGIN: dict[Any, str] = {True: "yes", False: "no"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~$&])")
STATUS_MARK = {
    "waiting": "❓",
    "paused": "⏸",
    "running": "▶",
    "starting": "…",
    "idle": "●",
    "exited": "○",
    "stopped": "○",
    "failed": "✗",
}


def render(result: Any) -> str:
    """Markdown of a result of any type in `results.RESULTS`."""
    return RENDERERS[type(result)](result)


def esc(value: Any) -> str:
    """Foreign words on one line, without power over the Markdown around them."""
    return _SPECIAL.sub(r"\\\1", one_line(value))


def code(value: Any) -> str:
    """Inline code that its content cannot end."""
    text = one_line(value)
    if not text:
        return ""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    ticks = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def fence(text: Any, language: str = "") -> str:
    """A code block that its content cannot end."""
    body = safe(text).rstrip("\n")
    longest = max((len(run) for run in re.findall(r"`{3,}", body)), default=2)
    ticks = "`" * (longest + 1)
    return f"{ticks}{language}\n{body}\n{ticks}"


def table(heads: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(cell.replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    """Inline code in a table: a bar would end the cell even there."""
    return code(value).replace("|", "\\|")


def failure(error: CodecastError) -> str:
    parts = [f"**{esc(error.message)}**"]
    if error.detail:
        parts.append(fence(error.detail))
    if error.hint:
        parts.append(esc(error.hint))
    return "\n\n".join(parts)


def problem(error: Json) -> str:
    return failure(CodecastError.from_json(error))


def sessions(result: r.Sessions) -> str:
    if not result.sessions:
        return "No session runs." + (
            f" {plural(result.hidden, 'ended one')}." if result.hidden else ""
        )
    rows = []
    for s in result.sessions:
        state = s.get("state") or {}
        word = str(state.get("status") or "")
        rows.append(
            [
                f"**{esc(name(s))}**",
                f"{STATUS_MARK.get(word, '')} {word}",
                esc(s.get("cli") or ""),
                esc(s.get("machine") or ""),
                _cell(s.get("cwd") or ""),
                age(state.get("updated") or s.get("created")),
            ]
        )
    return table(["session", "status", "CLI", "machine", "directory", "age"], rows)


def session(result: r.Session, words: Callable[[str], str] = safe) -> str:
    s = result.session
    state = s.get("state") or {}
    word = str(state.get("status") or "")
    head = (
        f"**{esc(name(s))}** {STATUS_MARK.get(word, '')} {word}\n\n"
        f"{esc(s.get('cli') or '')} in {code(s.get('cwd'))} on {esc(s.get('machine') or '')}"
    )
    parts = [head]
    mode = state.get("mode") or s.get("mode")
    facts = [f"mode {esc(mode)}" if mode else "", plural(int(state.get("turns") or 0), "turn")]
    if state.get("cost_usd"):
        facts.append(f"{state['cost_usd']:.4f} USD")
    parts.append(" · ".join(fact for fact in facts if fact))
    if state.get("over_budget"):
        parts.append(f"The budget is reached: {esc(over_words(state['over_budget']))}.")
    if state.get("error"):
        parts.append(problem(state["error"]))
    if result.events:
        parts.append(transcript(result.events, words))
    seen = {e.get("request") for e in result.events if e.get("type") == "request_opened"}
    parts += [request(q) for q in result.requests if q.get("request") not in seen]
    if result.prompts:
        parts.append(prompts(r.Prompts(name(s), result.prompts)))
    return "\n\n".join(parts)


def usage(result: r.Usage) -> str:
    turns = list(result.usage.get("turns") or [])
    rows = [[str(turn["turn"]), esc(turn["reason"] or ""), *_taken(turn)] for turn in turns]
    rows.append(["all", "", *_taken(result.usage["total"])])
    parts = [table(["turn", "end", "time", "input", "output", "cost"], rows)]
    over, limits = result.usage.get("over_budget"), result.usage.get("budget") or {}
    if limits:
        parts.append(f"Budget: {esc(budget_words(limits))}.")
    if over:
        parts.append(f"It is reached: {esc(over_words(over))}.")
    return "\n\n".join(parts)


def _taken(what: Json) -> list[str]:
    """Time, input, output, cost of a turn or of all."""
    counts = [what["usage"].get(key) for key in ("input_tokens", "output_tokens")]
    shown = ["" if count is None else tokens(count) for count in counts]
    worked = "" if what["seconds"] is None else duration(what["seconds"])
    return [worked, *shown, esc(dollars(what["cost_usd"]))]


def usages(result: r.Usages) -> str:
    if not result.usages:
        return "No sessions yet."
    rows = []
    for each in result.usages:
        over, limits = each.get("over_budget"), each.get("budget") or {}
        budget = over_words(over) if over else budget_words(limits)
        turns = str(each["total"]["turns"])
        rows.append([f"**{esc(name(each))}**", turns, *_taken(each["total"]), esc(budget)])
    return table(["session", "turns", "time", "input", "output", "cost", "budget"], rows)


def transcript(events: Sequence[Json], words: Callable[[str], str] = safe) -> str:
    folded = Transcript()
    for event in events:
        folded.apply(event)
    return "\n\n".join(part for item in folded.entries if (part := entry(item, words)))


def entry(item: Entry, words: Callable[[str], str] = safe) -> str:
    """One entry of a transcript; empty for what needs no words.

    The agent's text is Markdown already; `words` is what it passes through.
    """
    data = item.data
    if item.kind == "message":
        return words(item.text).strip()
    if item.kind == "thought":
        return "\n".join(f"> {line}" for line in words(item.text).strip().split("\n"))
    if item.kind == "prompt":
        by = who(data)
        return "\n".join(f"> **{esc(line)}**" for line in item.text.split("\n") if line.strip()) + (
            f"\n> {esc(by)}" if by else ""
        )
    if item.kind == "tool":
        mark = {"completed": "✓", "failed": "✗"}.get(str(data.get("status")), "…")
        parts = [f"{mark} {code(tool_label(data))} {duration(item.seconds)}"]
        if not data.get("asked"):
            parts += [diff_block(b) for b in data.get("content") or [] if b.get("type") == "diff"]
        return "\n\n".join(parts)
    if item.kind == "request":
        answer = data.get("resolution")
        if answer is None and "withdrawn" not in data:
            return request(data)
        told = answer.get("label") or answer.get("option") or "answered" if answer else "withdrawn"
        by = who(answer or {})
        return f"❓ {esc(data.get('title') or '')}: **{esc(told)}**" + (
            f" by {esc(by)}" if by else ""
        )
    if item.kind == "plan":
        marks = {"completed": "x"}
        return "\n".join(
            f"- [{marks.get(str(e.get('status')), ' ')}] {esc(e.get('content') or '')}"
            for e in data.get("entries") or []
        )
    if item.kind == "turn":
        if data.get("error"):
            return problem(data["error"])
        return "" if data.get("reason") == "end_turn" else f"*{esc(data.get('reason') or '')}*"
    if item.kind == "state" and data.get("error"):
        return problem(data["error"])
    if item.kind in ("notice", "gap"):
        return f"*{esc(data.get('text') or data.get('why') or '')}*"
    return ""


def diff_block(block: Json) -> str:
    """A file's name and its unified diff."""
    return f"{code(block.get('path') or '')}\n\n{fence(block.get('diff') or '', 'diff')}"


def request(data: Json) -> str:
    """All of what is asked, and numbered choices."""
    parts = [f"❓ **{esc(data.get('title') or 'The agent asks')}**"]
    if data.get("kind") == "question":
        for asked in data.get("questions") or []:
            lines = [esc(asked.get("text") or "")]
            lines += [
                f"{number}. {esc(option.get('label') or '')}"
                + (f": {esc(option['description'])}" if option.get("description") else "")
                for number, option in enumerate(asked.get("options") or [], 1)
            ]
            parts.append("\n".join(lines))
        return "\n\n".join(parts)
    body, diffs, description = request_body(data)
    if description and description not in body:
        parts.append(esc(description))
    if body:
        parts.append(fence(body))
    parts += [diff_block(block) for block in diffs]
    options = data.get("options") or []
    lines = []
    for number, option in enumerate(options, 1):
        key = letter(option, options)
        rule = f"allows from now on {code(option['rule'])}" if option.get("rule") else ""
        more = ", ".join(part for part in (key, rule) if part)
        lines.append(f"{number}. {esc(option.get('label') or '')}" + (f" ({more})" if more else ""))
    if lines:
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def requests(result: r.Requests) -> str:
    if not result.requests:
        return "Nothing waits for an answer."
    parts = []
    for q in result.requests:
        session = result.names.get(str(q.get("session"))) or str(q.get("session", ""))[:8]
        parts.append(f"**{esc(session)}** {code(q.get('request') or '')}\n\n{request(q)}")
    return "\n\n".join(parts)


def prompts(result: r.Prompts) -> str:
    if not result.prompts:
        return f"Nothing waits in **{esc(result.session)}**."
    return "\n".join(
        f"{number}. {esc(one_line(p.get('text') or '', 120))} ({p.get('state')})"
        for number, p in enumerate(result.prompts, 1)
    )


def machines(result: r.Machines) -> str:
    rows = [
        [
            f"**{esc(m.get('name') or '')}**",
            str(m.get("state") or ""),
            esc(m.get("host") or ""),
            str(m.get("sessions") or ""),
            esc(gpu_words(result.info.get(str(m.get("name"))) or {})),
            esc((m.get("error") or {}).get("message", "")),
        ]
        for m in result.machines
    ]
    return table(["machine", "state", "host", "sessions", "GPUs", "note"], rows)


def machine(result: r.Machine) -> str:
    if result.words:
        return esc(result.words)
    m = result.machine
    text = f"**{esc(m.get('name') or '')}** is {m.get('state')}"
    return text + (f"\n\n{problem(m['error'])}" if m.get("error") else "")


def doctor(result: r.Doctor) -> str:
    marks = {"ok": "✓", "warning": "!", "error": "✗", "skipped": UNFINISHED}
    lines = []
    for check in result.checks:
        hint = f" {esc(check['hint'])}" if check.get("hint") else ""
        mark = marks.get(str(check.get("status")), "?")
        lines.append(
            f"- {mark} **{esc(check.get('name') or '')}** {esc(check.get('message') or '')}{hint}"
        )
    return "\n".join(lines)


def clis(result: r.Clis) -> str:
    rows = [
        [
            f"**{esc(c.get('cli') or '')}**",
            esc(c.get("version") or "") if c.get("found") else "not found",
            _LOGIN.get(c.get("logged_in"), ""),
            esc(cli_help(c)),
        ]
        for c in result.clis
    ]
    return table(["CLI", "version", "login", "note"], rows)


def conversations(result: r.Conversations) -> str:
    if not result.conversations:
        return f"The CLIs keep no such conversation on {esc(result.machine)}."
    rows = []
    for c in result.conversations:
        note, session = "", c.get("session")
        if session:
            note = f" (is **{esc(result.names.get(session) or str(session)[:8])}**)"
        elif c.get("live"):
            note = f" ({esc(c['live'].get('reason') or '')})"
        rows.append(
            [
                code(r.short_id(c)),
                esc(c.get("cli") or ""),
                age(c.get("updated")),
                _cell(c.get("cwd") or ""),
                _cell(c.get("title") or "") + note.replace("|", "\\|"),
            ]
        )
    return table(["id", "CLI", "age", "directory", "title"], rows)


def processes(result: r.Processes) -> str:
    if not result.processes:
        return f"Nothing of ours runs on {esc(result.machine)}."
    rows = [
        [
            str(p.get("pid")),
            _cell(p.get("name") or str(p.get("session") or "")[:8]),
            _cell(p.get("command") or ""),
        ]
        for p in result.processes
    ]
    return table(["process", "session", "command"], rows)


def directories(result: r.Directories) -> str:
    lines = [
        f"- {code(str(e.get('name')) + ('/' if e.get('is_dir') else ''))}"
        for e in result.listing.get("entries") or []
    ]
    return "\n".join([code(result.listing.get("path") or ""), "", *lines])


def files(result: r.Files) -> str:
    if not result.files:
        return f"No file that **{esc(result.session)}** named or touched can be fetched."
    return "\n".join(f"- {code(f.get('name') or '')} {size(f.get('size'))}" for f in result.files)


def hits(result: r.Hits) -> str:
    if not result.hits:
        return f"Nothing found for {code(result.query)}."
    return "\n".join(
        f"- **{esc(h.get('name') or '')}** {age(h.get('time'))}: {esc(h.get('snippet') or '')}"
        for h in result.hits
    )


def help(result: r.Help) -> str:
    command = find(result.command) if result.command else None
    if command is None:
        return "\n".join(f"- **{esc(c.name)}** {esc(c.help)}" for c in TABLE)
    parts = [f"**{esc(command.name)}**: {esc(command.help)}", fence(command.usage)]
    parts += ["\n".join(f"- {code(a.name)} {esc(a.help)}" for a in command.arguments)]
    if command.more:
        parts.append(esc(command.more))
    if command.examples:
        parts.append(fence("\n".join(line for line, _ in command.examples)))
    return "\n\n".join(part for part in parts if part)


def server(result: r.Server) -> str:
    if result.words:
        return esc(result.words)
    return f"A server runs: {code(result.url)}" if result.running else "No server runs."


RENDERERS: dict[type, Callable[[Any], str]] = {
    r.Done: lambda result: esc(result.words),
    r.Text: lambda result: fence(result.text),
    r.Help: help,
    r.Version: lambda result: f"codecast {esc(result.version)}",
    r.Sessions: sessions,
    r.Session: session,
    r.Started: lambda result: (
        f"Started **{esc(name(result.session))}**: {esc(result.session.get('cli') or '')} in"
        f" {code(result.session.get('cwd'))} on {esc(result.session.get('machine') or '')}."
        + (f" {esc(result.words)}" if result.words else "")
    ),
    r.Prompted: lambda result: (
        f"{esc(str(result.prompt.get('state')).capitalize())}."
        + (f" The budget is reached: {esc(result.paused)}." if result.paused else "")
    ),
    r.Prompts: prompts,
    r.Usage: usage,
    r.Usages: usages,
    r.Requests: requests,
    r.Answered: lambda result: esc(result.words),
    r.Machines: machines,
    r.Machine: machine,
    r.Doctor: doctor,
    r.Clis: clis,
    r.Conversations: conversations,
    r.Processes: processes,
    r.Directories: directories,
    r.Files: files,
    r.Hits: hits,
    r.Health: lambda result: (
        f"{code(result.server)} is up for {duration(result.health.get('uptime') or 0)}:"
        f" {plural(result.health.get('sessions') or 0, 'session')},"
        f" {plural(result.health.get('machines') or 0, 'machine')}."
    ),
    r.Server: server,
    r.Follow: lambda result: f"**{esc(name(result.session))}**",
    r.Stream: lambda result: f"**{esc(name(result.session))}**",
}
