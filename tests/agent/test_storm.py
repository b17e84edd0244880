"""Prompts sent through a storm of kills: each is taken once, and none is forgotten."""

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from codecast_agent.protocol import records
from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.agent import RelayProcess, until

from .conftest import S1, begin


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@pytest.mark.parametrize("seed", [1, 2])
def test_no_prompt_is_lost_or_doubled(
    new_relay: Callable[..., RelayProcess], tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    relay = new_relay()
    begin(relay, S1, tmp_path)
    for number in range(40):
        victim = dice.choice(["relay", "supervisor", "cli", "nobody", "nobody"])
        answer = relay.send(
            "session/prompt",
            session=S1,
            prompt=f"p{number}",
            content=[{"type": "text", "text": f"say {number}"}],
        )
        if dice.random() < 0.5:
            answer.get(timeout=60)
        if victim == "relay":
            relay.kill()
            relay = new_relay()
        elif victim == "supervisor":
            kill(relay.supervisor(S1))
        elif victim == "cli":
            events = list(records.decode_block(relay.journal(S1)))
            pids = [e.data["pid"] for e in events if e.type == "session_state" and "pid" in e.data]
            kill(pids[-1])

        def sent(relay: RelayProcess = relay, number: int = number) -> bool:
            try:
                relay.prompt(S1, f"p{number}", f"say {number}")
            except CodecastError as problem:  # the hub, too, sends until it hears "delivered"
                assert problem.code == "link_lost", problem
                return False
            return True

        until(sent, "the prompt is delivered")
    relay.call("session/resume", session=S1)
    feed = relay.subscribe(S1)

    def fates() -> dict[str, str]:
        return {e.data["prompt"]: e.data["state"] for e in feed.of("prompt_state")}

    ended = ("done", "failed", "cancelled", "unknown")
    until(lambda: len(fates()) == 40 and all(s in ended for s in fates().values()), "all end")
    feed.assert_is_journal()
    said = [e.data["content"]["text"] for e in feed.of("agent_message_chunk")]
    assert len(said) == len(set(said))
    done = {id[1:] for id, state in fates().items() if state == "done"}
    assert done <= set(said)
    assert len(done) > 10
    queued = [e.data["prompt"] for e in feed.of("prompt_state") if e.data["state"] == "queued"]
    assert sorted(queued) == sorted(f"p{n}" for n in range(40))
    turns = [e.data["turn"] for e in feed.of("turn_started")]
    assert turns == sorted(set(turns))
    assert turns == [e.data["turn"] for e in feed.of("turn_ended")]
