"""A prompt is taken once, in order, and can be changed only while it waits."""

import os
import signal

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.agent import text

from .conftest import S1, Talk


def test_repeated_id_changes_nothing(talk: Talk) -> None:
    assert talk.relay.prompt(S1, "p", "say one") == {"state": "queued", "duplicate": False}
    assert talk.ended("p") == "done"
    assert talk.relay.prompt(S1, "p", "say two") == {"state": "queued", "duplicate": True}
    talk.ask("say three")
    assert talk.said() == ["one", "three"]


def test_repeated_id_after_the_supervisor_was_restarted(talk: Talk) -> None:
    talk.relay.prompt(S1, "p", "say one")
    assert talk.ended("p") == "done"
    first = talk.supervisor
    talk.call("stop")
    assert talk.relay.prompt(S1, "p", "say again")["duplicate"] is True
    assert talk.supervisor != first
    assert talk.ask("say two") == "done"
    assert talk.said() == ["one", "two"]


def test_prompts_during_a_turn_wait_and_run_in_order(talk: Talk) -> None:
    first = talk.prompt("wait")
    talk.feed.wait("turn_started")
    waiting = [talk.prompt(f"say {word}") for word in ("a", "b", "c")]
    for each in waiting:
        talk.feed.wait("prompt_state", prompt=each, state="queued")
    assert [talk.state_of(each) for each in waiting] == ["queued"] * 3
    talk.prompt("go", steer=True)
    assert [talk.ended(each) for each in (first, *waiting)] == ["done"] * 4
    assert talk.said()[1:] == ["a", "b", "c"]
    turns = [event.data["prompts"] for event in talk.feed.of("turn_started")]
    assert turns == [[first], *[[each] for each in waiting]]


def test_prompt_is_recorded_before_the_sender_hears_of_it(talk: Talk) -> None:
    talk.relay.prompt(S1, "p", "say one")
    assert b'"prompt":"p","state":"queued"' in talk.relay.journal(S1)


def test_waiting_prompt_is_edited(talk: Talk) -> None:
    talk.prompt("wait")
    talk.feed.wait("turn_started")
    talk.prompt("say wrong", "p")
    talk.call("edit_prompt", prompt="p", content=[text("say right")], by="ann", where="lab")
    talk.call("interrupt")
    assert talk.ended("p") == "done"
    assert talk.said() == ["right"]
    edited = [e for e in talk.feed.of("prompt_state") if "by" in e.data]
    assert [(e.data["by"], e.data["where"]) for e in edited] == [("ann", "lab")]


def test_waiting_prompt_is_cancelled(talk: Talk) -> None:
    talk.prompt("wait")
    talk.feed.wait("turn_started")
    talk.prompt("say never", "p")
    talk.call("cancel_prompt", prompt="p")
    talk.call("interrupt")
    assert talk.ended("p") == "cancelled"
    assert talk.ask("say later") == "done"
    assert talk.said() == ["later"]


def move(talk: Talk, prompt: str, before: str | None, id: str = "", **who: str) -> None:
    talk.call("move_prompt", prompt=prompt, before=before, move=id or f"{prompt}-{before}", **who)


def test_moved_prompts_run_in_the_new_order_also_after_the_supervisor_was_killed(
    talk: Talk,
) -> None:
    first = talk.prompt("wait")
    talk.feed.wait("turn_started")
    for word in ("a", "b", "c", "d"):
        talk.prompt(f"say {word}", word)
    move(talk, "d", "a", by="ann", where="lab")  # d a b c
    move(talk, "a", None)  # d b c a
    move(talk, "c", "b")  # d c b a
    move(talk, "c", None, "once")  # d b a c
    move(talk, "a", "d")  # a d b c
    move(talk, "c", None, "once")
    move(talk, "b", "a", "later")  # b a d c
    move(talk, "c", None, "once")  # said again: nothing changes
    told = talk.feed.wait("prompt_state", move="d-a").data
    assert (told["before"], told["mover"]) == ("a", {"by": "ann", "where": "lab"})
    before = talk.supervisor
    os.kill(before, signal.SIGKILL)
    assert talk.ended(first) == "unknown"
    talk.call("resume")
    assert talk.supervisor != before
    assert [talk.ended(each) for each in "badc"] == ["done"] * 4
    assert talk.said() == ["b", "a", "d", "c"]
    move(talk, "c", None, "once")  # done long ago, and said once more by a hub that was cut off


def test_a_move_that_cannot_be_is_refused_and_changes_nothing(talk: Talk) -> None:
    talk.prompt("wait", "running")
    talk.feed.wait("turn_started")
    talk.prompt("say a", "a")
    talk.prompt("say b", "b")
    journal = talk.relay.journal(S1)
    wrongs: list[tuple[dict[str, object], str]] = [
        ({"prompt": "running"}, "conflict"),
        ({"prompt": "nobody"}, "not_found"),
        ({"before": "running"}, "conflict"),
        ({"before": "nobody"}, "conflict"),
        ({"before": "b"}, "bad_request"),
        ({"before": ["a"]}, "conflict"),
        ({"move": 7}, "bad_request"),
    ]
    for wrong, code in wrongs:
        with pytest.raises(CodecastError) as caught:
            talk.call("move_prompt", **{"prompt": "b", "before": "a", "move": "m", **wrong})
        assert caught.value.code == code, wrong
    assert talk.relay.journal(S1) == journal


