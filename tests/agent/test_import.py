"""An import is whole or not at all: limits are said, times in order, a full disk leaves nothing."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codecast_agent import adoption, journal
from codecast_agent.clis.history import Found, reader
from codecast_agent.journal import Journal, bounds, segments
from codecast_agent.ledger import Ledger
from codecast_agent.places import Place
from codecast_agent.protocol import records
from codecast_agent.protocol.errors import CodecastError
from codecast_agent.protocol.records import Event

NATIVE = "3a5278d9-ad95-41a8-8c6a-441d87f1b3ec"


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adoption, "environment", lambda: {"HOME": str(tmp_path)})


def transcript(home: Path, prompts: int, words: str = "", cli: str = "claude") -> None:
    """Prompt after prompt, each answered."""
    path = home / ".claude" / "projects" / "-w" / f"{NATIVE}.jsonl"
    path.parent.mkdir(parents=True)
    parent = None
    with path.open("w") as file:
        for number in range(2 * prompts):
            role = ("user", "assistant")[number % 2]
            entry = {
                "parentUuid": parent,
                "type": role,
                "message": {"role": role, "id": f"m{number}", "content": words + str(number)},
                "uuid": str(number),
                "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1e9 + number)),
                "cwd": "/w",
            }
            file.write(json.dumps(entry, separators=(",", ":")) + "\n")
            parent = str(number)


def take(home: Path, **meta: Any) -> Place:
    sessions = home / "sessions"
    sessions.mkdir(exist_ok=True)
    about = {"cli": "claude", "native": NATIVE, "env": {}, "fork": False, "history": True}
    made = adoption.take_over(str(sessions), {"session": "s1", **about, **meta})
    assert made is True
    return Place(str(sessions / "s1"))


def events(place: Place) -> list[Event]:
    data = b"".join(Path(path).read_bytes() for path in segments(place.journal))
    return list(records.decode_block(data))


def test_a_whole_conversation_with_its_own_times(tmp_path: Path) -> None:
    transcript(tmp_path, 2)
    place = take(tmp_path)
    found = events(place)
    assert [event.type for event in found] == [
        "session_info_update",
        "notice",
        *["user_message_chunk", "agent_message_chunk"] * 2,
        "session_state",
    ]
    assert [event.time for event in found[2:6]] == [1e9, 1e9 + 1, 1e9 + 2, 1e9 + 3]
    assert all(event.data["history"] is True for event in found)
    state = Ledger.read(place.journal).state
    assert (state["process"], state["native"], state["turn"]) == ("exited", None, None)


def test_what_is_beyond_the_limit_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transcript(tmp_path, 50)
    monkeypatch.setattr(adoption, "EVENTS", 10)
    found = events(take(tmp_path))
    warning = found[2].data
    assert warning["level"] == "warning"
    assert "first 90 events" in warning["text"] and "at most 10 events" in warning["text"]
    chunks = [event.data["content"]["text"] for event in found if event.type.endswith("chunk")]
    assert chunks == [str(number) for number in range(90, 100)]


def test_size_is_a_limit_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transcript(tmp_path, 20, "x" * 1000)
    monkeypatch.setattr(adoption, "BYTES", 10_000)
    found = events(take(tmp_path))
    assert "left out" in found[2].data["text"]
    assert 5 <= len(found) <= 15 and found[-2].data["content"]["text"].endswith("x39")


def test_a_text_of_megabytes_is_cut_with_words(tmp_path: Path) -> None:
    transcript(tmp_path, 1, "y" * (2 << 20))
    for event in events(take(tmp_path))[2:4]:
        said = event.data["content"]["text"]
        assert len(said) < 1 << 20 and "more characters are in the CLI's own record" in said


def test_a_long_conversation_fills_several_segments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "SEGMENT", 1 << 20)
    monkeypatch.setattr(adoption, "BATCH", 1 << 18)
    transcript(tmp_path, 1500, "z" * 2000)
    place = take(tmp_path)
    assert len(segments(place.journal)) > 3
    assert bounds(place.journal) == (1, 3003)
    assert [event.seq for event in events(place)] == list(range(1, 3004))
    assert Journal(place.journal).seq == 3003


def test_times_never_go_back_nor_ahead_of_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transcript(tmp_path, 1)
    given = [0.0, 5e8, 4e9, 2e8, 0.0]

    def told(self: Any, found: Found) -> Iterator[tuple[float, dict[str, Any]]]:
        for when in given:
            yield when, {"type": "notice", "level": "info", "text": str(when)}

    monkeypatch.setattr(type(reader("claude", {"HOME": "/"})), "events", told)
    times = [event.time for event in events(take(tmp_path))]
    assert times == sorted(times) and times[-1] <= time.time()


def test_a_full_disk_leaves_no_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transcript(tmp_path, 5)

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(journal.os, "write", full)
        with pytest.raises(CodecastError) as caught:
            take(tmp_path)
    assert caught.value.code == "disk_full"
    assert list((tmp_path / "sessions").iterdir()) == []
    take(tmp_path)


def test_a_second_start_of_that_id_changes_nothing(tmp_path: Path) -> None:
    transcript(tmp_path, 1)
    place = take(tmp_path)
    before = events(place)
    meta = {"session": "s1", "cli": "claude", "native": NATIVE, "env": {}, "fork": True}
    sessions = Path(place.path).parent
    assert adoption.take_over(str(sessions), {**meta, "history": True}) is False
    assert events(place) == before and list(sessions.iterdir()) == [Path(place.path)]


def test_the_sessions_own_environment_says_where_the_cli_keeps_things(tmp_path: Path) -> None:
    other = tmp_path / "other"
    transcript(other, 1)
    with pytest.raises(CodecastError) as caught:
        take(tmp_path)
    assert caught.value.code == "not_found"
    take(tmp_path, env={"CLAUDE_CONFIG_DIR": str(other / ".claude")})
