"""A request is one object, answered once; whoever comes later hears who it was."""

import threading

import pytest

from codecast_agent import requests
from codecast_agent.ledger import Ledger
from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.agent import RelayProcess

from .conftest import S1, Talk


def test_answer_reaches_the_cli_and_is_recorded_before(talk: Talk) -> None:
    prompt = talk.prompt("ask May I?")
    request = talk.feed.wait("request_opened").data["request"]
    talk.call("answer", request=request, option="yes", by="ann", where="lab")
    assert talk.ended(prompt) == "done"
    resolved = talk.feed.wait("request_resolved")
    assert resolved.data == {
        "request": request,
        "option": "yes",
        "label": "Yes",
        "by": "ann",
        "where": "lab",
    }
    assert talk.said() == ['answer {"answer": "yes"}']
    assert resolved.seq < talk.feed.wait("agent_message_chunk").seq


def test_second_answer_hears_who_was_first(talk: Talk) -> None:
    prompt = talk.prompt("ask May I?")
    request = talk.feed.wait("request_opened").data["request"]
    talk.call("answer", request=request, option="no", by="ann", where="lab")
    for _ in range(2):
        with pytest.raises(CodecastError) as caught:
            talk.call("answer", request=request, option="yes", by="bob")
        assert caught.value.code == "already_resolved"
        assert caught.value.data == {"by": "ann", "where": "lab", "option": "no"}
        talk.ended(prompt)
    assert len(talk.feed.of("request_resolved")) == 1
    talk.call("stop")
    with pytest.raises(CodecastError) as caught:  # a new supervisor knows it, too
        talk.call("answer", request=request, option="yes")
    assert caught.value.code == "already_resolved"


def test_two_answers_at_once_have_one_winner(talk: Talk) -> None:
    prompt = talk.prompt("ask May I?")
    request = talk.feed.wait("request_opened").data["request"]
    outcomes: list[str] = []

    def answer(option: str) -> None:
        try:
            talk.call("answer", request=request, option=option)
            outcomes.append("won")
        except CodecastError as problem:
            outcomes.append(problem.code)

    threads = [threading.Thread(target=answer, args=(o,)) for o in ["yes", "no"] * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["already_resolved"] * 7 + ["won"]
    assert talk.ended(prompt) == "done"
    assert len(talk.feed.of("request_resolved")) == 1


def test_answer_after_an_interrupt(talk: Talk) -> None:
    talk.prompt("ask May I?")
    request = talk.feed.wait("request_opened").data["request"]
    talk.call("interrupt")
    with pytest.raises(CodecastError) as caught:
        talk.call("answer", request=request, option="yes")
    assert caught.value.code == "conflict"
    talk.feed.wait("request_withdrawn", request=request)


def test_answer_that_does_not_fit_leaves_the_request_open(talk: Talk) -> None:
    prompt = talk.prompt("ask May I?")
    request = talk.feed.wait("request_opened").data["request"]
    with pytest.raises(CodecastError) as caught:
        talk.call("answer", request=request, option="perhaps")
    assert caught.value.code == "bad_request"
    assert "yes, no" in caught.value.hint
    talk.call("answer", request=request, option="yes")
    assert talk.ended(prompt) == "done"


def test_answer_to_nothing(talk: Talk) -> None:
    with pytest.raises(CodecastError) as caught:
        talk.call("answer", request="none", option="yes")
    assert caught.value.code == "not_found"


def test_open_request_is_there_for_the_next_relay(
    talk: Talk, new_relay: type[RelayProcess]
) -> None:
    prompt = talk.prompt("ask May I?")
    request = talk.feed.wait("request_opened").data["request"]
    talk.relay.kill()
    other = new_relay()
    other.call("session/answer", session=S1, request=request, option="yes")
    feed = other.subscribe(S1)
    feed.wait("prompt_state", prompt=prompt, state="done")
    assert len(feed.of("request_resolved")) == 1


QUESTION = {
    "request": "q",
    "kind": "question",
    "title": "Colours",
    "questions": [
        {
            "id": "one",
            "text": "Which?",
            "options": [{"label": "red"}, {"label": "blue"}],
            "multiple": False,
            "free_text": False,
        },
        {"id": "two", "text": "More?", "options": [], "multiple": True, "free_text": True},
    ],
}


def asked() -> Ledger:
    ledger = Ledger()
    ledger.apply(1, 0.0, "request_opened", QUESTION)
    return ledger


def test_answers_to_questions() -> None:
    given = {"one": ["red"], "two": ["some", "own words"]}
    id, answer, event = requests.read(asked(), {"request": "q", "answers": given, "by": "ann"})
    assert (id, answer.answers) == ("q", given)
    assert event == {"type": "request_resolved", "request": "q", "answers": given, "by": "ann"}


def test_declined_question() -> None:
    _, answer, event = requests.read(asked(), {"request": "q", "declined": True, "message": "no"})
    assert answer.declined and answer.message == "no"
    assert event["declined"] is True


@pytest.mark.parametrize(
    "answers",
    [
        None,
        {"one": ["red"]},
        {"one": ["green"], "two": ["x"]},
        {"one": ["red", "blue"], "two": ["x"]},
        {"one": [], "two": ["x"]},
        {"one": [1], "two": ["x"]},
        {"one": ["red"], "two": ["x"], "three": ["x"]},
    ],
)
def test_answers_that_do_not_fit(answers: object) -> None:
    with pytest.raises(CodecastError) as caught:
        requests.read(asked(), {"request": "q", "answers": answers})
    assert caught.value.code == "bad_request"
