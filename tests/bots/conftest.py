"""A Telegram of our own, a real server behind the bots, and the bots as the process they are."""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.bots.haste import SPEED
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

    def __init__(
        self,
        directory: Path,
        environment: dict[str, str],
        settings: object,
        how: Sequence[str] = (),
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.config = directory / "codecast.yaml"
        self.config.write_text(json.dumps({"bots": settings}))
        self.log = directory / "bots.log"
        self.environment = environment
        self.how = how or ("codecast_bots",)  # the module that is run, with words for it
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", *self.how, *words, "--config", str(self.config)]

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

    @contextlib.contextmanager
    def running(self, ready: Callable[[], object]) -> Iterator[Bots]:
        """Begun, once `ready`; ended, whoever ended or began it meanwhile."""
        self.start()
        try:
            until(ready, "the bots have come to their platform")
            yield self
        finally:
            self.kill(signal.SIGTERM)
            sys.stdout.write(self.log.read_text())

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


def bots_of(
    world: World, directory: Path, platform: str, secret: dict[str, str], speed: float,
    **own: object,
) -> Bots:  # fmt: skip
    """Before the world's server, with the settings `own` of one platform that is 1 or SPEED times
    as fast as the real one."""
    settings = {"state": str(directory / "state"), platform: own}
    runtime = {"XDG_RUNTIME_DIR": str(directory)}  # where a token's lease is: no other run's
    environment = {**world.server.environment, **runtime, **secret}
    hasty = ("tests.bots.haste", platform) if speed == SPEED else ()
    return Bots(directory, environment, settings, hasty)


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
    telegram.commands = []  # of bots before
    secret = {"CODECAST_TELEGRAM_TOKEN": TOKEN}
    own = {"admins": [OWNER], "url": telegram.url}
    made = bots_of(world, tmp_path, "telegram", secret, telegram.speed, **own)
    with made.running(lambda: telegram.commands) as running:
        yield running
