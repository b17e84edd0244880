"""Results for a terminal, by rich. Foreign words pass `safe` before they reach it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from codecast_agent.protocol.budget import words as over_words
from codecast_agent.protocol.errors import CodecastError

from .. import results as r
from ..table import TABLE, Command, find
from ..transcript import Transcript
from ..words import (
    UNFINISHED,
    age,
    budget_words,
    dollars,
    duration,
    name,
    one_line,
    plural,
    safe,
    size,
    tokens,
    who,
)
from . import entries
from .entries import Printer, Sink

Json = Mapping[str, Any]

STATUS_STYLE = {
    "waiting": "bold yellow",
    "paused": "bold yellow",
    "running": "bold green",
    "starting": "cyan",
    "idle": "",
    "exited": "dim",
    "stopped": "dim",
    "failed": "red",
    "online": "green",
    "connecting": "cyan",
    "reconnecting": "yellow",
    "offline": "dim",
}


_LOGIN: dict[Any, Text | str] = {True: Text("yes", "green"), False: Text("no", "red")}


def render(result: Any) -> RenderableType:
    """The renderable of a result of any type in `results.RESULTS`."""
    return RENDERERS[type(result)](result)


def table(*columns: str) -> Table:
    made = Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_edge=False
    )
    for column in columns:
        made.add_column(
            column, overflow="fold" if column in ("TITLE", "NOTE", "COMMAND") else "ellipsis"
        )
    return made


def status(word: Any) -> Text:
    return Text(str(word or ""), STATUS_STYLE.get(str(word), ""))


def failure(error: CodecastError, prefix: str = "codecast: ") -> Text:
    """What happened, the other program's own words, what to do."""
    text = Text(prefix, "bold")
    text.append(entries.problem(error.to_json()))
    return text


def fields(pairs: list[tuple[str, Any]]) -> Table:
    made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column(style="dim")
    made.add_column(overflow="fold")
    for key, value in pairs:
        if value not in (None, "", [], {}):
            made.add_row(key, value if isinstance(value, Text) else safe(value))
    return made


def sessions(result: r.Sessions) -> RenderableType:
    if not result.sessions:
        hint = (
            f"No session runs ({result.hidden} ended: codecast ls --all)."
            if result.hidden
            else "No sessions yet."
        )
        return Group(Text(hint), Text("Start one: codecast start MACHINE DIRECTORY", "dim"))
    made = table("NAME", "STATUS", "CLI", "MACHINE", "DIRECTORY", "AGE", "TITLE")
    for s in result.sessions:
        state = s.get("state") or {}
        word = status(state.get("status"))
        if s.get("link") == "offline":
            word.append(" (offline)", "dim")
        made.add_row(
            Text(safe(name(s)), "bold"),
            word,
            safe(s.get("cli")),
            safe(s.get("machine")),
            safe(s.get("cwd")),
            age(state.get("updated") or s.get("created")),
            _title(state),
        )
    return made


def _title(state: Json) -> Text:
    waiting = list((state.get("requests") or {}).values())
    if waiting:
        return Text("? " + one_line(waiting[0].get("title"), 60), "yellow")
    if state.get("over_budget"):
        return Text(f"budget: {over_words(state['over_budget'])}", "yellow")
    if state.get("error"):
        return Text(one_line(state["error"].get("message"), 60), "red")
    return Text(one_line(state.get("title") or "", 60), "dim")


