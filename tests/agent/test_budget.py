"""A session stops at its budget whoever watches, and goes on when it is raised."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.agent import RelayProcess, until

from .conftest import S1, Talk, begin


def last(talk: Talk, type: str) -> dict[str, Any]:
    return dict(talk.feed.of(type)[-1].data)


def test_cost_beyond_the_budget_interrupts_the_turn_and_keeps_the_queue(
    relay: RelayProcess, tmp_path: Path
) -> None:
    talk = begin(relay, S1, tmp_path, budget={"max_cost": 0.5})
    assert last(talk, "budget_update")["max_cost"] == 0.5
    first = talk.prompt("cost 0.2\ncost 0.75\nwait\nsay never")
    second = talk.prompt("say later")
    assert talk.ended(first) == "cancelled"
    assert last(talk, "budget_reached") == {"limit": "max_cost", "value": 0.75, "max": 0.5}
    assert last(talk, "turn_ended")["reason"] == "cancelled"
    talk.call("rename", name="still-here")  # a round trip: whatever is to happen has happened
    assert talk.state_of(second) == "queued"
    pid = talk.cli()
    talk.call("set_budget", budget={"max_cost": 2}, by="ann", where="lab")
    assert talk.ended(second) == "done"
    assert talk.said() == ["later"]
    assert talk.cli() == pid
    assert last(talk, "budget_update") == {"max_cost": 2, "by": "ann", "where": "lab"}


def test_a_turn_too_many_does_not_begin(relay: RelayProcess, tmp_path: Path) -> None:
    talk = begin(relay, S1, tmp_path, budget={"max_turns": 2})
    assert talk.ask("say a") == talk.ask("say b") == "done"
    talk.feed.wait("budget_reached", limit="max_turns", value=2, max=2)
    third = talk.prompt("say c")
    talk.call("rename", name="still-here")
    assert talk.state_of(third) == "queued"
    talk.call("set_budget", budget={"max_turns": None})
    assert talk.ended(third) == "done"
    assert talk.said() == ["a", "b", "c"]


def test_minutes_end_a_silent_turn_and_waiting_for_a_person_costs_none(
    relay: RelayProcess, tmp_path: Path
) -> None:
    talk = begin(relay, S1, tmp_path, budget={"max_minutes": 1 / 60})
    asked = talk.prompt("ask May I?")
    request = talk.feed.wait("request_opened")
    id = talk.prompt("wait\nsay never")
    until(lambda: time.time() > request.time + 1.5)
    assert not talk.feed.of("budget_reached")
    talk.call("answer", request=f"{asked}-r", option="yes")
    assert talk.ended(asked) == "done"
    assert talk.ended(id) == "cancelled"
    reached = last(talk, "budget_reached")
    assert reached["limit"] == "max_minutes"
    started = talk.feed.of("turn_started")[-1].time
    assert talk.feed.of("budget_reached")[-1].time - started > 0.5


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_what_was_spent_and_reached_outlives_cli_and_supervisor(
    new_relay: Callable[..., RelayProcess], tmp_path: Path, end: str
) -> None:
    relay = new_relay()
    talk = begin(relay, S1, tmp_path, budget={"max_cost": 1, "max_turns": 9})
    talk.ask("cost 0.6")
    talk.ask("cost 1.25")
    talk.feed.wait("budget_reached")
    if end == "stop":
        talk.call("stop")
    else:
        os.kill(talk.supervisor, signal.SIGKILL)
        talk.feed.wait("session_state", state="exited")
    waiting = talk.prompt("say x")
    talk.call("rename", name="still-here")
    assert talk.state_of(waiting) == "queued"
    assert [e.data["state"] for e in talk.feed.of("session_state")].count("ready") == 1
    talk.call("set_budget", budget={"max_cost": 1.2})  # not enough
    talk.feed.wait("budget_reached", max=1.2)
    assert talk.state_of(waiting) == "queued"
    talk.call("set_budget", budget={"max_cost": 3})
    assert talk.ended(waiting) == "done"
    assert last(talk, "budget_update") == {"max_cost": 3, "max_turns": 9}


def test_a_cli_that_tells_no_cost_is_said_to_be_unstoppable_by_it(
    relay: RelayProcess, tmp_path: Path
) -> None:
    talk = begin(relay, S1, tmp_path, budget={"max_cost": 1})
    talk.ask("say a")
    talk.ask("say b")
    told = [e for e in talk.feed.of("notice") if "max_cost" in e.data["text"]]
    assert len(told) == 1
    assert told[0].data["level"] == "warning"


def test_a_lowered_budget_ends_the_turn_that_runs(talk: Talk) -> None:
    id = talk.prompt("cost 0.4\nwait")
    talk.feed.wait("usage_update")
    talk.call("set_budget", budget={"max_cost": 0.1})
    assert talk.ended(id) == "cancelled"


def test_a_turn_the_cli_begins_by_itself_ends_at_once_when_it_is_one_too_many(
    relay: RelayProcess, tmp_path: Path
) -> None:
    talk = begin(relay, S1, tmp_path, budget={"max_turns": 1})
    assert talk.ask("say a\nagain") == "done"
    talk.feed.wait("turn_ended", turn=2, reason="cancelled")
    assert last(talk, "budget_reached") == {"limit": "max_turns", "value": 1, "max": 1}


def test_fewer_turns_than_were_taken_let_the_running_one_end(talk: Talk) -> None:
    assert talk.ask("say a") == "done"
    id = talk.prompt("wait")
    talk.feed.wait("turn_started", turn=2)
    talk.call("set_budget", budget={"max_turns": 1})
    talk.prompt("go", steer=True)
    assert talk.ended(id) == "done"
    talk.feed.wait("budget_reached", limit="max_turns", value=2, max=1)


def test_a_cli_that_hears_no_interrupt_is_ended(relay: RelayProcess, tmp_path: Path) -> None:
    talk = begin(relay, S1, tmp_path, budget={"max_cost": 0.5})
    id = talk.prompt("cost 1\ndeaf")
    assert talk.ended(id) == "cancelled"
    assert talk.feed.wait("session_state", state="exited")


@pytest.mark.parametrize(
    "budget",
    [None, 5, {"max_price": 1}, {"max_turns": 1.5}, {"max_cost": 0}, {"max_minutes": True}],
)
def test_a_budget_that_makes_no_sense_is_refused(talk: Talk, budget: Any) -> None:
    with pytest.raises(CodecastError) as caught:
        talk.call("set_budget", budget=budget)
    assert caught.value.code == "bad_request"
    assert talk.feed.of("budget_update") == []
