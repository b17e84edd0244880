"""argparse, built from the command table for the one command that was typed.

Errors name the nearest word. Words of the person (`text` arguments) may begin with `-`.
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple, NoReturn

from codecast_agent.protocol.errors import CodecastError

from .table import TABLE, Argument, Command, Values, names, nearest, split


class Parsed(NamedTuple):
    command: Command
    values: Values
    json: bool
    color: bool
    server: str | None


class _Parser(argparse.ArgumentParser):
    command: Command

    def error(self, message: str) -> NoReturn:
        raise usage_error(self.command, message)


def usage_error(command: Command | None, message: str, near: str | None = None) -> CodecastError:
    """A usage error: what, the nearest word, how to learn more."""
    message = message.rstrip(".") + "."
    if near:
        message += f" Did you mean {near}?"
    if command is None:
        return CodecastError("bad_request", message, "`codecast help` lists the commands.")
    return CodecastError(
        "bad_request",
        message,
        f"usage: codecast {command.usage}\n`codecast help {command.name}` explains it.",
    )


def parse(argv: list[str]) -> Parsed:
    """Raises CodecastError("bad_request")."""
    json, color, server, wants_help, words = _globals(argv)
    if not words:
        return Parsed(_known("help"), {"command": []}, json, color, server)
    if words[0] == "--version":
        words = ["version"]
    command, rest = split(words)
    if command is None:
        word = words[0]
        if word.startswith("-"):
            raise usage_error(None, f"There is no option {word!r}", nearest(word, GLOBAL_WORDS))
        raise usage_error(None, f"There is no command {word!r}", nearest(word, names()))
    if wants_help:
        return Parsed(_known("help"), {"command": command.name.split(" ")}, json, color, server)
    return Parsed(command, _values(command, rest), json, color, server)


GLOBAL_WORDS = ("--json", "--server", "--no-color", "--help", "--version")


def _known(name: str) -> Command:
    command, _ = split([name])
    assert command is not None
    return command


def _globals(argv: list[str]) -> tuple[bool, bool, str | None, bool, list[str]]:
    """Options that may stand anywhere before `--`, and the words that are left.

    In the free words of a prompt only the exact words count; `--` keeps even these.
    """
    json, color, server, wants_help = False, True, None, False
    words: list[str] = []
    index = 0
    while index < len(argv):
        word = argv[index]
        if word == "--":
            words.extend(argv[index:])
            break
        if word == "--json":
            json = True
        elif word in ("--no-color", "--no-colour"):
            color = False
        elif word in ("-h", "--help"):
            wants_help = True
        elif word == "--server":
            index += 1
            if index >= len(argv):
                raise usage_error(None, "--server needs a URL")
            server = argv[index]
        elif word.startswith("--server="):
            server = word.partition("=")[2]
        else:
            words.append(word)
        index += 1
    return json, color, server, wants_help, words


def _values(command: Command, words: list[str]) -> Values:
    options = {f"--{a.name}": a for a in command.options}
    options.update({f"-{a.short}": a for a in command.options if a.short})
    if not command.positionals and words and not words[0].startswith("-"):
        children = [
            name
            for child in TABLE
            for name in (child.name, *child.aliases)
            if name.startswith(command.name + " ")
        ]
        near = nearest(words[0], [child.split(" ")[-1] for child in children])
        raise usage_error(
            command,
            f"`{command.name}` has no {words[0]!r}",
            near and f"`{command.name} {near}`",
        )
    parser = _Parser(prog=f"codecast {command.name}", add_help=False, allow_abbrev=False)
    parser.command = command
    for argument in command.arguments:
        _add(parser, argument)
    escaped = _escape(command, words, options)
    found, left = parser.parse_known_intermixed_args(escaped)
    if left:
        word = _plain(left[0])
        if word.startswith("-"):
            raise usage_error(
                command, f"`{command.name}` has no option {word!r}", nearest(word, options)
            )
        raise usage_error(command, f"`{command.name}` does not know what to do with {word!r}")
    values: Values = {}
    for argument in command.arguments:
        value = getattr(found, argument.key)
        if isinstance(value, list):
            value = [_plain(item) if isinstance(item, str) else item for item in value]
        elif isinstance(value, str):
            value = _plain(value)
        values[argument.key] = value
        _check(command, argument, value)
    return values


def _check(command: Command, argument: Argument, value: Any) -> None:
    if argument.required and (value is None or value == []):
        raise usage_error(command, f"{argument.shown} is missing")
    if argument.choices and value is not None and value not in argument.choices:
        allowed = ", ".join(argument.choices)
        raise usage_error(
            command,
            f"{argument.shown} is one of {allowed}, not {value!r}",
            nearest(str(value), argument.choices),
        )


_MARK = "\0"  # can be in no word of a command line


def _plain(word: str) -> str:
    return word.removeprefix(_MARK)


def _escape(command: Command, words: list[str], options: dict[str, Argument]) -> list[str]:
    """Words that begin with `-` and are text, not options, get a mark that argparse passes."""
    takes_text = any(a.text for a in command.positionals)
    found: list[str] = []
    plain = value = False
    for word in words:
        if value:
            found.append(_MARK + word if word.startswith("-") else word)
            value = False
        elif plain or not word.startswith("-") or word == "-":
            found.append(_MARK + word if plain else word)
        elif word == "--":
            plain = True
        else:
            known = options.get(word.partition("=")[0])
            if known is not None:
                found.append(word)
                value = not known.flag and "=" not in word
            elif takes_text:
                near = nearest(word, options) if " " not in word and word.startswith("--") else None
                if near:
                    raise usage_error(
                        command,
                        f"`{command.name}` has no option {word!r} (put -- before text)",
                        near,
                    )
                found.append(_MARK + word)
            else:
                found.append(word)
    return found


def _number(word: str) -> int:
    return int(word.removeprefix(_MARK))


def _add(parser: argparse.ArgumentParser, argument: Argument) -> None:
    kind: Any = _number if argument.type is int else argument.type
    if not argument.option:
        # completeness is checked afterwards, with our own words
        nargs = "*" if argument.many else "?"
        parser.add_argument(argument.key, nargs=nargs, type=kind, metavar=argument.shown)
        return
    flags = [f"--{argument.name}", *([f"-{argument.short}"] if argument.short else [])]
    if argument.flag:
        parser.add_argument(*flags, dest=argument.key, action="store_true")
    elif argument.many:
        parser.add_argument(
            *flags, dest=argument.key, type=kind, metavar=argument.shown, action="append"
        )
    else:
        parser.add_argument(*flags, dest=argument.key, type=kind, metavar=argument.shown)