def session(result: r.Session) -> RenderableType:
    s = result.session
    state = s.get("state") or {}
    used, whole = state.get("context_used"), state.get("context_size")
    parts: list[RenderableType] = [
        fields(
            [
                ("name", Text(safe(name(s)), "bold")),
                ("status", status(state.get("status"))),
                ("CLI", " ".join(str(x) for x in (s.get("cli"), state.get("cli_version")) if x)),
                ("machine", f"{s.get('machine')} ({s.get('link')})"),
                ("directory", s.get("cwd")),
                ("mode", state.get("mode") or s.get("mode")),
                (
                    "model",
                    ((state.get("settings") or {}).get("model") or {}).get("value")
                    or s.get("model"),
                ),
                ("title", state.get("title")),
                ("turns", state.get("turns")),
                ("cost", f"${state['cost_usd']:.4f}" if state.get("cost_usd") else ""),
                ("budget", budget_words(state.get("budget") or {})),
                ("context", f"{100 * used // whole}% of {whole} tokens" if used and whole else ""),
                ("background", ", ".join(map(str, (state.get("background") or {}).values()))),
                ("events", s.get("last_seq")),
                ("id", s.get("id")),
            ]
        )
    ]
    error = state.get("error") or s.get("error")
    if error:
        parts += [Text(""), entries.problem(error)]
    if state.get("over_budget"):
        words = f"The budget is reached: {over_words(state['over_budget'])}."
        hint = f" To go on: codecast budget {name(s)} --{_option(state['over_budget'])} MORE"
        parts += [Text(""), Text(words, "yellow").append(hint, "dim")]
    if result.events:
        parts += [Text(""), Text("last words", "dim"), transcript(result.events)]
    if result.requests:
        shown = {q.get("request") for q in result.requests}
        seen = {e.get("request") for e in result.events if e.get("type") == "request_opened"}
        for request in result.requests:
            if request.get("request") in shown - seen:
                parts += [Text(""), entries.request(request)]
        parts += [Text(f"\nanswer: codecast answer {name(s)} CHOICE", "dim")]
    if result.prompts:
        parts += [Text(""), queue(r.Prompts(name(s), result.prompts))]
    return Group(*parts)


def _option(over: Json) -> str:
    return str(over.get("limit")).replace("_", "-")


def usage(result: r.Usage) -> RenderableType:
    made = table("TURN", "AGO", "TIME", "END", "INPUT", "CACHED", "OUTPUT", "COST")
    for turn in result.usage.get("turns") or []:
        made.add_row(
            str(turn["turn"]),
            age(turn["started"]),
            duration(turn["seconds"]) if turn["seconds"] is not None else "",
            safe(turn["reason"] or ("" if turn["ended"] else "running")),
            *_tokens(turn["usage"]),
            dollars(turn["cost_usd"]),
        )
    total = result.usage["total"]
    worked, tokens_of = duration(total["seconds"]), _tokens(total["usage"])
    made.add_row("all", "", worked, "", *tokens_of, dollars(total["cost_usd"]), style="bold")
    over = result.usage.get("over_budget")
    used, whole = total["context_used"], total["context_size"]
    left = [
        ("context", f"{100 * used // whole}% of {tokens(whole)} tokens" if used and whole else ""),
        ("budget", budget_words(result.usage.get("budget") or {})),
        ("reached", over_words(over) if over else ""),
    ]
    parts: list[RenderableType] = [made]
    if any(value for _, value in left):
        parts += [Text(""), fields(left)]
    return Group(*parts)


def _tokens(usage: Json) -> tuple[str, str, str]:
    """Input, what came from or went into the cache, output; empty where nobody told."""
    cached = [usage[key] for key in ("cache_read_tokens", "cache_write_tokens") if key in usage]
    return (
        tokens(usage["input_tokens"]) if "input_tokens" in usage else "",
        tokens(sum(cached)) if cached else "",
        tokens(usage["output_tokens"]) if "output_tokens" in usage else "",
    )


def usages(result: r.Usages) -> RenderableType:
    if not result.usages:
        return Text("No sessions yet.")
    made = table("SESSION", "CLI", "MACHINE", "TURNS", "TIME", "INPUT", "CACHED", "OUTPUT", "COST")
    made.add_column("BUDGET", overflow="fold")
    for each in result.usages:
        total, over = each["total"], each.get("over_budget")
        made.add_row(
            Text(safe(name(each)), "bold"),
            safe(each.get("cli")),
            safe(each.get("machine")),
            str(total["turns"]),
            duration(total["seconds"]),
            *_tokens(total["usage"]),
            dollars(total["cost_usd"]),
            Text(over_words(over), "yellow") if over else budget_words(each.get("budget") or {}),
        )
    return made


