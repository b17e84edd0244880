"""A Telegram of our own, a real server behind the bots, and the bots as the process they are."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bots.servers.telegram import TOKEN, TelegramServer
from tests.fixtures.clis import claude_binary
from tests.fixtures.live import until
from tests.fixtures.models import ModelServer, model_server
from tests.fixtures.sshd import Client, Sshd
from tests.fixtures.world import World, configuration, opened

OWNER = 4711
FIRST_IDS = itertools.count(100_000, 100_000)
__all__ = ["model_server"]


class Bots:
    """`codecast bots` as a process, with settings and state below `directory`."""

    def __init__(self, directory: Path, environment: dict[str, str], settings: object) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.config = directory / "codecast.yaml"
        self.config.write_text(json.dumps({"bots": settings}))
        self.log = directory / "bots.log"
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "codecast_bots", *words, "--config", str(self.config)]

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), env=self.environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log,
            )  # fmt: skip

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(20)
            self.process = None

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words), env=self.environment, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, model_server: ModelServer) -> Iterator[World]:
    """The machine `gpu`, by a real sshd, with the real Claude Code and a model of its own."""
    directory = tmp_path_factory.mktemp("bots")
    client = Client(directory / "keys")
    environment = {"CODECAST_CLI_CLAUDE": str(claude_binary())}
    sshd = Sshd(directory / "gpu", client.authorized, environment=environment)
    client.add_host("gpu", sshd)
    settings = json.loads(configuration(gpu={"env": model_server.claude_environment(sshd.home)}))
    settings["files"] = {"rules": [{"pattern": "*.report", "offer": "auto"}]}
    with opened(World(directory, client, {"gpu": sshd}, "gpu", json.dumps(settings))) as world:
        yield world


@pytest.fixture(scope="module")
def telegram() -> Iterator[TelegramServer]:
    """Its messages have ids that no other test's have: the hub behind the bots is the same."""
    server = TelegramServer(first=next(FIRST_IDS))
    yield server
    server.stop()


@pytest.fixture
def bots(tmp_path: Path, world: World, telegram: TelegramServer) -> Iterator[Bots]:
    """Running, with OWNER as its admin in a private chat."""
    telegram.private(OWNER)
    settings = {
        "state": str(tmp_path / "state"),
        "telegram": {"admins": [OWNER], "url": telegram.url},
    }
    runtime = {"XDG_RUNTIME_DIR": str(tmp_path)}  # where a token's lease is: no other run's
    environment = {**world.server.environment, **runtime, "CODECAST_TELEGRAM_TOKEN": TOKEN}
    running = Bots(tmp_path, environment, settings)
    telegram.commands = []  # of bots before
    running.start()
    try:
        until(lambda: telegram.commands, "the bot has told its commands")
        yield running
    finally:
        running.kill(signal.SIGTERM)
        sys.stdout.write(running.log.read_text())
