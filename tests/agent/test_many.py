"""Many sessions at once, and much said by one: everything starts, nothing grows."""

import contextlib
from pathlib import Path

from tests.fixtures.agent import RelayProcess, clean_sessions, memory
from tests.fixtures.scripted import PRELOAD

from .conftest import Talk

MACHINES = 10
SESSIONS = 20  # on each
READY = ["/bin/sh", "-c", """echo '{"ready":"n","mode":"ask"}'; exec cat >/dev/null"""]


def test_200_sessions_dispatched_at_once_to_ten_machines_all_start(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        relays = []
        for machine in range(MACHINES):
            root = tmp_path / f"machine-{machine}"
            root.mkdir(mode=0o700)
            stack.enter_context(clean_sessions(root))
            relays.append(stack.enter_context(RelayProcess(root, preload=PRELOAD)))
        names = [(relay, f"many-{tmp_path.name}-{n}") for n in range(SESSIONS) for relay in relays]
        starts = [
            relay.send(
                "session/start",
                session=name,
                cli="scripted",
                command=READY,
                cwd=str(tmp_path),
                mode="ask",
            )
            for relay, name in names
        ]
        answers = [start.get(timeout=120) for start in starts]
        assert [answer for answer in answers if "error" in answer] == []
        for relay in relays:
            listed = relay.call("session/list")
            assert sum(session["alive"] for session in listed) == SESSIONS
        for removed in [relay.send("session/remove", session=name) for relay, name in names]:
            assert "error" not in removed.get(timeout=120)


def test_what_streams_for_long_leaves_nothing_in_memory(talk: Talk) -> None:
    """60,000 events more: an object kept of each would take 3 MiB; buffers come and go."""
    talk.ask("flood 20000")
    before = memory(talk.supervisor)["Pss_Anon"], memory(talk.relay.pid)["Pss_Anon"]
    for _ in range(3):
        talk.ask("flood 20000")
    after = memory(talk.supervisor)["Pss_Anon"], memory(talk.relay.pid)["Pss_Anon"]
    assert len(talk.said()) == 80_000
    talk.feed.assert_is_journal()
    grown = [now - then for now, then in zip(after, before, strict=True)]
    assert all(kib < 2000 for kib in grown), f"supervisor and relay have grown by {grown} KiB"
