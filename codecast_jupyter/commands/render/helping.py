"""The help that the table of commands gives, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .. import results as r
from ..table import TABLE, Command, find

Json = Mapping[str, Any]


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
