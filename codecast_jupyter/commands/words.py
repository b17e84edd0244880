"""Short words for times, sizes and foreign text."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Mapping
from typing import Any

BUSY = 10  # percent of a GPU's time from which on it counts as busy


def duration(seconds: float) -> str:
    """`0.4s`, `12s`, `3m 5s`, `2h 10m`, `3d 4h`."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60}m"
    return f"{whole // 86400}d {whole % 86400 // 3600}h"


def age(since: Any, now: float | None = None) -> str:
    """How long ago, in one unit: `now`, `40s`, `5m`, `3h`, `12d`. Empty for what is no time."""
    if not isinstance(since, (int, float)) or not since:
        return ""
    seconds = int((time.time() if now is None else now) - since)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s" if seconds > 2 else "now"


def size(count: Any) -> str:
    """Bytes: `512 B`, `1.5 kB`, `3.2 GB`."""
    if not isinstance(count, (int, float)):
        return ""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return ""


def tokens(count: int) -> str:
    """`812`, `12.4k`, `1.2M`."""
    if count < 1000:
        return str(count)
    return f"{count / 1000:.1f}k" if count < 1_000_000 else f"{count / 1_000_000:.1f}M"


MARK = "\u276f"  # before what a person says
UNFINISHED = "\u2013"

_KEEP = {"\n", "\t", "\u200d"}  # the joiner holds emoji together


def safe(text: Any) -> str:
    """Foreign text without power over the terminal: controls and reordering marks become visible.

    A permission shows commands that an agent wrote: an escape sequence or a bidirectional
    override in it must not make them look like other ones.
    """
    value = str(text)
    if value.isascii() and value.isprintable():
        return value
    value = value.replace("\r\n", "\n")
    return "".join(c if c in _KEEP or not _hidden(c) else _visible(c) for c in value)


def _hidden(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _visible(char: str) -> str:
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    return f"<U+{code:04X}>"


def one_line(text: Any, width: int = 0) -> str:
    """Safe, on one line, cut with an ellipsis at `width` characters (0: not cut)."""
    value = " ".join(safe(text).split())
    return value if not width or len(value) <= width else value[: width - 1] + "…"


def cli_help(cli: Mapping[str, Any]) -> str:
    """What is to be done about a CLI on a machine: install it, log in, what its note says."""
    if not cli.get("found"):
        return f"install: {cli['install']}" if cli.get("install") else ""
    login = cli.get("login_hint") if cli.get("logged_in") is False else ""
    return " ".join(str(part) for part in (login, cli.get("note")) if part)


def dollars(amount: Any) -> str:
    """`$0.0123`, `$4.20`; empty for nothing."""
    if not isinstance(amount, (int, float)) or not amount:
        return ""
    return f"${amount:.4f}" if amount < 1 else f"${amount:.2f}"


def budget_words(budget: Mapping[str, Any]) -> str:
    """`$5, 10 turns, 90 minutes`."""
    shown = {"max_cost": "${:g}", "max_turns": "{:g} turns", "max_minutes": "{:g} minutes"}
    return ", ".join(shown[limit].format(budget[limit]) for limit in shown if budget.get(limit))


def plural(count: int, word: str, many: str = "") -> str:
    return f"{count} {word}" if count == 1 else f"{count} {many or word + 's'}"


def name(session: Mapping[str, Any]) -> str:
    """What a session is called: its name, else the head of its id."""
    return str(session.get("name") or str(session.get("id", ""))[:8])


def who(person: Mapping[str, Any]) -> str:
    """`alice on telegram`, as far as it is known.

    A Jupyter server with a token but no accounts calls people by 32 random digits: no name.
    """
    by, where = person.get("by"), person.get("where")
    if by and re.fullmatch("[0-9a-f]{32}", str(by)):
        by = None
    if by is None and where:
        return f"on {where}"
    return " on ".join(str(part) for part in (by, where) if part)


def load_words(info: Mapping[str, Any]) -> str:
    """The last minute's load of so many processors."""
    load = info.get("load") or []
    return f"{load[0]:.1f} of {info.get('cpus') or '?'}" if load else ""


def gpu_words(info: Mapping[str, Any]) -> str:
    """All GPUs of a machine in a few words: `8 x H100, 3 busy, 212 of 640 GB`."""
    gpus = info.get("gpus") or []
    if not gpus:
        return ""
    kinds = list(dict.fromkeys(one_line(gpu.get("name"), 30) for gpu in gpus))
    first = f"{len(gpus)} x {kinds[0]}" if len(gpus) > 1 else kinds[0]
    busy = sum((gpu.get("utilization") or 0) >= BUSY for gpu in gpus)
    used = sum(gpu.get("memory_used") or 0 for gpu in gpus)
    total = sum(gpu.get("memory_total") or 0 for gpu in gpus)
    memory = f"{size(used)} of {size(total)}" if total else ""
    told = any(gpu.get("utilization") is not None for gpu in gpus)
    names = first + (", ..." if len(kinds) > 1 else "")
    return ", ".join(part for part in (names, f"{busy} busy" if told else "", memory) if part)
