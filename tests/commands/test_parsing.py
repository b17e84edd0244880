"""What is typed wrongly is said in words; what is a person's text is never taken for an option."""

from __future__ import annotations

from typing import Any

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.commands.parsing import parse


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("atach x", "Did you mean attach?"),
        ("ls --mashine gpu-1", "Did you mean --machine?"),
        ("mode s paln", "Did you mean plan?"),
        ("machines lst", "Did you mean `machines list`?"),
        ("send s --wiat hello", "Did you mean --wait?"),
        ("completion bsh", "Did you mean bash?"),
        ("--jsno ls", "Did you mean --json?"),
        ("send", "SESSION is missing"),
        ("rename s", "NAME is missing"),
        ("logs s --after many", "invalid"),
        ("logs s --after", "expected one argument"),
        ("stop s t", "does not know what to do with 't'"),
        ("--server", "needs a URL"),
    ],
)
def test_error_names_what_was_meant(line: str, says: str) -> None:
    with pytest.raises(CodecastError) as caught:
        parse(line.split())
    assert caught.value.code == "bad_request"
    assert says in caught.value.message
    assert caught.value.hint


def values(*words: str) -> dict[str, Any]:
    return parse(list(words)).values


def test_prompt_may_begin_with_a_dash() -> None:
    assert values("send", "s", "-fix this")["text"] == ["-fix this"]
    assert values("send", "s", "-1", "is", "wrong")["text"] == ["-1", "is", "wrong"]
    assert values("send", "s", "--", "--wait", "--json")["text"] == ["--wait", "--json"]
    assert values("send", "s", "-")["text"] == ["-"]
    assert values("answer", "s", "-5")["choice"] == ["-5"]


def test_options_stand_anywhere() -> None:
    parsed = parse(["send", "s", "--wait", "fix", "it", "--json", "-f", "-"])
    assert parsed.json
    assert parsed.values == {
        "session": "s",
        "text": ["fix", "it"],
        "wait": True,
        "steer": False,
        "file": "-",
        "attach": None,
    }
    found = values("start", "local", "--cli", "demo", "/x", "-a")
    assert (found["machine"], found["directory"], found["cli"], found["attach"]) == (
        "local",
        "/x",
        "demo",
        True,
    )


def test_option_value_may_begin_with_a_dash() -> None:
    assert values("start", "local", "-p", "-v is what?")["prompt"] == "-v is what?"


def test_help_everywhere() -> None:
    for words in (["send", "--help"], ["send", "s", "-h"], ["help", "send"]):
        parsed = parse(words)
        assert parsed.command.name == "help" and parsed.values["command"] == ["send"]
    assert parse([]).command.name == "help"
    assert parse(["--version"]).command.name == "version"