@pytest.mark.parametrize("verb", ["edit_prompt", "cancel_prompt"])
def test_running_prompt_cannot_be_changed(talk: Talk, verb: str) -> None:
    talk.prompt("wait", "p")
    talk.feed.wait("turn_started")
    with pytest.raises(CodecastError) as caught:
        talk.call(verb, prompt="p", content=[text("x")])
    assert caught.value.code == "conflict"
    with pytest.raises(CodecastError) as caught:
        talk.call(verb, prompt="nobody", content=[text("x")])
    assert caught.value.code == "not_found"


def test_steering_reaches_the_running_turn_and_ends_with_it(talk: Talk) -> None:
    first = talk.prompt("wait")
    talk.feed.wait("turn_started")
    second = talk.prompt("left", steer=True)
    assert talk.ended(first) == "done"
    assert talk.ended(second) == "done"
    assert talk.said() == ['heard {"steer": "left"}']
    assert talk.feed.wait("prompt_state", prompt=second, state="running").data["steered"] is True


def test_a_steered_prompt_follows_the_turn_the_cli_gives_it(talk: Talk) -> None:
    first = talk.prompt("wait\nkeep late")
    talk.feed.wait("turn_started")
    talk.prompt("too late", "late", steer=True)
    waiting = talk.prompt("say after it")
    assert talk.ended(first) == "done"
    talk.feed.wait("turn_started", prompts=["late"])
    assert talk.state_of("late") == "running" and talk.state_of(waiting) == "queued"
    talk.prompt("go", steer=True)
    assert talk.ended("late") == "done"
    assert talk.ended(waiting) == "done"
    assert [e.data["prompts"] for e in talk.feed.of("turn_started")] == [
        [first],
        ["late"],
        [waiting],
    ]


def test_what_a_killed_cli_kept_for_later_is_unknown(talk: Talk) -> None:
    first = talk.prompt("wait\nkeep late\nslow 0.5\ndie 9")
    talk.feed.wait("turn_started")
    talk.prompt("too late", "late", steer=True)
    assert talk.ended(first) == "failed"
    assert talk.ended("late") == "unknown"


def test_impossible_steering_waits_for_the_turns_end_and_says_so(talk: Talk) -> None:
    first = talk.prompt("wait")
    talk.feed.wait("turn_started")
    talk.prompt("impossible", "p", steer=True)
    assert "waits until it has ended" in talk.feed.wait("notice").data["text"]
    assert talk.state_of("p") == "queued"
    talk.relay.call("session/interrupt", session=S1)
    assert talk.ended(first) == "cancelled"
    talk.feed.wait("prompt_state", prompt="p", state="running")


def test_interrupt_keeps_the_queue(talk: Talk) -> None:
    first = talk.prompt("wait")
    talk.feed.wait("turn_started")
    second = talk.prompt("say next")
    talk.call("interrupt", by="ann")
    assert talk.state_of(first) == "cancelled" or talk.ended(first) == "cancelled"
    assert talk.ended(second) == "done"


def test_interrupt_with_the_queue(talk: Talk) -> None:
    first = talk.prompt("wait")
    talk.feed.wait("turn_started")
    second = talk.prompt("say never")
    talk.call("interrupt", cancel_queue=True)
    assert talk.ended(first) == talk.ended(second) == "cancelled"
    assert talk.ask("say after") == "done"
    assert talk.said() == ["after"]


def test_interrupt_of_nothing(talk: Talk) -> None:
    assert talk.call("interrupt") == {}


def test_interrupt_that_is_not_heard_kills_and_resumes(talk: Talk) -> None:
    first = talk.prompt("deaf")
    talk.feed.wait("agent_message_chunk")
    second = talk.prompt("say resumed")
    pid = talk.cli()
    talk.call("interrupt")
    assert talk.ended(first) == "cancelled"
    assert talk.feed.wait("turn_ended").data["reason"] == "cancelled"
    assert talk.ended(second) == "done"
    assert talk.cli() != pid
    assert talk.feed.of("session_state")[-1].data["resumed"] is True


def test_failed_turn(talk: Talk) -> None:
    assert talk.ask("fail") == "failed"
    assert talk.ask("say fine") == "done"


def test_prompt_of_5_mb_and_one_that_begins_with_a_dash(talk: Talk) -> None:
    assert talk.ask("-x " + "z" * 5_000_000) == "done"


@pytest.mark.parametrize(
    "params",
    [
        {"content": []},
        {"content": "text"},
        {"content": [{"type": "text", "colour": 1}]},
        {"content": [{"text": "no type"}]},
        {"prompt": ""},
        {"prompt": 7},
    ],
)
def test_malformed_prompt_is_refused(talk: Talk, params: dict[str, object]) -> None:
    before = talk.relay.journal(S1)
    with pytest.raises(CodecastError) as caught:
        talk.call("prompt", **{"prompt": "p", "content": [text("x")], **params})
    assert caught.value.code == "bad_request"
    assert talk.relay.journal(S1) == before


def test_too_large_a_prompt_is_refused_and_the_session_goes_on(talk: Talk) -> None:
    with pytest.raises(CodecastError) as caught:
        talk.prompt("z" * (65 << 20))
    assert caught.value.code == "too_large"
    assert talk.ask("say fine") == "done"
