"""Text that Telegram would refuse, cut, or show without some of its words."""

from __future__ import annotations

import re

from hypothesis import given, settings

from codecast_bots.markdown import clean, telegram, telegram_size, utf16
from codecast_bots.splitting import split
from tests.bots.documents import documents
from tests.bots.servers.telegram import problem_of

MANY = settings(max_examples=600, deadline=None, derandomize=True)


def entities(source: str) -> list[dict[str, object]]:
    return [
        {"type": e.type, "offset": e.offset, "length": e.length, "url": e.more}
        for e in telegram(source).entities
    ]


@MANY
@given(documents)
def test_telegram_takes_every_piece(source: str) -> None:
    for piece in split(source, 200, telegram_size):
        rich = telegram(piece.text)
        assert not problem_of(rich.text, entities(piece.text))  # type: ignore[arg-type]
        assert utf16(rich.text) <= telegram_size(piece.text) <= 200


@MANY
@given(documents)
def test_no_letter_is_lost(source: str) -> None:
    """Marks may go, and words of links that are no links; letters never."""
    letters = re.sub(
        r"\W|_", "", clean(re.sub(r"&(nbsp|amp);|(```|~~~)[^\n]*|javascript", "", source))
    )
    shown = telegram(source)
    kept = shown.text + "".join(e.more for e in shown.entities)
    for letter in set(letters):
        assert kept.count(letter) >= 1, letter


def test_what_looks_like_a_tag_is_text() -> None:
    assert telegram("List<String> x = foo<Bar>(y);").text == "List<String> x = foo<Bar>(y);"
    text = telegram("<details>\n\n```\ncode\n```\n</details>").text
    assert "<details>" in text and "code" in text and "</details>" in text


def test_styles_become_entities_and_code_holds_none() -> None:
    rich = telegram("# Title\n\n**bold `code` more** and [link](https://a.b)\n\n> a *quote*")
    assert rich.text == "Title\n\nbold code more and link\n\na quote"
    assert [(e.type, rich.text[e.offset : e.offset + e.length]) for e in rich.entities] == [
        ("bold", "Title"), ("bold", "bold "), ("code", "code"), ("bold", " more"),
        ("text_link", "link"), ("blockquote", "a quote"), ("italic", "quote"),
    ]  # fmt: skip


def test_a_table_is_aligned() -> None:
    rich = telegram("| name | n |\n|---|---|\n| a | 10 |\n| longer | 2 |")
    assert rich.text.split("\n") == ["name    n", "──────  ──", "a       10", "longer  2"]
    assert [e.type for e in rich.entities] == ["pre"]


def test_offsets_count_as_telegram_does() -> None:
    rich = telegram("👍👍 **x**")
    assert rich.entities[0].offset == 5