class _Collected(Sink):
    def __init__(self) -> None:
        self.parts: list[RenderableType] = []
        self._text = Text()

    def words(self, text: str, style: str) -> None:
        self._text.append(text, style)

    def end_words(self) -> None:
        if self._text:
            self._text.rstrip()
            self.parts.append(self._text)
            self._text = Text()

    def block(self, what: RenderableType) -> None:
        self.parts.append(what)


def transcript(events: Sequence[Json]) -> RenderableType:
    """A closed piece of transcript."""
    sink = _Collected()
    printer, folded = Printer(sink), Transcript()
    for event in events:
        printer.show(folded.apply(event))
    printer.finish()
    return Group(*sink.parts)


def started(result: r.Started) -> RenderableType:
    s = result.session
    text = Text("Started ")
    text.append(safe(name(s)), "bold")
    text.append(f": {safe(s.get('cli'))} in {safe(s.get('cwd'))} on {safe(s.get('machine'))}.")
    if result.words:
        text.append("\n" + safe(result.words), "yellow")
    text.append(f"\nWatch it: codecast attach {safe(name(s))}", "dim")
    return text


def prompted(result: r.Prompted) -> RenderableType:
    state = str(result.prompt.get("state"))
    words = {
        "stored": "Stored; it is delivered when the machine is there." if result.away else "Sent.",
        "delivered": "Delivered.",
        "queued": "Queued."
        + (f" {plural(result.behind, 'prompt')} before it." if result.behind else ""),
        "running": "Running.",
    }.get(state, state.capitalize() + ".")
    if result.paused:
        words += f" The session is paused, its budget is reached: {safe(result.paused)}."
        hint = f"To go on, raise it: codecast budget {safe(result.session)}"
    else:
        hint = f"Watch it: codecast attach {safe(result.session)}"
    return Group(Text(words), Text(hint, "dim"))


def queue(result: r.Prompts) -> RenderableType:
    if not result.prompts:
        return Text(f"Nothing waits in {safe(result.session)}.")
    made = table("", "STATE", "PROMPT", "BY", "AGE", "ID")
    for number, p in enumerate(result.prompts, 1):
        made.add_row(
            str(number),
            str(p.get("state")),
            one_line(p.get("text") or "", 80),
            safe(who(p)),
            age(p.get("created")),
            str(p.get("id", ""))[:8],
        )
    return made


def requests(result: r.Requests) -> RenderableType:
    if not result.requests:
        return Text("Nothing waits for an answer.")
    parts: list[RenderableType] = []
    for request in result.requests:
        session = (
            result.names.get(str(request.get("session"))) or str(request.get("session", ""))[:8]
        )
        head = Text(safe(session), "bold")
        opened = age(request.get("opened"))
        head.append(f"  {request.get('request')}", "dim")
        if opened not in ("", "now"):
            head.append(f"  {opened} ago", "dim")
        parts += [head, Padding(entries.request(request), (0, 0, 0, 2))]
        parts.append(Text(f"  answer: codecast answer {safe(session)} CHOICE\n", "dim"))
    return Group(*parts)


def machines(result: r.Machines) -> RenderableType:
    made = table("NAME", "STATE", "HOST", "SESSIONS", "LATENCY", "FROM", "NOTE")
    for m in result.machines:
        host = str(m.get("host") or "")
        host = f"{m['user']}@{host}" if host and m.get("user") else host
        host += f":{m['port']}" if host and m.get("port") not in (None, 22) else ""
        latency = m.get("latency_ms")
        made.add_row(
            Text(safe(m.get("name")), "bold"),
            status(m.get("state")),
            safe(host),
            str(m.get("sessions") or ""),
            f"{latency:.0f} ms" if isinstance(latency, (int, float)) else "",
            safe(m.get("source") or ""),
            Text(one_line((m.get("error") or {}).get("message", ""), 80), "red"),
        )
    return made


