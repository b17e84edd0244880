"""The menu as slash commands, and what somebody chose from it as a line of text."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .contract import MenuArgument, MenuCommand

Json = dict[str, Any]
MOST, MOST_OPTIONS, MOST_CHOICES = 100, 25, 25
NAME, HELP, CHOICE = 32, 100, 100  # characters
COMMAND, STRING, BOOLEAN = 1, 3, 5  # types
EVERYWHERE = [0, 1]  # contexts: servers, and a talk with the bot
_COMPARED = ("name", "description", "type", "options", "contexts")


def menu(commands: Sequence[MenuCommand]) -> list[Json]:
    return [
        {
            "type": COMMAND,
            "name": command.name[:NAME],
            "description": command.help[:HELP],
            "options": [_option(argument) for argument in options(command)],
            "contexts": EVERYWHERE,
        }
        for command in commands[:MOST]
    ]


def options(command: MenuCommand) -> list[MenuArgument]:
    """What must be given stands first, as Discord wants it."""
    listed = sorted(command.arguments, key=lambda a: not a.required)
    return listed[:MOST_OPTIONS]


def _option(argument: MenuArgument) -> Json:
    found: Json = {
        "type": BOOLEAN if argument.flag else STRING,
        "name": argument.name.lower()[:NAME],
        "description": (argument.help or argument.name)[:HELP],
        "required": argument.required,
    }
    if argument.choices and not argument.flag:
        found["choices"] = [{"name": c[:CHOICE], "value": c} for c in argument.choices]
        found["choices"] = found["choices"][:MOST_CHOICES]
    elif argument.completes:
        found["autocomplete"] = True
    return found


def same(theirs: Sequence[Json], ours: Sequence[Json]) -> bool:
    """Whether Discord has it so; it leaves out and adds what says nothing."""
    return sorted(map(_plain, theirs), key=str) == sorted(map(_plain, ours), key=str)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = (*_COMPARED, "required", "autocomplete", "choices", "value")
        pairs = ((key, _plain(value[key])) for key in kept if value.get(key))
        return tuple(pairs)
    return tuple(map(_plain, value)) if isinstance(value, list) else value


class Chosen(NamedTuple):
    """`focused`: the argument that is being typed."""

    name: str
    values: dict[str, str]
    focused: str = ""


def chosen(data: Json) -> Chosen:
    values: dict[str, str] = {}
    focused = ""
    for option in data.get("options") or []:
        value = option.get("value")
        if isinstance(value, bool):
            if value:
                values[str(option["name"])] = ""
        else:
            values[str(option["name"])] = str(value)
        if option.get("focused"):
            focused = str(option["name"])
    return Chosen(str(data.get("name") or ""), values, focused)


def line(command: MenuCommand | None, given: Chosen) -> str:
    """As it would be typed: `/start gpu ~/project --cli claude`."""
    words = [f"/{given.name}"]
    known = {a.name.lower(): a for a in command.arguments} if command is not None else {}
    first = [name for name, a in known.items() if not a.option and name in given.values]
    listed = [name for name in given.values if name in known]
    for name in dict.fromkeys([*first, *listed, *given.values]):
        value, argument = given.values[name], known.get(name)
        if argument is not None and argument.option:
            words += (
                [f"--{argument.name}"] if argument.flag else [f"--{argument.name}", _word(value)]
            )
        else:
            words.append(value if argument is not None and argument.text else _word(value))
    return " ".join(words)


def _word(value: str) -> str:
    plain = value and not re.search(r"[\s\"'\\]", value)
    return value if plain else shlex.quote(value)


def choices(found: Sequence[tuple[str, str]]) -> list[Json]:
    """Of an autocompletion; a value that is too long cannot be offered."""
    made = []
    for value, help in found:
        if len(value) <= CHOICE:
            name = f"{value} — {help}" if help else value
            made.append({"name": name[:CHOICE], "value": value})
    return made[:MOST_CHOICES]
