"""Resident memory of `codecast bots` with one platform: `python -m tests.bots.memory`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import psutil

from tests.bots.conftest import OWNER, Bots
from tests.bots.servers.telegram import TOKEN, TelegramServer
from tests.fixtures.live import until


def telegram() -> float:
    """MiB, once it polls."""
    server = TelegramServer()
    server.private(OWNER)
    with tempfile.TemporaryDirectory() as directory:
        settings = {
            "server": {"url": "http://127.0.0.1:9"},
            "state": f"{directory}/state",
            "telegram": {"admins": [OWNER], "url": server.url},
        }
        more = {"CODECAST_TELEGRAM_TOKEN": TOKEN, "XDG_RUNTIME_DIR": directory}
        bots = Bots(Path(directory), {**os.environ, **more}, settings)
        bots.start()
        try:
            until(lambda: server.commands, "the bot has told its commands")
            assert bots.process is not None
            return float(psutil.Process(bots.process.pid).memory_info().rss / (1 << 20))
        finally:
            bots.kill()
            server.stop()


if __name__ == "__main__":
    print(f"telegram: {telegram():.0f} MiB", file=sys.stdout)
