"""Stop means the whole tree, quickly, and the conversation can go on afterwards."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.agent import RelayProcess, descendants, marked, until

from .conftest import S1, S2, Talk, begin


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


@pytest.mark.parametrize("last", ["say idle", "wait", "deaf", "ask May I?", "flood 10000000"])
def test_stop_leaves_no_process(talk: Talk, last: str) -> None:
    prompt = talk.prompt("spawn setsid\nspawn\norphan\n" + last)
    chunks = 3 if last in ("say idle", "deaf") else 2
    until(lambda: len(talk.feed.of("agent_message_chunk")) >= chunks)
    supervisor = talk.supervisor
    until(lambda: len(descendants(supervisor)) == 4, "the CLI and three strays")
    processes = descendants(supervisor)
    waiting = talk.prompt("say never") if last != "say idle" else ""
    begun = time.monotonic()
    talk.call("stop", by="ann", where="lab")
    assert time.monotonic() - begun < 10  # 0.7 s where nobody else wants the processor
    assert all(gone(pid) for pid in processes) and marked(S1) == []
    state = talk.feed.wait("session_state", state="stopped")
    assert (state.data["by"], state.data["where"]) == ("ann", "lab")
    assert talk.state_of(prompt) == ("done" if last == "say idle" else "cancelled")
    if waiting:
        assert talk.state_of(waiting) == "cancelled"
    until(lambda: gone(supervisor), "the supervisor ends")
    assert talk.ask("say back") == "done"
    assert talk.said()[-1] == "back"
    assert talk.feed.of("session_state")[-1].data["resumed"] is True


def test_stop_at_a_full_pipe_of_prompts(talk: Talk) -> None:
    """A CLI that does not read its stdin cannot hold us up."""
    talk.prompt("deaf")
    talk.feed.wait("agent_message_chunk")
    talk.prompt("z" * 3_000_000, steer=True)
    talk.call("stop")
    assert marked(S1) == []


def test_stop_of_a_dead_session(talk: Talk, new_relay: Callable[..., RelayProcess]) -> None:
    talk.call("stop")
    until(lambda: not talk.relay.call("session/list")[0]["alive"])
    before = talk.relay.journal(S1)
    talk.call("stop")
    assert talk.relay.journal(S1) == before


def test_stop_while_it_starts(relay: RelayProcess, tmp_path: Path) -> None:
    env = {"SCRIPTED_START": "mute"}
    start = relay.send("session/start", session=S1, cli="scripted", cwd=str(tmp_path), env=env)
    until(lambda: marked(S1), "the CLI runs")
    relay.call("session/stop", session=S1)
    assert "error" in start.get(timeout=30)
    assert marked(S1) == []


def test_remove_leaves_nothing(talk: Talk) -> None:
    talk.prompt("spawn setsid\nwait")
    talk.feed.wait("agent_message_chunk")
    supervisor = talk.supervisor
    talk.call("remove")
    assert marked(S1) == [] and gone(supervisor)
    assert list(talk.relay.root.glob("hosts/*/sessions/*")) == []
    with pytest.raises(CodecastError) as caught:
        talk.call("prompt", prompt="p", content=[{"type": "text", "text": "x"}])
    assert caught.value.code == "not_found"


def test_remove_of_a_dead_session(talk: Talk) -> None:
    os.kill(talk.supervisor, 9)
    talk.feed.wait("session_state", state="exited")
    talk.call("remove")
    assert talk.relay.call("session/list") == []


def test_stop_spares_other_sessions_even_those_started_inside(
    talk: Talk, new_relay: Callable[..., RelayProcess], tmp_path: Path
) -> None:
    """A hub run by a CLI has relays whose sessions live below that CLI's mark."""
    other = begin(new_relay(marked_as=S1), S2, tmp_path)
    talk.call("stop")
    assert not gone(other.supervisor)
    assert other.ask("say alive") == "done"


def test_leftovers_without_a_directory_are_listed_and_killed(
    talk: Talk, new_relay: Callable[..., RelayProcess]
) -> None:
    talk.ask("spawn setsid")
    pids = set(marked(S1))
    talk.relay.kill()
    os.kill(talk.supervisor, 9)
    session = next(talk.relay.root.glob(f"hosts/*/sessions/{S1}"))
    session.rename(talk.relay.root / "elsewhere")  # its row is gone
    relay = new_relay()
    listed = [p for p in relay.call("host/processes") if p["session"] == S1]
    assert {p["pid"] for p in listed} <= pids and len(listed) == 1
    assert listed[0]["supervisor"] is False and listed[0]["command"]
    assert relay.call("host/kill", session=S1) == {"killed": 1}
    assert marked(S1) == []


def test_kill_spares_the_living(talk: Talk) -> None:
    with pytest.raises(CodecastError) as caught:
        talk.relay.call("host/kill", session=S1)
    assert caught.value.code == "conflict"
    assert talk.ask("say alive") == "done"
