"""Alice before our Discord, and the adapter behind it: for the adapter's tests."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, TypeVar

import pytest

from codecast_bots.platforms import discord as platform
from codecast_bots.platforms import discord_gateway, discord_presses
from codecast_bots.platforms.contract import Event, Place
from codecast_bots.settings import PlatformSettings
from tests.bots.servers import discord_api
from tests.bots.servers.discord import TOKEN, DiscordServer
from tests.bots.servers.discord_people import Person as Somebody

WITHIN = 30.0
T = TypeVar("T")


class Scene:
    """Alice in a channel of a server, and in private."""

    def __init__(self, server: DiscordServer) -> None:
        self.server = server
        self.alice = server.user("Alice")
        self.guild = server.guild("Lab")
        self.channel = server.channel(self.guild, "agents")
        self.dm = server.private(self.alice)
        own = server.me["id"]
        self.here = Place("discord", own, self.dm)
        self.there = Place("discord", own, self.channel, None, "group")
        self.me = Somebody(server, self.alice, self.channel)
        self.private = self.me.at(self.dm)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DiscordServer]:
    monkeypatch.setattr(discord_gateway, "IDENTIFY_AFTER", 0.2)
    monkeypatch.setattr(discord_gateway, "QUIET", 0.3)
    monkeypatch.setattr(discord_presses, "COMPLETE_WITHIN", 0.4)
    monkeypatch.setattr(discord_api, "SECONDS", 0.7)
    running = DiscordServer()
    running.patience = 10.0  # of who presses: this machine may be slow
    yield running
    running.stop()
    assert not running.violations


@pytest.fixture
def scene(server: DiscordServer) -> Scene:
    return Scene(server)


def made(server: DiscordServer, token: str = TOKEN, **more: Any) -> platform.DiscordAdapter:
    return platform.make(PlatformSettings("discord", token, url=server.url, **more))


@contextlib.asynccontextmanager
async def started(
    server: DiscordServer, seen: Mapping[Place, str] | None = None
) -> AsyncIterator[platform.DiscordAdapter]:
    running = made(server)
    await running.start()
    running.catch_up(seen or {}, {})
    try:
        yield running
    finally:
        await running.stop()


async def take(events: AsyncIterator[Event], count: int = 1) -> list[Any]:
    return [await asyncio.wait_for(anext(events), WITHIN) for _ in range(count)]


async def eventually(look: Callable[[], object], what: str) -> None:
    end = time.monotonic() + WITHIN
    while not look():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.02)


async def person(do: Callable[..., T], *given: Any, **more: Any) -> T:
    """What a person does waits for us: not on our loop."""
    return await asyncio.to_thread(lambda: do(*given, **more))
