"""Who dies takes nothing with it: relay, CLI and supervisor killed at the worst moments."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from codecast_agent.protocol import records
from codecast_agent.protocol.events import problems
from tests.fixtures.agent import RelayProcess, descendants, marked, until

from .conftest import S1, S2, Talk, begin


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def whole(journal: bytes) -> list[records.Event]:
    """The journal's events: none broken, none missing, none twice, all in the vocabulary."""
    events = list(records.decode_block(journal))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    for event in events:
        assert problems({"type": event.type, **event.data}) == []
    return events


def test_killed_relay_in_mid_turn(talk: Talk, new_relay: Callable[..., RelayProcess]) -> None:
    prompt = talk.prompt("flood 20000")
    talk.feed.wait("agent_message_chunk")
    talk.relay.kill()
    supervisor, cursor = talk.supervisor, talk.feed.last_seq
    before = bytes(talk.feed.bytes)
    other = new_relay()
    feed = other.subscribe(S1, after=cursor)
    feed.wait("prompt_state", prompt=prompt, state="done")
    assert feed.events[0].seq == cursor + 1
    feed.assert_is_journal(before)
    assert other.supervisor(S1) == supervisor and alive(supervisor)
    assert len([e for e in whole(other.journal(S1)) if e.type == "agent_message_chunk"]) == 20000


def test_killed_relay_of_another_session(
    talk: Talk, new_relay: Callable[..., RelayProcess], tmp_path: Path
) -> None:
    other = new_relay()
    second = begin(other, S2, tmp_path)
    other.kill()
    assert alive(second.supervisor)
    assert talk.ask("say still here") == "done"
    talk.relay.prompt(S2, "p", "say me too")
    feed = talk.relay.subscribe(S2)
    feed.wait("prompt_state", prompt="p", state="done")


def test_killed_cli_in_mid_turn(talk: Talk) -> None:
    prompt = talk.prompt("stderr last words\nsay half\nwait")
    talk.feed.wait("agent_message_chunk")
    pid = talk.cli()
    os.kill(pid, signal.SIGKILL)
    state = talk.feed.wait("session_state", state="exited")
    assert state.data["signal"] == 9
    assert "SIGKILL" in state.data["error"]["message"]
    assert "last words" in state.data["error"]["detail"]
    assert talk.feed.wait("turn_ended").data["reason"] == "error"
    assert talk.ended(prompt) == "failed"
    supervisor = talk.supervisor
    assert talk.ask("say resumed") == "done"
    assert talk.supervisor == supervisor and talk.cli() != pid
    natives = {e.data["native"] for e in talk.feed.of("session_info_update")}
    assert natives == {"native-" + S1}
    assert [e.data["turn"] for e in talk.feed.of("turn_started")] == [1, 2]
    whole(talk.relay.journal(S1))


def test_killed_cli_at_an_open_request(talk: Talk) -> None:
    prompt = talk.prompt("ask May I?")
    request = talk.feed.wait("request_opened").data["request"]
    os.kill(talk.cli(), signal.SIGKILL)
    talk.feed.wait("request_withdrawn", request=request)
    assert talk.ended(prompt) == "failed"


def test_killed_cli_that_never_took_the_prompt(talk: Talk) -> None:
    prompt = talk.prompt("vanish")
    assert talk.ended(prompt) == "unknown"
    assert talk.feed.wait("session_state", state="exited").data["code"] == 9


def test_prompts_behind_a_crash_wait_for_the_next_one(talk: Talk) -> None:
    first = talk.prompt("wait")
    talk.feed.wait("turn_started")
    second = talk.prompt("say second")
    os.kill(talk.cli(), signal.SIGKILL)
    talk.ended(first)
    assert talk.state_of(second) == "queued"
    talk.call("resume")
    assert talk.ended(second) == "done"


def test_cli_that_dies_leaves_no_grandchildren(talk: Talk) -> None:
    talk.ask("spawn setsid\norphan")
    assert len(marked(S1)) == 3
    os.kill(talk.cli(), signal.SIGKILL)
    talk.feed.wait("session_state", state="exited")
    assert marked(S1) == []


def test_unfinished_last_line_of_a_dying_cli_is_kept(talk: Talk) -> None:
    talk.prompt("raw 7b22\ndie 3")
    assert talk.feed.wait("notice").data["raw"] == '{"'
    assert talk.feed.wait("session_state", state="exited").data["code"] == 3


@pytest.mark.parametrize("moment", ["wait", "ask May I?"])
def test_killed_supervisor(talk: Talk, moment: str) -> None:
    prompt = talk.prompt("say half\nspawn setsid\n" + moment)
    talk.feed.wait("agent_message_chunk", after=talk.feed.wait("agent_message_chunk").seq)
    if moment != "wait":
        talk.feed.wait("request_opened")
    waiting = talk.prompt("say later")
    supervisor = talk.supervisor
    processes = descendants(supervisor)
    assert len(processes) == 2
    before = talk.relay.journal(S1)
    os.kill(supervisor, signal.SIGKILL)
    assert talk.ended(prompt) == "failed"
    ended = talk.feed.wait("turn_ended")
    assert ended.data["reason"] == "error" and "killed" in ended.data["error"]["message"]
    talk.feed.wait("session_state", state="exited")
    if moment != "wait":
        talk.feed.wait("request_withdrawn")
    until(lambda: not any(alive(pid) for pid in processes), "everything dies")
    assert talk.state_of(waiting) == "queued"
    assert talk.relay.journal(S1).startswith(before)
    assert talk.ask("say resumed") == "done"
    assert talk.supervisor != supervisor
    assert talk.said()[-2:] == ["later", "resumed"]
    natives = [e.data["native"] for e in talk.feed.of("session_info_update")]
    assert set(natives) == {"native-" + S1} and len(natives) == 2
    whole(talk.relay.journal(S1))
    talk.feed.assert_is_journal()


