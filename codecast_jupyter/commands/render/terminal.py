"""Results for a terminal, by rich. Foreign words pass `safe` before they reach it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from .. import results as r
from ..words import (
    age,
    duration,
    name,
    one_line,
    safe,
)
from . import entries
from .helping import help
from .layout import fields, table
from .machines import clis, conversations, directories, doctor, files, machine, machines, processes
from .sessions import prompted, queue, requests, session, sessions, started, usage, usages

Json = Mapping[str, Any]


def render(result: Any) -> RenderableType:
    """The renderable of a result of any type in `results.RESULTS`."""
    return RENDERERS[type(result)](result)


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
