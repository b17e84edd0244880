"""Cards that Lark would refuse, drop silently, or show without some of their words."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given, settings

from codecast_bots.markdown import clean
from codecast_bots.platforms.contract import Button, Choice, Option, Outgoing, Place, TooBig
from codecast_bots.platforms.lark_card import BIGGEST, card, dumped, words_of
from codecast_bots.platforms.lark_markdown import lark, size, summary
from codecast_bots.splitting import split
from tests.bots.documents import documents
from tests.bots.servers.lark_rules import problem, walk

MANY = settings(max_examples=150, deadline=None, derandomize=True)
HERE = Place("lark", "cli_a", "oc_1", "om_root", "group")


@MANY
@given(documents)
def test_lark_takes_every_piece(source: str) -> None:
    for piece in split(source, 400, size):
        made = card(Outgoing(piece.text, live=True), HERE)
        assert not problem(made)
        content = dumped(made["body"]["elements"][0]["content"])
        assert len(content.encode("utf-8", "surrogatepass")) <= size(piece.text) + 5
        assert size(piece.text) <= 400


@MANY
@given(documents)
def test_no_letter_is_lost(source: str) -> None:
    letters = re.sub(
        r"\W|_", "", clean(re.sub(r"&(nbsp|amp);|(```|~~~)[^\n]*|javascript", "", source))
    )
    shown = html.unescape(lark(source))
    for letter in set(letters):
        assert letter in shown


def test_what_is_a_mark_to_lark_is_text() -> None:
    shown = lark("<at id=all></at> a_b_c 2 * 3 \\*x\\* :DONE: &#42; `<b>` ![p](http://a/b.png)")
    assert shown == (
        "&#60;at id=all&#62;&#60;/at&#62; a&#95;b&#95;c 2 &#42; 3 &#42;x&#42; &#58;DONE: &#42;"
        .replace(" &#42;", " &#42;") + " `<b>` [p](http://a/b.png)"
    )  # fmt: skip
    assert lark("1\\. no list\n\n\\# no head") == "&#49;. no list\n\n&#35; no head"


def test_code_lists_quotes_and_heads_keep_their_form() -> None:
    source = "# Head\n\n- one\n  - two **b**\n\n```py\nx = '<a>'\n```\n\n> said *so*\n\n1. a\n2. b"
    assert lark(source) == source


def test_a_fence_in_code_does_not_end_it() -> None:
    assert lark("````\n```\nx\n```\n````") == "````\n```\nx\n```\n````"


def test_tables_beyond_what_lark_takes_become_code() -> None:
    table = "| a | b |\n|---|---|\n| 1 | 22 |\n"
    made = card(Outgoing("\n\nwords\n\n".join([table] * 9)), HERE)
    assert not problem(made)
    assert made["body"]["elements"][0]["content"].count("```\na  b") == 5


def test_the_summary_is_what_a_notification_shows() -> None:
    assert summary("**Bash**: run `ls`?\n\n```\nls\n```") == "Bash: run ls? ls"
    assert len(summary("word " * 100)) == 80


def test_every_control_is_one_that_lark_takes() -> None:
    many = tuple(Option(f"choice {n}", "what it is") for n in range(40))
    out = Outgoing(
        "Which?",
        controls=(
            Button("allow", "Allow once", "good"), Button("deny", "Deny", "danger"),
            Button("why", "✎ No, and say why", asks_text=True),
            Choice("few", many[:3], picked=(1,)), Choice("list", many, picked=(3,)),
            Choice("several", many, many=True, picked=(0, 2), placeholder="Header"),
            Button("own", "✎ Own words", asks_text=True), Button("skip", "Skip", "danger"),
        ),
    )  # fmt: skip
    made = card(out, HERE)
    assert not problem(made)
    elements = [element for element, *_ in walk(made["body"]["elements"])]
    tags = [element["tag"] for element in elements]
    assert (tags.count("form"), tags.count("input"), tags.count("button")) == (3, 2, 9)
    chosen = next(e for e in elements if e["tag"] == "multi_select_static")
    assert chosen["selected_values"] == ["0", "2"]
    labels = [e["text"]["content"] for e in elements if e["tag"] == "button"]
    assert "✓ choice 1" in labels


def test_what_is_empty_or_plain_or_too_big() -> None:
    assert words_of(Outgoing(" ")) == "…"
    plain = card(Outgoing("<b> *x*", plain=True), HERE)
    assert not problem(plain)
    assert plain["body"]["elements"][0]["text"]["content"] == "<b> *x*"
    with pytest.raises(TooBig):
        card(Outgoing("x" * (BIGGEST + 1)), HERE)
