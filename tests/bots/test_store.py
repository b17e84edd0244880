"""What the bots keep fills the disk, or is gone while it is needed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from codecast_bots import store as module
from codecast_bots.platforms.contract import Place
from codecast_bots.store import Store

PLACE = Place("telegram", "1", "4711")
DAYS = 86400.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "state" / "bots.sqlite")
    yield made
    made.close()


def written(path: Path, days: float = 0) -> Path:
    path.write_text("words")
    os.utime(path, (time.time() - days * DAYS,) * 2)
    return path


def test_what_is_old_is_cleared_while_the_bots_run(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = store.spool
    left, fresh = written(spool.path("left.md"), 2), written(spool.path("fresh.md"))
    waits = written(spool.path("waits.md"), 9)
    store.put_reply(PLACE, "key", {"files": [["waits.md", str(waits)]]})
    store.put_route(PLACE, "s1", {})
    for session in ("s1", "gone"):
        store.put_picks(session, "r1", "q1", ["Apple"])
    now = time.time()
    store.put_fact("pace telegram 4711", [[now - 9, now - 8], 0.0])
    store.put_fact("pace telegram silent", [[now - 9 * DAYS], now + 60])
    store.put_fact("pace telegram old", [[now - 9 * DAYS], 0.0])
    assert store.take("event 1", {}) and left.exists()
    monkeypatch.setattr(module, "CLEAN_EVERY", -1.0)
    assert store.take("event 2", {}) and not store.take("event 1", {})
    assert not left.exists() and fresh.exists() and waits.exists()
    assert store.picks("s1") and not store.picks("gone")
    assert store.fact("pace telegram 4711") and store.fact("pace telegram silent")
    assert store.fact("pace telegram old") is None


def test_only_what_is_on_its_way_is_removed_once_it_was_sent(store: Store, tmp_path: Path) -> None:
    spool, other = store.spool, written(tmp_path / "mine.txt")
    folder = spool.folder("token")
    written(folder / "answer.md")
    for path in (folder, folder, other):
        spool.sent(path)
    assert not folder.exists() and other.exists()
