"""A full disk: the CLI waits, prompts are refused with the reason, nothing is lost."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from codecast_agent.protocol import records
from codecast_agent.protocol.errors import CodecastError
from tests.fixtures.agent import RelayProcess, clean_sessions, marked, until

from .conftest import S1, Talk, begin


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "small"
    path.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", path], check=True)
    try:
        with clean_sessions(path):
            yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


@pytest.fixture
def talk(disk: Path, new_relay: Callable[..., RelayProcess], tmp_path: Path) -> Talk:
    return begin(new_relay(root=disk), S1, tmp_path)


def full(disk: Path) -> bool:
    return os.statvfs(disk).f_bavail == 0


def test_output_waits_for_space_and_is_whole(talk: Talk, disk: Path) -> None:
    prompt = talk.prompt("flood 20000")
    until(lambda: full(disk), "the journal fills the disk")
    with pytest.raises(CodecastError) as caught:
        talk.prompt("say never", "refused")
    assert caught.value.code == "disk_full"
    assert "No space left" in caught.value.message and str(disk) in caught.value.hint
    assert len(marked(S1)) == 1  # the CLI waits
    subprocess.run(["mount", "-o", "remount,size=30m", disk], check=True)
    assert talk.ended(prompt) == "done"
    assert len(talk.said()) == 20000
    assert [int(text.split()[1]) for text in talk.said()] == list(range(20000))
    talk.feed.assert_is_journal()
    assert b'"refused"' not in talk.relay.journal(S1)
    assert talk.ask("say after") == "done"


def test_refused_prompt_can_be_sent_again(talk: Talk, disk: Path) -> None:
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(b"x" * 4096)
    with pytest.raises(CodecastError) as caught:
        talk.prompt("say " + "x" * 10_000, "p")
    assert caught.value.code == "disk_full"
    filler.unlink()
    assert talk.relay.prompt(S1, "p", "say now") == {"state": "queued", "duplicate": False}
    assert talk.ended("p") == "done"
    assert talk.said() == ["now"]


def test_stop_at_a_full_disk_kills_all_the_same(talk: Talk, disk: Path) -> None:
    talk.prompt("spawn setsid\nflood 20000")
    until(lambda: full(disk), "the journal fills the disk")
    assert len(marked(S1)) == 2
    talk.call("stop")
    assert marked(S1) == []
    subprocess.run(["mount", "-o", "remount,size=30m", disk], check=True)
    # what could not be said then is said by the burial
    talk.feed.wait("turn_ended")
    talk.feed.wait("session_state", after=3)
    events = list(records.decode_block(talk.relay.journal(S1)))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert talk.ask("say back") == "done"


def test_killed_supervisor_at_a_full_disk(talk: Talk, disk: Path) -> None:
    prompt = talk.prompt("flood 20000")
    until(lambda: full(disk), "the journal fills the disk")
    os.kill(talk.supervisor, 9)
    subprocess.run(["mount", "-o", "remount,size=30m", disk], check=True)
    assert talk.ended(prompt) == "failed"
    events = list(records.decode_block(talk.relay.journal(S1)))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    talk.feed.assert_is_journal()


def test_cli_that_dies_at_a_full_disk_is_missed_when_there_is_space(talk: Talk, disk: Path) -> None:
    prompt = talk.prompt("flood 20000")
    until(lambda: full(disk), "the journal fills the disk")
    cli = talk.cli()
    os.kill(cli, 9)
    until(lambda: not Path(f"/proc/{cli}").exists(), "the supervisor has heard of it")
    subprocess.run(["mount", "-o", "remount,size=30m", disk], check=True)
    assert talk.ended(prompt) == "failed"
    assert talk.ask("say back") == "done"
    talk.feed.assert_is_journal()
