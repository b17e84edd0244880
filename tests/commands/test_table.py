"""The one table is whole: nothing without help, an example that parses, a look on every surface."""

from __future__ import annotations

import shlex

import pytest

from codecast_jupyter.commands import results
from codecast_jupyter.commands.completion import SOURCES
from codecast_jupyter.commands.parsing import parse
from codecast_jupyter.commands.render import markdown, terminal
from codecast_jupyter.commands.table import TABLE, Command, describe, find, names, nearest, split

COMMANDS = list(TABLE)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_command_is_complete(command: Command) -> None:
    assert command.help and command.help[0].isupper() and not command.help.endswith(".")
    assert command.family
    assert command.examples, "no example"
    for argument in command.arguments:
        assert argument.help, argument.name
        if argument.complete:
            assert argument.complete in SOURCES
    required = [a.required for a in command.positionals]
    assert required == sorted(required, reverse=True), "a required word after an optional one"
    assert all(not a.many for a in command.positionals[:-1]), "only the last may take many words"


@pytest.mark.parametrize(
    "line", [line for command in COMMANDS for line, _ in command.examples if ">" not in line]
)
def test_example_means_its_own_command(line: str) -> None:
    parsed = parse(shlex.split(line))
    assert line in [example for example, _ in parsed.command.examples]


def test_names_are_unique() -> None:
    found = names()
    assert len(found) == len(set(found))


def test_two_words_go_before_one() -> None:
    command, rest = split(["machines", "add", "lab"])
    assert command is find("machines add") and rest == ["lab"]
    command, rest = split(["machines"])
    assert command is find("machines") and rest == []


@pytest.mark.parametrize("kind", results.RESULTS, ids=lambda kind: kind.__name__)
def test_every_result_has_a_look_everywhere(kind: type) -> None:
    assert kind in terminal.RENDERERS
    assert kind in markdown.RENDERERS
    assert callable(kind.to_json)  # type: ignore[attr-defined]


def test_description_is_data() -> None:
    described = describe(find("mode"))  # type: ignore[arg-type]
    assert described["arguments"][1]["choices"] == ["auto", "code", "plan", "ask"]
    assert described["usage"] == "mode SESSION MODE"


def test_nearest_word() -> None:
    assert nearest("atach", names()) == "attach"
    assert nearest("xyzzy", names()) is None
