"""What can be typed in a chat: the one table of commands, and the few that only chats have.

A name may be written with `-` or `_`, and two words as one (`/machines_add`). Where a place shows a
session, its name may be left out. A command that is not ours goes to the CLI as it is.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.commands import results as r
from codecast_jupyter.commands.context import Context
from codecast_jupyter.commands.parsing import parse
from codecast_jupyter.commands.table import (
    TABLE,
    Argument,
    Command,
    Values,
    find,
    positional,
    split,
)

from .platforms.contract import MenuArgument, MenuCommand
from .rendering import TOOL_DISPLAYS

FAMILY = "The chat"
# of the shell and its computer: not for chats
_SHELL = {"server", "server start", "server stop", "completion", "bots", "bots check", "bots pair"}


async def _here(context: Context, values: Values) -> r.Result:
    # `Handling` does these: they are about the place
    raise CodecastError("not_supported", "Only a chat can do this.", "Say it to the bot.")


OWN = (
    Command("new", "Begin anew with the same machine, directory and CLI", _here, family=FAMILY),
    Command("clear", "The same as new", _here, family=FAMILY),
    Command("exit", "Show no session here any more; it goes on", _here, family=FAMILY),
    Command("diff", "Show what the last turn changed", _here, family=FAMILY),
    Command(
        "tool-display",
        "Choose how tool calls are shown here",
        _here,
        (positional("how", "timer, append or batch", required=False, choices=TOOL_DISPLAYS),),
        family=FAMILY,
    ),
    Command("whoami", "Tell your id and your role", _here, family=FAMILY),
    Command(
        "pair",
        "Be let in with the code of `codecast bots pair`",
        _here,
        (positional("code", "the code", required=False),),
        family=FAMILY,
    ),
    Command(
        "code",
        "Give the step-up code that something dangerous asks for",
        _here,
        (positional("code", "six digits"),),
        family=FAMILY,
    ),
)
_OWN = {command.name: command for command in OWN}
ALIASES = {
    "add-machine": "machines add",
    "remove-machine": "machines remove",
    "rm-session": "rm",
    "monitor": "machines show",
    "tooldisplay": "tool-display",
    "file": "get",
    "status": "show",
    "watch": "attach",
}
_TERMINAL = {"wait", "follow", "attach", "output"}  # options without a sense in chats
# the order of menus, which show the first ones best
_FIRST = ("start", "ls", "resume", "interrupt", "stop", "new", "exit", "show", "mode", "model")


class Typed(NamedTuple):
    """A command of ours with its values, or (`command` None) words for the CLI."""

    command: Command | None
    values: Values
    text: str = ""

    @property
    def own(self) -> bool:
        return self.command is not None and self.command.name in _OWN


def read(text: str, session: str, known: Collection[str]) -> Typed:
    """What a line that begins with `/` means. `session` is the one shown here (empty: none),
    `known` the names and ids of all. Raises CodecastError("bad_request")."""
    if text.startswith("//"):
        return Typed(None, {}, text[1:])
    head, _, rest = text[1:].partition(" ")
    if "\n" in head:
        head, _, first = head.partition("\n")
        rest = f"{first} {rest}" if rest else first
    head = head.partition("@")[0].lower().replace("_", "-")
    named = _command(ALIASES.get(head, head), rest)
    if named is None:
        if session:
            return Typed(None, {}, text)
        raise CodecastError(
            "bad_request", f"There is no command /{head}, and no session here.", "/help lists them."
        )
    command, rest = named
    words = _words(command, rest)
    if session and _lacks_session(command, words, known):
        only_text = len(command.positionals) == 2 and command.positionals[1].text
        if only_text and rest.strip() and not rest.lstrip().startswith(("-", "\u2014")):
            words = [rest]  # as it was written
        words.insert(0, session)
    if command.name in _OWN:
        return Typed(command, {a.key: w for a, w in zip(command.arguments, words, strict=False)})
    parsed = parse([*command.name.split(" "), *words])
    if parsed.command is not command:  # --help
        return Typed(parsed.command, parsed.values)
    for argument in command.arguments:
        if argument.complete == "file" and parsed.values.get(argument.key):
            raise CodecastError(
                "bad_request",
                f"--{argument.name} is about files of the bots' computer: not from a chat.",
                "Send the file itself, with the prompt as its caption.",
            )
    return Typed(command, parsed.values)


def _command(name: str, rest: str) -> tuple[Command, str] | None:
    if name in _OWN:
        return _OWN[name], rest
    if name == "new":
        name = "start"
    words = [*name.split(" "), *rest.split(" ", 1)[:1]]
    command, left = split([word for word in words if word])
    if command is None or " " not in command.name:
        plain = find(name.replace("-", " ")) if "-" in name else None
        command = plain or find(name)
        left = [rest] if rest else []
    elif not left:  # both words were ours; one may have come from `rest`
        taken = len(command.name.split(" ")) - len(name.split(" "))
        return _offered(
            command,
            rest.split(" ", taken)[taken] if " " in rest and taken else ("" if taken else rest),
        )
    return _offered(command, rest)


def _offered(command: Command | None, rest: str) -> tuple[Command, str] | None:
    if command is None or command.name in _SHELL:
        return None
    return command, rest


def _words(command: Command, rest: str) -> list[str]:
    """As a shell would, but forgiving; words of a prompt stay as they were written."""
    # phones write a dash for two hyphens, and curly quotes
    rest = re.sub(r"(^|\s)[\u2013\u2014](?=\w)", r"\1--", rest)
    text = next((a for a in command.positionals if a.text and a.many), None)
    if text is not None:
        before = command.positionals.index(text)
        parts = rest.split(None, before)
        return [*parts[:before], *parts[before:]]
    rest = rest.translate({0x201C: '"', 0x201D: '"', 0x2018: "'", 0x2019: "'"})
    try:
        return shlex.split(rest)
    except ValueError:
        return rest.split()


def _lacks_session(command: Command, words: list[str], known: Collection[str]) -> bool:
    first = command.positionals[0] if command.positionals else None
    if first is None or first.complete != "session":
        return False
    given = next((word for word in words if not word.startswith("-")), None)
    return given is None or given not in known


def needs(typed: Typed) -> str:
    """What `access` is asked for: the command, with the value that makes it dangerous."""
    command, values = typed.command, typed.values
    if command is None:
        return "send"
    if command.name in ("mode", "start", "adopt") and values.get("mode") == "auto":
        return "mode auto" if command.name == "mode" else "start auto"
    if command.name == "queue" and values.get("action"):
        return "queue edit"
    return command.name


def offered() -> Iterable[Command]:
    """All commands of a chat."""
    yield from OWN
    for command in TABLE:
        if command.name not in _SHELL:
            yield command


def menu() -> list[MenuCommand]:
    """For the platforms' menus, the usual ones first."""
    made = {
        command.name.replace(" ", "-"): MenuCommand(
            command.name.replace(" ", "-"),
            command.help,
            command.usage[len(command.name) :].strip(),
            tuple(_menu_argument(a) for a in command.arguments if _chosen(command, a)),
            secret=command.name in ("code", "pair"),
        )
        for command in offered()
    }
    order = [name for name in _FIRST if name in made]
    return [made[name] for name in [*order, *(n for n in made if n not in order)]]


