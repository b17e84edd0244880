"""Sessions, their prompts, requests and figures, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from codecast_agent.protocol.budget import words as over_words

from .. import results as r
from ..transcript import Transcript
from ..words import (
    age,
    budget_words,
    dollars,
    duration,
    name,
    one_line,
    plural,
    safe,
    tokens,
    who,
)
from . import entries
from .entries import Printer, Sink
from .layout import fields, status, table

Json = Mapping[str, Any]


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