def test_supervisor_killed_before_the_cli_took_the_prompt(talk: Talk) -> None:
    os.kill(talk.cli(), signal.SIGSTOP)
    prompt = talk.prompt("say x")
    talk.feed.wait("prompt_state", prompt=prompt, state="running")
    os.kill(talk.supervisor, signal.SIGKILL)
    assert talk.ended(prompt) == "unknown"


def test_supervisor_killed_while_no_relay_watched(
    talk: Talk, new_relay: Callable[..., RelayProcess]
) -> None:
    prompt = talk.prompt("say half\nspawn setsid\nwait")
    talk.feed.wait("agent_message_chunk", after=talk.feed.wait("agent_message_chunk").seq)
    processes = descendants(talk.supervisor)
    talk.relay.kill()
    os.kill(talk.supervisor, signal.SIGKILL)
    # two relays find it at once
    relays = [new_relay(), new_relay()]
    feeds = [relay.subscribe(S1) for relay in relays]
    for feed in feeds:
        feed.wait("prompt_state", prompt=prompt, state="failed")
        feed.wait("session_state", state="exited")
    until(lambda: not any(alive(pid) for pid in processes))
    events = whole(relays[0].journal(S1))
    assert [e.type for e in events].count("turn_ended") == 1
    assert [e.data["state"] for e in events if e.type == "session_state"].count("exited") == 1
    assert [entry["alive"] for entry in relays[1].call("session/list")] == [False]


def test_relay_started_over_an_old_death_changes_nothing_twice(
    talk: Talk, new_relay: Callable[..., RelayProcess]
) -> None:
    talk.prompt("wait", "p")
    talk.feed.wait("turn_started")
    os.kill(talk.supervisor, signal.SIGKILL)
    talk.feed.wait("session_state", state="exited")
    journal = talk.relay.journal(S1)
    for _ in range(2):
        other = new_relay()
        assert other.call("session/list")[0]["alive"] is False
        other.close()
    assert talk.relay.journal(S1) == journal


def test_sessions_are_told_of_to_every_relay(
    relay: RelayProcess, new_relay: Callable[..., RelayProcess], tmp_path: Path
) -> None:
    other = new_relay()
    talk = begin(relay, S1, tmp_path)

    def told(alive: bool) -> bool:
        changes = [n["params"] for n in other.notifications if n["method"] == "session/changed"]
        return any(c["session"] == S1 and c["alive"] is alive for c in changes)

    until(lambda: told(True), "another relay's session is announced")
    talk.call("stop")
    until(lambda: told(False), "its end, too")


def test_torn_tail_after_a_crash_of_the_machine(
    talk: Talk, new_relay: Callable[..., RelayProcess]
) -> None:
    talk.ask("say one")
    talk.relay.kill()
    os.kill(talk.supervisor, signal.SIGKILL)
    segment = next(talk.relay.root.glob(f"hosts/*/sessions/{S1}/journal/*.j"))
    good = segment.read_bytes()
    segment.write_bytes(good[: good.rindex(b" ") + 3])  # the last record is torn
    other = new_relay()
    feed = other.subscribe(S1)
    feed.wait("session_state", state="exited")
    events = whole(other.journal(S1))
    kept = good.count(b"\n") - 1
    assert events[:kept] == whole(good)[:kept]
    assert events[-1].type == "session_state"
    other.prompt(S1, "p9", "say two")
    feed.wait("prompt_state", prompt="p9", state="done")
    whole(other.journal(S1))


def test_sigterm_ends_a_supervisor_in_order(talk: Talk) -> None:
    prompt = talk.prompt("spawn setsid\nwait")
    talk.feed.wait("agent_message_chunk")
    waiting = talk.prompt("say later")
    os.kill(talk.supervisor, signal.SIGTERM)
    assert talk.ended(prompt) == "cancelled"
    talk.feed.wait("session_state", state="exited")
    assert marked(S1) == []
    assert talk.state_of(waiting) == "queued"


def test_a_session_goes_on_costing_where_it_stood(talk: Talk) -> None:
    """A CLI counts from its own start: it is told what the session has cost before."""
    assert talk.ask("cost 0.25\nenv COST_BEFORE") == "done"
    os.kill(talk.cli(), signal.SIGKILL)
    talk.feed.wait("session_state", state="exited")
    assert talk.ask("env COST_BEFORE\ncost 0.75") == "done"
    supervisor = talk.supervisor
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: not alive(supervisor))
    assert talk.ask("env COST_BEFORE") == "done"
    assert talk.said() == ["0", "0.25", "0.75"]
