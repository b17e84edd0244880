"""Resident memory of `codecast bots` with one platform: `python -m tests.bots.memory`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from tests.bots.conftest import OWNER, Bots
from tests.bots.servers.discord import TOKEN as DISCORD_TOKEN
from tests.bots.servers.discord import DiscordServer
from tests.bots.servers.telegram import TOKEN, TelegramServer
from tests.fixtures.live import until


def telegram() -> float:
    """MiB, once it polls."""
    server = TelegramServer()
    server.private(OWNER)
    try:
        own = {"telegram": {"admins": [OWNER], "url": server.url}}
        return _measured(own, {"CODECAST_TELEGRAM_TOKEN": TOKEN}, lambda: server.commands)
    finally:
        server.stop()


def discord() -> float:
    """MiB, once it is connected."""
    server = DiscordServer()
    server.channel(server.guild(), "agents")
    try:
        own = {"discord": {"admins": ["1"], "url": server.url}}
        token = {"CODECAST_DISCORD_TOKEN": DISCORD_TOKEN}
        return _measured(own, token, lambda: server.registered)
    finally:
        server.stop()


def _measured(own: dict[str, Any], secret: dict[str, str], ready: Callable[[], object]) -> float:
    with tempfile.TemporaryDirectory() as directory:
        settings = {"server": {"url": "http://127.0.0.1:9"}, "state": f"{directory}/state", **own}
        bots = Bots(
            Path(directory), {**os.environ, **secret, "XDG_RUNTIME_DIR": directory}, settings
        )
        bots.start()
        try:
            until(ready, "the bot has told its commands")
            assert bots.process is not None
            return float(psutil.Process(bots.process.pid).memory_info().rss / (1 << 20))
        finally:
            bots.kill()


if __name__ == "__main__":
    for measure in (telegram, discord):
        print(f"{measure.__name__}: {measure():.0f} MiB", file=sys.stdout)
