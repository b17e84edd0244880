"""Live records go from the supervisor straight into the hub's pipe, and nothing is lost, doubled
or out of order when that way ends, whatever ends it. (A `Feed` refuses a seq that is not due.)"""

import base64
import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from codecast_agent.journal import SEGMENT
from tests.fixtures.agent import RelayProcess, until

from .conftest import S1, Talk


def switches(pid: int) -> int:
    """How often a process was put to sleep and woken."""
    with open(f"/proc/{pid}/status") as file:
        return sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)


def lend(talk: Talk) -> None:
    """The lane is lent from here on: records come while the relay is stopped."""

    def comes() -> bool:
        talk.ask("say lend")  # the relay offers it when it has sent this
        prompt = talk.prompt("slow 0.2\nsay straight")
        until(lambda: talk.state_of(prompt) == "running", "it runs")
        os.kill(talk.relay.pid, signal.SIGSTOP)
        try:
            deadline = time.monotonic() + 5
            while talk.state_of(prompt) == "running" and time.monotonic() < deadline:
                time.sleep(0.01)
            return talk.state_of(prompt) == "done"
        finally:
            os.kill(talk.relay.pid, signal.SIGCONT)
            talk.ended(prompt)

    until(comes, "the relay is not needed for live records")


def test_relay_sleeps_while_a_session_speaks(talk: Talk) -> None:
    lend(talk)
    before = switches(talk.relay.pid)
    talk.ask("say a\nslow 0.02\n" * 50)
    # a ping of the hub's or two, the call with the prompt and its answer, a look each second
    assert switches(talk.relay.pid) - before < 50
    talk.feed.assert_is_journal()


def line(size: int) -> bytes:
    """Of the CLI: a chunk of so many letters."""
    content = {"type": "text", "text": "x" * size}
    event = {"type": "agent_message_chunk", "message": "m", "content": content}
    return json.dumps({"event": event}).encode() + b"\n"


def test_what_is_not_small_goes_through_the_relay_and_the_lane_is_lent_again(talk: Talk) -> None:
    for script in (
        "big 5000\nsay a",
        # in one write: several frames, and a large record among small ones
        "raw " + b"".join(map(line, (300,) * 20 + (5000,) + (300,) * 4)).hex() + "\nsay g",
        "flood 2000\nsay b\nslow 0.1\nsay c",
        "say d\nbig 300000\nslow 0.1\nsay e\nslow 0.1\nflood 100\nsay f",
    ):
        lend(talk)
        assert talk.ask(script) == "done"
    talk.feed.assert_is_journal()
    assert [text for text in talk.said() if len(text) == 1] == list("agbcdef")


def test_lane_goes_on_over_a_new_segment(talk: Talk) -> None:
    lend(talk)
    talk.ask(f"big {SEGMENT - 20_000}")
    lend(talk)
    talk.ask("slow 0.005\nsay a\n" * 200)
    assert len(list(talk.relay.root.glob(f"hosts/*/sessions/{S1}/journal/*.j"))) > 1
    talk.ask("big 10000\nsay last")
    talk.feed.assert_is_journal()


@pytest.mark.parametrize("seed", [1, 2])
def test_supervisors_killed_at_any_moment_leave_no_hole(talk: Talk, seed: int) -> None:
    dice = random.Random(seed)
    for round in range(4):
        lend(talk)
        prompt = talk.prompt("say a\nslow 0.001\n" * 300)
        until(lambda p=prompt: talk.state_of(p) == "running", "it runs")  # type: ignore[misc]
        time.sleep(dice.random() * 0.2)
        os.kill(talk.supervisor, signal.SIGKILL)
        assert talk.ended(prompt) in ("failed", "unknown"), round
        talk.call("resume")
    talk.ask("say end")
    talk.feed.assert_is_journal()


def test_every_relay_and_every_subscription_has_all_of_it(
    talk: Talk, new_relay: Callable[..., RelayProcess]
) -> None:
    lend(talk)
    other = new_relay()
    feeds = [talk.feed, other.subscribe(S1)]
    talk.ask("slow 0.1\nsay both\nslow 0.1\nsay more")
    feeds.append(talk.relay.subscribe(S1))  # takes the lane of the first one back
    prompt = talk.prompt("say a\nslow 0.001\n" * 200 + "flood 300")
    talk.relay.call("session/unsubscribe", channel=feeds.pop().channel)
    late = other.subscribe(S1)
    other.kill()
    assert talk.ended(prompt) == "done"
    lend(talk)
    talk.feed.assert_is_journal()
    assert talk.relay.journal(S1).startswith(bytes(late.bytes))
    assert talk.relay.journal(S1).startswith(bytes(feeds[1].bytes))


def test_hub_that_reads_nothing_for_a_while_misses_nothing(talk: Talk) -> None:
    lend(talk)
    prompt = talk.prompt("say a\nslow 0.0005\n" * 1500)
    release = talk.relay.hold()
    done = f'"prompt":"{prompt}","state":"done"'.encode()
    until(lambda: done in talk.relay.journal(S1), "the CLI has said it all")
    release()
    assert talk.ended(prompt) == "done"
    talk.feed.assert_is_journal()


def test_relays_own_words_stay_whole_among_those_of_supervisors(talk: Talk, tmp_path: Path) -> None:
    lend(talk)
    prompt = talk.prompt("say a\nslow 0.0005\n" * 1500)
    path = tmp_path / "file"
    path.write_bytes(os.urandom(200_000))
    while talk.state_of(prompt) != "done":
        got = talk.relay.call("file/get", session=S1, path=str(path), offset=0, length=200_000)
        assert len(base64.b64decode(got["data"])) == 200_000
    talk.feed.assert_is_journal()
