"""Machines and what is on them, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from .. import results as r
from ..words import (
    UNFINISHED,
    age,
    cli_help,
    duration,
    gpu_words,
    load_words,
    one_line,
    plural,
    safe,
    size,
)
from . import entries
from .layout import fields, status, table

Json = Mapping[str, Any]

_LOGIN: dict[Any, Text | str] = {True: Text("yes", "green"), False: Text("no", "red")}


def machines(result: r.Machines) -> RenderableType:
    gpus = {name: gpu_words(info) for name, info in result.info.items()}
    heads = ["NAME", "STATE", "HOST", "SESSIONS", "LATENCY", "LOAD", "GPUS", "FROM", "NOTE"]
    shown = [head for head in heads if head != "GPUS" or any(gpus.values())]
    made = table(*shown)
    for m in result.machines:
        name = str(m.get("name"))
        host = str(m.get("host") or "")
        host = f"{m['user']}@{host}" if host and m.get("user") else host
        host += f":{m['port']}" if host and m.get("port") not in (None, 22) else ""
        latency = m.get("latency_ms")
        cells: dict[str, Text | str] = {
            "NAME": Text(safe(name), "bold"),
            "STATE": status(m.get("state")),
            "HOST": safe(host),
            "SESSIONS": str(m.get("sessions") or ""),
            "LATENCY": f"{latency:.0f} ms" if isinstance(latency, (int, float)) else "",
            "LOAD": load_words(result.info.get(name) or {}),
            "GPUS": gpus.get(name, ""),
            "FROM": safe(m.get("source") or ""),
            "NOTE": Text(one_line((m.get("error") or {}).get("message", ""), 80), "red"),
        }
        made.add_row(*(cells[head] for head in shown))
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
            made.add_row(
                Text(safe(c.get("cli")), "bold"),
                safe(c.get("version") or ""),
                login,
                safe(cli_help(c)),
            )
        else:
            hint = "; ".join(part for part in ("not found", cli_help(c)) if part)
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
            safe(p.get("name") or (p.get("session") or "")[:8]),
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
