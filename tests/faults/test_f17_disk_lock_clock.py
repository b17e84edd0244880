"""F17: no space on the machine or at the hub, locks that a network disk refuses, clocks that are
wrong: what cannot be kept is refused with the reason, and what was accepted is kept."""

from __future__ import annotations

import errno
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.agent import RelayProcess, clean_sessions
from tests.fixtures.live import Talk, until
from tests.fixtures.transcripts import assert_whole, text_of

from .harness.rig import Rig, opened


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Its machine `near` has a small disk, and clocks that can be set wrong."""
    directory = tmp_path_factory.mktemp("full")
    store = directory / "server" / "store"
    store.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", store], check=True)
    try:
        with opened(directory, far=False) as rig:
            yield rig
    finally:
        subprocess.run(["umount", "-l", store], check=True)


@pytest.fixture
def talk(rig: Rig, tmp_path: Path) -> Iterator[Talk]:
    talk = rig.api("lab").start("near", tmp_path, "witness", mode="auto")
    yield talk
    rig.machines["near"].mend()
    talk.destroy()


def fill(directory: Path) -> Path:
    filler = directory / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError) as full:
        while True:
            file.write(bytes(1 << 12))
    assert full.value.errno == errno.ENOSPC
    return filler


def test_a_full_disk_of_the_machine_refuses_prompts_and_loses_no_word(rig: Rig, talk: Talk) -> None:
    running = talk.prompt("a work 3")
    talk.wait_text("a:1 ")
    rig.machines["near"].fill_disk()
    id = talk.prompt("b say 1 " + "x" * 10_000)  # more than the last page of the journal takes
    refused = talk.wait_prompt(id, "failed")
    assert refused["error"]["code"] == "disk_full" and "Free space" in refused["error"]["hint"]
    rig.machines["near"].free_disk()
    talk.wait_prompt(running)
    talk.ask("b say 1")
    words = text_of(talk.events()).split()
    ours = [word for word in words if word.startswith("a:")]
    assert ours == [f"a:{number}" for number in range(len(ours))] and len(ours) > 10
    assert words[-1] == "b:0"
    assert_whole(talk.events())


def test_a_full_disk_of_the_hub_refuses_prompts_and_catches_up(rig: Rig, talk: Talk) -> None:
    running = talk.prompt("a work 3")
    talk.wait_text("a:1 ")
    filler = fill(rig.server.home / "store")
    try:
        with pytest.raises(CodecastError) as refused:
            for number in range(200):  # the store may have a little room of its own left
                talk.prompt(f"x{number} say 1 " + "x" * 100_000)
        assert refused.value.code == "disk_full"
        assert "hub" in refused.value.message and refused.value.hint
    finally:
        filler.unlink()
    talk.wait_prompt(running)
    talk.ask("b say 1")
    events = talk.events()
    assert_whole(events)
    journal = rig.machines["near"].ground.journal(talk.id)
    assert [event["type"] for event in events] == [event["type"] for event in journal]


def test_a_clock_set_wrong_changes_no_order_and_the_doctor_tells(rig: Rig, talk: Talk) -> None:
    machine = rig.machines["near"]
    talk.ask("a say 2")
    machine.set_clock(-86400.0)
    talk.ask("b say 2")
    checks = {each["name"]: each for each in rig.api("lab").get("/machines/near/doctor")["checks"]}
    assert checks["clock"]["status"] == "warning"
    assert "behind" in checks["clock"]["message"]
    machine.set_clock(3600.0)
    talk.ask("c say 2")
    events = talk.events()
    assert_whole(events)
    assert text_of(events) == "a:0 a:1 b:0 b:1 c:0 c:1 "
    times = [event["time"] for event in events]
    assert min(times) < max(times) - 86400  # it was wrong indeed
    until(lambda: talk.state["status"] == "idle", "it is idle")
    assert talk.state["worked"]["seconds"] < 3600, "time that did not pass is not counted"


NO_LOCKS = """
import errno, fcntl, os
def flock(fd, how):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
fcntl.flock = flock
"""


def test_a_disk_without_locks_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    """Two supervisors of one session would be worse than none."""
    root = tmp_path / "root"
    with clean_sessions(root), RelayProcess(root, preload=NO_LOCKS) as relay:
        with pytest.raises(CodecastError) as refused:
            relay.start(session=f"lock-{uuid.uuid4().hex[:8]}", cwd=str(tmp_path))
        assert refused.value.code == "no_place"
        assert os.strerror(errno.ENOLCK) in refused.value.message
        assert "CODECAST_ROOT" in refused.value.hint
        assert relay.call("session/list") == []
        assert relay.call("ping", n=1)["n"] == 1
