"""What every CLI asks a person: permission granted, refused and refused with words; questions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.live import until

from .conftest import Session

Json = dict[str, Any]


def of(request: Json, kind: str) -> str:
    """The first option of a kind, best one that lets the turn go on."""
    options = [option for option in request["options"] if option["kind"] == kind]
    options.sort(key=lambda option: bool(option.get("ends_turn")))
    assert options, request["options"]
    return str(options[0]["id"])


def test_granted_it_runs_and_its_output_is_told(session: Session) -> None:
    made = session.cwd / "granted.txt"
    id = session.prompt("bash:echo these words > granted.txt; cat granted.txt", "say:finished")
    request = session.talk.wait_request()
    assert "cat granted.txt" in str(request), "the whole command is shown"
    assert request["tool_kind"] == "execute"
    assert not made.exists()
    assert session.talk.state["status"] == "waiting"
    session.talk.answer(request, option=of(request, "allow_once"))
    assert session.ended(id)["reason"] == "end_turn"
    assert made.read_text() == "these words\n"
    (call,) = session.calls
    assert call["status"] == "completed"
    assert "these words" in str(call["content"])
    assert session.said.endswith("finished")


def test_an_edit_is_shown_as_a_diff_before_it_is_made(session: Session) -> None:
    file = session.cwd / "notes.txt"
    file.write_text("".join(f"line {number}\n" for number in range(1, 21)))
    id = session.prompt(f"read:{file}", f"edit:{file}:line 10=>LINE TEN", "say:edited")
    request = session.talk.wait_request()
    if request["tool_kind"] != "edit":  # some ask before they read, too
        session.talk.answer(request, option=of(request, "allow_once"))
        first = request["request"]
        request = _another(session, first)
    assert request["tool_kind"] == "edit"
    (diff,) = [item for item in request["content"] if item["type"] == "diff"]
    assert diff["path"] == str(file)
    assert "-line 10\n" in diff["diff"] and "+LINE TEN\n" in diff["diff"]
    assert "LINE TEN" not in file.read_text()
    session.talk.answer(request, option=of(request, "allow_once"))
    assert session.ended(id)["reason"] == "end_turn"
    assert "LINE TEN" in file.read_text()


def _another(session: Session, first: str) -> Json:
    def look() -> Json | None:
        request = session.talk.wait_request()
        return request if request["request"] != first else None

    return until(look, "another request")


def test_what_always_would_allow_is_told_and_the_same_is_not_asked_again(
    session: Session,
) -> None:
    for number in (1, 2):  # no other test uses that command
        id = session.prompt("bash:git init -q again", f"say:time {number}")
        if number == 1:
            request = session.talk.wait_request()
            options = [o for o in request["options"] if o["kind"] == "allow_always"]
            assert options
            for option in options:
                told = f"{option['label']} {option.get('rule', '')}"
                assert "git init" in told or "program" in told, "what is allowed from now on"
            session.talk.answer(request, option=options[0]["id"])
        assert session.ended(id)["reason"] == "end_turn"
    assert [call["status"] for call in session.calls] == ["completed", "completed"]
    assert len(session.events("request_opened")) == 1


def test_refused_it_does_not_run(session: Session) -> None:
    id = session.prompt("bash:touch refused.txt", "say:went on")
    request = session.talk.wait_request()
    option = of(request, "reject_once")
    ends = {o["id"]: o.get("ends_turn", False) for o in request["options"]}
    session.talk.answer(request, option=option)
    if session.cli.lacks("goes on after a refusal"):
        assert ends[option], "the person is told that this ends the turn"
        session.ended(id, "done", "cancelled")
        assert session.said == ""
    else:
        assert not ends[option]
        assert session.ended(id)["reason"] == "end_turn"
        assert session.said == "went on"
    assert not (session.cwd / "refused.txt").exists()
    assert {call["status"] for call in session.calls} <= {"failed"}
    # whatever it made of the refusal, it takes the next prompt
    session.ask("say:still here")
    assert session.said.endswith("still here")


def test_the_words_of_a_refusal_reach_the_model(session: Session) -> None:
    words = "use the other directory, said the person"
    id = session.prompt("bash:touch with-words.txt", "say:went on")
    request = session.talk.wait_request()
    session.talk.answer(request, option=of(request, "reject_once"), message=words)
    session.ended(id, "done", "cancelled")
    assert not (session.cwd / "with-words.txt").exists()
    session.ask("say:and then?")
    if session.cli.lacks("refused with words"):
        assert [e for e in session.events("notice") if "takes no words" in e["text"]]
    else:
        session.world.told(words)
        assert not [e for e in session.events("notice") if "takes no words" in e["text"]]


def test_it_is_answered_once_and_others_hear_by_whom(session: Session) -> None:
    id = session.prompt("bash:touch once.txt", "say:once")
    request = session.talk.wait_request()
    session.talk.on("lab").answer(request, option=of(request, "allow_once"))
    with pytest.raises(CodecastError) as late:
        session.talk.on("shell").answer(request, option=of(request, "reject_once"))
    assert late.value.code == "already_resolved"
    assert late.value.data["where"] == "lab"
    assert session.ended(id)["reason"] == "end_turn"
    assert (session.cwd / "once.txt").exists()


def test_an_answer_that_does_not_fit_leaves_the_request_open(session: Session) -> None:
    id = session.prompt("bash:touch fits.txt", "say:fits")
    request = session.talk.wait_request()
    with pytest.raises(CodecastError) as wrong:
        session.talk.answer(request, option="there is no such option")
    assert wrong.value.code == "bad_request"
    assert session.talk.wait_request()["request"] == request["request"]
    session.talk.answer(request, option=of(request, "allow_once"))
    assert session.ended(id)["reason"] == "end_turn"


def test_a_question_is_answered_by_a_person(session: Session) -> None:
    if session.cli.lacks("question"):
        session.ask("ask:Which colour?|Red|Blue")
        assert not session.events("request_opened")
        assert "No tool for ask:" in session.said, "it offers its model no way to ask"
        return
    session.mode(session.cli.question_mode)
    id = session.prompt("ask:Which colour?|Red|Blue")
    request = session.talk.wait_request("question")
    (question,) = request["questions"]
    assert question["text"] == "Which colour?"
    assert [option["label"] for option in question["options"]] == ["Red", "Blue"]
    session.talk.answer(request, answers={question["id"]: ["Blue"]})
    assert session.ended(id)["reason"] == "end_turn"
    assert "Blue" in session.said


SIZES = [{"label": "S", "description": "the small one"}, {"label": "L", "description": "large"}]
HUES = [{"label": hue, "description": f"as {hue}"} for hue in ("Red", "Green", "Blue")]
QUESTIONS = {
    "codex": (
        "request_user_input",
        [
            {"id": "size", "header": "Size", "question": "Which size?", "options": SIZES},
            {"id": "hue", "header": "Hue", "question": "Which hues?", "options": HUES},
        ],
    ),
    "claude": (
        "AskUserQuestion",
        [
            {"header": "Size", "question": "Which size?", "multiSelect": False, "options": SIZES},
            {"header": "Hue", "question": "Which hues?", "multiSelect": True, "options": HUES},
        ],
    ),
}


def test_several_questions_are_answered_at_once_with_choices_and_own_words(
    session: Session,
) -> None:
    if session.cli.lacks("question"):
        assert session.cli.lacks("several choices")
        return
    tool, questions = QUESTIONS.get(session.cli.name, QUESTIONS["claude"])
    session.mode(session.cli.question_mode)
    id = session.prompt(f"tool:{tool}:{json.dumps({'questions': questions})}")
    request = session.talk.wait_request("question")
    size, hue = request["questions"]
    assert (size["text"], hue["text"]) == ("Which size?", "Which hues?")
    assert (size["header"], hue["header"]) == ("Size", "Hue")
    assert [size["options"], hue["options"]] == [SIZES, HUES]
    assert size["free_text"] and not size["multiple"]
    assert hue["multiple"] is not session.cli.lacks("several choices")
    chosen = ["Red", "Blue"] if hue["multiple"] else ["Blue"]
    own = f"a size of my own {session.talk.id}"
    with pytest.raises(CodecastError) as wrong:
        session.talk.answer(request, answers={"no such question": ["S"]})
    assert wrong.value.code == "bad_request"
    session.talk.answer(request, answers={size["id"]: [own], hue["id"]: chosen})
    assert session.ended(id)["reason"] == "end_turn"
    told = session.world.told(own)
    assert all(label in told.rpartition(own)[2] or label in session.said for label in chosen)


def test_a_question_can_be_declined(session: Session) -> None:
    if session.cli.lacks("question"):
        session.ask("ask:Which colour?|Red|Blue")
        assert not session.events("request_opened")
        return
    session.mode(session.cli.question_mode)
    id = session.prompt("ask:Which shape?|Round|Square")
    request = session.talk.wait_request("question")
    session.talk.answer(request, declined=True)
    session.ended(id, "done", "cancelled")
    assert "Round" not in session.said and "Square" not in session.said
    session.ask("say:after it")
    assert session.said.endswith("after it")
