"""The one table of commands.

A command is named by one or two words (`ls`, `machines add`). Its arguments are declared
once; shell, notebook and chats parse by them, complete by them and print their help. The
function takes a `Context` and the parsed values by name and returns a result.
"""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .context import Context
    from .results import Result

Values = dict[str, Any]
MODES = ("auto", "code", "plan", "ask")


class Argument(NamedTuple):
    """A positional word (`name` in capitals in the help) or an option (`--name`).

    `many`: takes all remaining words, or is an option that may be repeated. `flag`: an option
    without value. `text`: free words of the person, so what begins with `-` and is no option
    belongs to it. `complete` names a source of completions (see `completion.SOURCES`).
    `implied`: a surface that has a current session may leave it out.
    """

    name: str
    help: str
    option: bool = False
    required: bool = True
    flag: bool = False
    many: bool = False
    text: bool = False
    type: Callable[[str], Any] = str
    choices: tuple[str, ...] = ()
    metavar: str = ""
    short: str = ""
    complete: str = ""
    implied: bool = False

    @property
    def key(self) -> str:
        """The name in the values a command gets."""
        return self.name.replace("-", "_")

    @property
    def shown(self) -> str:
        return self.metavar or self.name.upper()


class Command(NamedTuple):
    name: str
    help: str  # one line, a verb first
    run: Callable[[Context, Values], Awaitable[Result]]
    arguments: tuple[Argument, ...] = ()
    aliases: tuple[str, ...] = ()
    examples: tuple[tuple[str, str], ...] = ()  # (what is typed after `codecast`, what it does)
    more: str = ""  # further words for its own help
    family: str = ""
    client: bool = True  # needs a server
    starts: bool = True  # worth starting a server for

    @property
    def positionals(self) -> tuple[Argument, ...]:
        return tuple(a for a in self.arguments if not a.option)

    @property
    def options(self) -> tuple[Argument, ...]:
        return tuple(a for a in self.arguments if a.option)

    @property
    def usage(self) -> str:
        words = [self.name]
        for argument in self.positionals:
            shown = argument.shown + ("..." if argument.many else "")
            words.append(shown if argument.required else f"[{shown}]")
        words.extend(f"[--{a.name}]" if a.flag else f"[--{a.name} {a.shown}]" for a in self.options)
        return " ".join(words)


def positional(name: str, help: str, **more: Any) -> Argument:
    return Argument(name, help, **more)


def option(name: str, help: str, **more: Any) -> Argument:
    return Argument(name, help, option=True, required=False, **more)


def flag(name: str, help: str, **more: Any) -> Argument:
    return Argument(name, help, option=True, required=False, flag=True, **more)


SESSION = positional("session", "name or id of a session", complete="session", implied=True)
MACHINE = positional("machine", "a machine: see `codecast machines`", complete="machine")


def _collect() -> tuple[Command, ...]:
    from . import (
        bots,
        conversations,
        export,
        files,
        hub,
        machines,
        prompts,
        requests,
        sessions,
        shell,
        usage,
    )

    return (
        *sessions.COMMANDS,
        *usage.COMMANDS,
        *export.COMMANDS,
        *conversations.COMMANDS,
        *prompts.COMMANDS,
        *files.COMMANDS,
        *requests.COMMANDS,
        *machines.COMMANDS,
        *hub.COMMANDS,
        *bots.COMMANDS,
        *shell.COMMANDS,
    )


class _Lazy:
    """The table, made at first use: families import this module for its words."""

    _commands: tuple[Command, ...] = ()

    def __iter__(self) -> Any:
        if not _Lazy._commands:
            _Lazy._commands = _collect()
        return iter(_Lazy._commands)


TABLE: Iterable[Command] = _Lazy()


def find(name: str) -> Command | None:
    """By full name or alias."""
    for command in TABLE:
        if name == command.name or name in command.aliases:
            return command
    return None


def split(words: list[str]) -> tuple[Command | None, list[str]]:
    """The command at the head of `words` (two words before one) and the words after it."""
    for length in (2, 1):
        if len(words) >= length:
            command = find(" ".join(words[:length]))
            if command is not None:
                return command, words[length:]
    return None, words


def names() -> list[str]:
    return [name for command in TABLE for name in (command.name, *command.aliases)]


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word a person may have meant."""
    candidates = list(known)
    close = difflib.get_close_matches(word.lower(), candidates, 1, 0.6)
    if close:
        return close[0]
    starting = [name for name in candidates if word and name.startswith(word)]
    return starting[0] if len(starting) == 1 else None


def describe(command: Command) -> dict[str, Any]:
    """The command as data: for `help --json`, menus of chats and palettes."""
    return {
        "name": command.name,
        "aliases": list(command.aliases),
        "help": command.help,
        "usage": command.usage,
        "family": command.family,
        "arguments": [
            {
                "name": a.name,
                "help": a.help,
                "option": a.option,
                "required": a.required,
                "flag": a.flag,
                "many": a.many,
                **({"choices": list(a.choices)} if a.choices else {}),
                **({"complete": a.complete} if a.complete else {}),
            }
            for a in command.arguments
        ],
        "examples": [{"line": line, "does": does} for line, does in command.examples],
        **({"more": command.more} if command.more else {}),
    }
