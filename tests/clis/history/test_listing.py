"""Conversations of all CLIs, found quickly or not at all."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from codecast_agent.clis import history

from .kept import NATIVE, Transcript


def test_a_thousand_conversations_are_listed_by_heads_and_tails(tmp_path: Path) -> None:
    for number in range(1000):
        t = Transcript()
        t.add("user", f"prompt {number} about {'bees' if number % 100 == 7 else 'ants'}")
        path = t.save(tmp_path, str(uuid.uuid4()))
        os.truncate(path, 1 << 30)  # a gigabyte that nobody must read
        os.utime(path, (number, number))
    places = {"HOME": str(tmp_path)}

    def read() -> int:
        return int(Path("/proc/self/io").read_text().split()[1])

    before = read()
    newest = history.listing(places, limit=20)
    assert [each.title for each in newest[:2]] == ["prompt 999 about ants", "prompt 998 about ants"]
    assert len(newest) == 20 and read() - before < 8 << 20
    bees = history.listing(places, query="bees")
    assert [each.title for each in bees][:2] == ["prompt 907 about bees", "prompt 807 about bees"]
    assert len(bees) == 10 and read() - before < 100 << 20


@pytest.mark.parametrize("cli", list(history.READERS))
def test_where_nothing_is_kept_nothing_is_found(tmp_path: Path, cli: str) -> None:
    reader = history.reader(cli, {"HOME": str(tmp_path / "nobody")})
    assert reader.recent() == []
    for native in (NATIVE, "", "*", "../x", "' OR 1=1 --"):
        assert reader.find(native) is None