def machine(result: r.Machine) -> RenderableType:
    m, info = result.machine, result.info or {}
    if result.words:
        return Text(safe(result.words))
    hello = m.get("hello") or {}
    memory, disk = info.get("memory") or {}, info.get("disk") or {}
    pairs: list[tuple[str, Any]] = [
        ("name", Text(safe(m.get("name")), "bold")),
        ("state", status(m.get("state"))),
        ("since", f"{age(m['since'])} ago" if m.get("since") else ""),
        ("host", m.get("host")),
        ("user", m.get("user") or hello.get("user")),
        ("port", m.get("port")),
        ("from", m.get("source")),
        ("latency", f"{m['latency_ms']:.0f} ms" if m.get("latency_ms") is not None else ""),
        ("sessions", m.get("sessions")),
        ("system", hello.get("platform")),
        ("python", hello.get("python")),
        ("agent in", hello.get("root")),
    ]
    pairs += [
        (str(key), _measure(key, value))
        for key, value in info.items()
        if key not in ("gpus", "memory", "disk")
    ]
    pairs += [("memory", _share(memory)), ("disk", _share(disk))]
    for gpu in info.get("gpus") or []:
        used = _share({"used": gpu.get("memory_used"), "total": gpu.get("memory_total")})
        busy = f"{gpu['utilization']}% busy" if gpu.get("utilization") is not None else ""
        pairs.append(("GPU", ", ".join(x for x in (str(gpu.get("name", "")), used, busy) if x)))
    parts: list[RenderableType] = [fields(pairs)]
    if m.get("error"):
        parts += [Text(""), entries.problem(m["error"])]
    return Group(*parts)


