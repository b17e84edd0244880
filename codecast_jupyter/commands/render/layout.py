"""What all renderings for a terminal share: tables, fields, words with their colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from codecast_agent.protocol.errors import CodecastError

from ..words import (
    safe,
)
from . import entries

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
