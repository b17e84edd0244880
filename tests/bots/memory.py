"""Resident memory of `codecast bots` with one platform, once it is connected: `python -m
tests.bots.memory`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.bots.conftest import Bots
from tests.bots.strict_chats import CHATS, Chat


class Memory(NamedTuple):
    """KiB; `pss` counts a page that several processes share as a part of one."""

    rss: int
    pss: int
    private: int  # pages that nobody else has, changed by this process


def memory(process: int) -> Memory:
    """Raises OSError once it ended."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    found = {line.split(":")[0]: line.split()[1] for line in text.splitlines()[1:]}
    return Memory(int(found["Rss"]), int(found["Pss"]), int(found["Private_Dirty"]))


@contextmanager
def serving(
    chat: Chat, directory: Path, hub: str = "http://127.0.0.1:9", *how: str, **settings: Any
) -> Iterator[Bots]:
    """`codecast bots` for this chat alone, in a process of its own. `how` it is run, when not as
    a user does."""
    own = {"server": {"url": hub}, "state": str(directory / "state"), **settings}
    environment = {**os.environ, **chat.secret, "XDG_RUNTIME_DIR": str(directory)}
    bots = Bots(directory, environment, {**own, chat.name: chat.settings}, how)
    with bots.running(chat.joined):
        yield bots


if __name__ == "__main__":
    for make in CHATS.values():
        chat = make(1.0)
        try:
            with tempfile.TemporaryDirectory() as directory, serving(chat, Path(directory)) as bots:
                assert bots.process is not None
                found = memory(bots.process.pid)
        finally:
            chat.stop()
        words = f"{found.rss / 1024:.0f} MiB resident, {found.private / 1024:.0f} MiB its own"
        print(f"{chat.name}: {words}", file=sys.stdout, flush=True)