def _chosen(command: Command, argument: Argument) -> bool:
    """Whether a menu asks for it: files of the bots' computer are no matter of a chat, and what
    only terminals do with a result is left out; options cannot stand before free words."""
    if argument.complete == "file" or argument.name in _TERMINAL:
        return False
    return not (argument.option and any(a.text and a.many for a in command.positionals))


def _menu_argument(argument: Argument) -> MenuArgument:
    return MenuArgument(
        argument.name,
        argument.help,
        required=argument.required and not argument.implied,
        option=argument.option,
        flag=argument.flag,
        text=argument.text and argument.many,
        choices=argument.choices,
        completes=bool(argument.complete) and not argument.choices,
    )


def help_text() -> str:
    """All of them, a line each."""
    lines = [f"/{entry.name.replace('-', '_')} {entry.help.rstrip('.')}" for entry in menu()]
    return "\n".join(
        [
            "Send words to prompt the session that is shown here.",
            "",
            *lines,
            "",
            "Any other /command goes to the CLI; //command too, where we have one of that name.",
        ]
    )


def in_chat(words: Any) -> str:
    """Hints speak of the shell: `codecast ls --all` is `/ls --all` here."""
    return re.sub(r"`?\bcodecast ([a-z])", lambda m: m[0].replace("codecast ", "/"), str(words))
