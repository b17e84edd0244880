"""A typed answer is read as it was meant, or refused with the choices; never guessed."""

from __future__ import annotations

import pytest

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.commands import choices

from .fake_session import OPTIONS, QUESTIONS

PERMISSION = {"request": "r", "kind": "permission", "title": "Edit", "options": OPTIONS}


@pytest.mark.parametrize(
    ("typed", "body"),
    [
        ("1", {"option": "yes"}),
        ("y", {"option": "yes"}),
        ("YES", {"option": "yes"}),
        ("a", {"option": "always"}),
        ("2", {"option": "always"}),
        ("Yes, always", {"option": "always"}),
        ("n", {"option": "no"}),
        ("n use pytest", {"option": "no", "message": "use pytest"}),
        ("no, use pytest", {"option": "no", "message": "use pytest"}),
        ("always", {"option": "always"}),
    ],
)
def test_permission(typed: str, body: dict[str, str]) -> None:
    assert choices.permission(PERMISSION, typed) == body


@pytest.mark.parametrize("typed", ["0", "4", "maybe", "yes please", "y and more", "-1", "²"])
def test_permission_refuses_what_is_no_choice(typed: str) -> None:
    with pytest.raises(CodecastError) as caught:
        choices.permission(PERMISSION, typed)
    assert "1 or y: Yes" in caught.value.hint


def test_letters_follow_the_kinds_that_are_there() -> None:
    only_no = [{"id": "x", "kind": "reject_once", "label": "Refuse"}]
    request = {"kind": "permission", "options": only_no}
    assert choices.hint(request) == "1-1, n"
    with pytest.raises(CodecastError):
        choices.permission(request, "y")


def test_question() -> None:
    one, several = QUESTIONS
    assert choices.question(one, "2") == ["green"]
    assert choices.question(one, "RED") == ["red"]
    assert choices.question(one, "blue, with dots") == ["blue, with dots"]
    assert choices.question(several, "1,3") == ["S", "L"]
    assert choices.question(several, "m , s") == ["M", "S"]
    for wrong in ("4", "XL", "1,9", ""):
        with pytest.raises(CodecastError):
            choices.question(several, wrong)
    with pytest.raises(CodecastError):
        choices.question(one, "7")


def test_answer_for_several_questions_needs_one_word_each() -> None:
    request = {"kind": "question", "questions": QUESTIONS}
    assert choices.answer(request, ["red", "1,2"]) == {"answers": {"q1": ["red"], "q2": ["S", "M"]}}
    with pytest.raises(CodecastError) as caught:
        choices.answer(request, ["red"])
    assert "2 questions" in caught.value.message
    single = {"kind": "question", "questions": QUESTIONS[:1]}
    assert choices.answer(single, ["blue", "and", "gold"]) == {"answers": {"q1": ["blue and gold"]}}
