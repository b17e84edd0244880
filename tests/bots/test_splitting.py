"""Pieces that are too long, lose words, break code, or change after they were sent."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codecast_bots.markdown import telegram_size, utf16
from codecast_bots.splitting import split
from tests.bots.documents import documents

MANY = settings(max_examples=400, deadline=None, derandomize=True)
FENCE = re.compile(r"^ {0,3}(`{3,16}|~{3,16})(?![`~])[ \t]*([^`\n]*)$")
limits = st.integers(60, 200)
sizes = st.sampled_from([len, utf16, telegram_size])


def ends_open(text: str) -> str:
    """The mark of a fence that is open at the end."""
    mark = ""
    for line in text.split("\n"):
        found = FENCE.match(line)
        if found and not mark:
            mark = found[1]
        elif found and not found[2].strip() and found[1][0] == mark[0]:
            mark = "" if len(found[1]) >= len(mark) else mark
    return mark


@MANY
@given(documents, limits, sizes)
def test_no_piece_is_too_long_and_none_leaves_code_open(
    source: str, limit: int, size: Callable[[str], int]
) -> None:
    for piece in split(source, limit, size):
        assert size(piece.text) <= limit
        assert not ends_open(piece.text)


@MANY
@given(documents, limits, st.data())
def test_a_longer_text_never_changes_an_earlier_piece(
    source: str, limit: int, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(source)))
    before, after = split(source[:at], limit), split(source, limit)
    assert before[:-1] == after[: len(before) - 1]


@MANY
@given(documents, limits, sizes)
def test_nothing_is_lost_and_only_fences_and_table_heads_are_added(
    source: str, limit: int, size: Callable[[str], int]
) -> None:
    pieces = split(source, limit, size)
    assert "".join(piece.source for piece in pieces) == source
    for piece in pieces:
        assert piece.source.removesuffix("\n") in piece.text
        added = piece.text.replace(piece.source.removesuffix("\n"), "", 1).strip("\n")
        for line in added.split("\n"):
            assert not line or FENCE.match(line) or line.lstrip().startswith("|")


def test_it_cuts_before_a_heading_and_behind_a_paragraph() -> None:
    text = "word " * 30 + "\n\n# A heading\n" + "more " * 20
    first, second = split(text, 200)
    assert first.text.strip() == ("word " * 30).strip()
    assert second.text.startswith("# A heading\n")


def test_code_goes_on_as_code_and_a_table_keeps_its_heads() -> None:
    code = "```python\n" + "x = 1\n" * 40 + "```"
    pieces = [piece.text for piece in split(code, 120)]
    assert all(text.startswith("```python\n") and text.endswith("\n```") for text in pieces)
    table = "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 40
    assert all(piece.text.startswith("| a | b |\n|---|---|\n") for piece in split(table, 120))


@pytest.mark.parametrize("joined", ["👨‍👩‍👧", "🇩🇪", "e\u0301", "👍🏽"])
def test_one_character_of_several_code_points_is_not_cut(joined: str) -> None:
    for piece in split(joined * 200, 61):
        assert piece.text == joined * (len(piece.text) // len(joined))


def test_a_link_is_not_cut() -> None:
    text = "word" * 10 + "[a link with words](http://example.org/a/long/address)"
    assert "[a link with words](http://example.org/a/long/address)" in split(text, 80)[-1].text