def _measure(key: str, value: Any) -> str:
    if key == "uptime" and isinstance(value, (int, float)):
        return duration(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(f"{x:.2f}" if isinstance(x, float) else str(x) for x in value)
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    return str(value)


def _share(value: Any) -> str:
    if not isinstance(value, dict):
        return size(value)
    total = value.get("total")
    used = value.get("used")
    if used is None and total is not None:
        free = value.get("available", value.get("free"))
        used = total - free if isinstance(free, (int, float)) else None
    return f"{size(used)} of {size(total)} used" if used is not None and total else size(total)


def doctor(result: r.Doctor) -> RenderableType:
    marks = {
        "ok": ("✓", "green"),
        "warning": ("!", "yellow"),
        "error": ("✗", "red"),
        "skipped": (UNFINISHED, "dim"),
    }
    parts: list[RenderableType] = []
    for check in result.checks:
        mark, style = marks.get(str(check.get("status")), ("?", ""))
        text = Text(f"{mark} ", style)
        text.append(f"{safe(check.get('name'))}: ", "bold")
        text.append(safe(check.get("message") or ""))
        if check.get("detail"):
            text.append(
                "\n" + "\n".join("    " + x for x in safe(check["detail"]).rstrip().split("\n")),
                "dim",
            )
        if check.get("hint"):
            text.append("\n    " + safe(check["hint"]), "yellow")
        parts.append(text)
    bad = sum(check.get("status") == "error" for check in result.checks)
    warned = sum(check.get("status") == "warning" for check in result.checks)
    verdict = "is ready" if not bad else f"is not ready: {plural(bad, 'problem')}"
    parts.append(
        Text(
            f"{safe(result.machine)} {verdict}"
            + (f", {plural(warned, 'warning')}." if warned else "."),
            "bold",
        )
    )
    return Group(*parts)


def clis(result: r.Clis) -> RenderableType:
    made = table("CLI", "VERSION", "LOGIN", "NOTE")
    for c in result.clis:
        if c.get("found"):
            login = _LOGIN.get(c.get("logged_in"), "")
            note = c.get("note") or (
                (c.get("login_hint") or "") if c.get("logged_in") is False else ""
            )
            made.add_row(
                Text(safe(c.get("cli")), "bold"),
                safe(c.get("version") or ""),
                login,
                safe(note or ""),
            )
        else:
            hint = f"not found; install: {c['install']}" if c.get("install") else "not found"
            made.add_row(Text(safe(c.get("cli")), "dim"), "", "", Text(safe(hint), "dim"))
    return made


def conversations(result: r.Conversations) -> RenderableType:
    if not result.conversations:
        return Text(f"The CLIs keep no such conversation on {safe(result.machine)}.")
    made = table("ID", "CLI", "AGE", "SIZE", "DIRECTORY", "TITLE")
    for c in result.conversations:
        title = Text(one_line(c.get("title"), 100))
        for words in _standing(c, result.names):
            title.append(f"\n{words}", "yellow" if c.get("live") else "dim")
        made.add_row(
            Text(r.short_id(c), "bold"),
            safe(c.get("cli") or ""),
            age(c.get("updated")),
            size(c.get("size")),
            one_line(c.get("cwd"), 60),
            title,
        )
    return made


def _standing(conversation: Any, names: Any) -> list[str]:
    """Who has it now."""
    words, session = [], conversation.get("session")
    if session:
        words.append(f"is the session {safe(names.get(session) or str(session)[:8])}")
    elif conversation.get("live"):
        words.append(one_line(conversation["live"].get("reason")))
    return words


def processes(result: r.Processes) -> RenderableType:
    if not result.processes:
        return Text(f"Nothing of ours runs on {safe(result.machine)}.")
    made = table("PID", "SESSION", "AGE", "MEMORY", "COMMAND")
    for p in result.processes:
        command = p.get("command")
        words = " ".join(map(str, command)) if isinstance(command, list) else str(command or "")
        made.add_row(
            str(p.get("pid")),
            safe(p.get("session") or "")[:8],
            duration(p["age"]) if p.get("age") is not None else "",
            size(p.get("memory")),
            Text(one_line(words, 100), "bold" if p.get("supervisor") else ""),
        )
    return made


def directories(result: r.Directories) -> RenderableType:
    listing = result.listing
    text = Text(safe(listing.get("path") or ""), "dim")
    for entry in listing.get("entries") or []:
        text.append("\n")
        text.append(
            safe(entry.get("name")) + ("/" if entry.get("is_dir") else ""),
            "bold" if entry.get("is_dir") else "",
        )
    return text


def files(result: r.Files) -> RenderableType:
    if not result.files:
        return Text(f"No file that {safe(result.session)} named or touched can be fetched.")
    made = table("SIZE", "AGE", "FILE")
    for file in result.files:
        made.add_row(size(file.get("size")), age(file.get("mtime")), one_line(file.get("name")))
    return made


def hits(result: r.Hits) -> RenderableType:
    if not result.hits:
        return Text(f"Nothing found for {safe(result.query)!r}.")
    made = table("SESSION", "EVENT", "AGE", "TITLE")
    for hit in result.hits:
        made.add_row(
            Text(safe(hit.get("name") or str(hit.get("session", ""))[:8]), "bold"),
            f"{hit.get('seq')} {hit.get('kind')}",
            age(hit.get("time")),
            one_line(hit.get("snippet"), 200),
        )
    made.columns[-1].header = "WORDS"
    return made


def health(result: r.Health) -> RenderableType:
    h = result.health
    pairs = [
        ("server", result.server),
        ("version", h.get("version")),
        ("protocol", h.get("protocol")),
        ("machines", h.get("machines")),
        ("sessions", h.get("sessions")),
        ("up for", duration(h["uptime"]) if h.get("uptime") is not None else ""),
    ]
    return Group(fields(pairs), *(entries.problem(problem) for problem in h.get("problems") or []))


def server(result: r.Server) -> RenderableType:
    if result.words:
        return Text(safe(result.words))
    if not result.running:
        return Text(
            "No server runs. The first command that needs one starts it, or: codecast server start"
        )
    kind = "started by codecast" if result.own else "your Jupyter server"
    return fields(
        [("server", result.url), ("kind", kind), ("process", result.pid), ("log", result.log)]
    )


def help(result: r.Help) -> RenderableType:
    command = find(result.command) if result.command else None
    return _help_one(command) if command is not None else _help_all()


def _help_all() -> RenderableType:
    parts: list[RenderableType] = [
        Text("codecast: coding agents on your machines, from here\n"),
        Text("usage: codecast COMMAND ..."),
    ]
    family = ""
    made: Table | None = None
    for command in TABLE:
        if command.family != family:
            family = command.family
            made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
            made.add_column(style="bold", min_width=20)
            made.add_column()
            parts += [Text(f"\n{family}", "dim"), made]
        assert made is not None
        shown = ", ".join((command.name, *(alias for alias in command.aliases if " " not in alias)))
        made.add_row(shown, command.help)
    parts.append(
        Text(
            "\nEverywhere: --json, --server URL, --no-color, --help.\n"
            "`codecast help COMMAND` explains one.\n"
            "Start here: codecast machines, then codecast start MACHINE DIRECTORY --attach",
            "dim",
        )
    )
    return Group(*parts)


def _help_one(command: Command) -> RenderableType:
    parts: list[RenderableType] = [
        Text(command.help + ".\n"),
        Text(f"usage: codecast {command.usage}"),
    ]
    if command.aliases:
        parts.append(Text(f"also: {', '.join(command.aliases)}", "dim"))
    if command.arguments:
        made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
        made.add_column(style="bold", min_width=18)
        made.add_column()
        for a in command.arguments:
            shown = a.shown
            if a.option:
                shown = (
                    (f"-{a.short}, " if a.short else "")
                    + f"--{a.name}"
                    + ("" if a.flag else f" {a.shown}")
                )
            made.add_row(shown, a.help)
        parts += [Text(""), made]
    children = [c for c in TABLE if c.name.startswith(command.name + " ")]
    if children:
        made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
        made.add_column(style="bold", min_width=18)
        made.add_column()
        for child in children:
            made.add_row(child.name, child.help)
        parts += [Text(""), made]
    if command.more:
        parts += [Text(""), Text(command.more)]
    if command.examples:
        parts.append(Text("\nexamples", "dim"))
        for line, does in command.examples:
            text = Text(f"  codecast {line}")
            text.append(f"   # {does}" if does else "", "dim")
            parts.append(text)
    return Group(*parts)


RENDERERS: dict[type, Callable[[Any], RenderableType]] = {
    r.Done: lambda result: Text(safe(result.words)),
    r.Text: lambda result: Text(result.text),
    r.Help: help,
    r.Version: lambda result: Text(f"codecast {result.version} (protocol {result.protocol})"),
    r.Sessions: sessions,
    r.Session: session,
    r.Started: started,
    r.Prompted: prompted,
    r.Prompts: queue,
    r.Usage: usage,
    r.Usages: usages,
    r.Requests: requests,
    r.Answered: lambda result: Text(safe(result.words)),
    r.Machines: machines,
    r.Machine: machine,
    r.Doctor: doctor,
    r.Clis: clis,
    r.Conversations: conversations,
    r.Processes: processes,
    r.Directories: directories,
    r.Files: files,
    r.Hits: hits,
    r.Health: health,
    r.Server: server,
    r.Follow: lambda result: Text(
        f"{safe(name(result.session))}: codecast attach {safe(name(result.session))}"
    ),
    r.Stream: lambda result: Text(safe(name(result.session))),
}
