"""The adapter against a strict Discord: what is lost, doubled, late, or told to strangers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from codecast_bots.platforms import discord as platform
from codecast_bots.platforms import discord_gateway, discord_threads
from codecast_bots.platforms.contract import (
    ActionIn,
    BadCredentials,
    Button,
    Choice,
    Event,
    FileIn,
    FileOut,
    Forbidden,
    Gone,
    GoneIn,
    MenuArgument,
    MenuCommand,
    MessageRef,
    MissingPermission,
    Option,
    Outgoing,
    Person,
    Place,
    RateLimited,
    Rejected,
    TextIn,
    TooBig,
    Unavailable,
)
from codecast_bots.settings import PlatformSettings
from tests.bots.servers.discord import FORUM, RIGHTS, TOKEN, DiscordServer
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
    running = DiscordServer()
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
    running.catch_up(seen or {})
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


async def test_what_comes_in(server: DiscordServer, scene: Scene, tmp_path: Path) -> None:
    async with started(server) as adapter:
        assert adapter.account == server.me["id"]
        events = adapter.events()
        said = scene.private.says("hello", notes__txt=b"a note")
        (first,) = await take(events)
        assert isinstance(first, TextIn) and first.addressed and not first.command
        assert (first.person, first.message) == (Person(scene.alice["id"], "Alice"), said)
        assert first.place == scene.here and first.place.kind == "private"
        # in a channel: other words, a mention, a reply to the bot, a thread
        scene.me.says("not for the bot")
        mentioned = scene.me.says(f"<@{server.me['id']}> /ls")
        other, asked = await take(events, 2)
        assert (other.addressed, asked.addressed, asked.text) == (False, True, "/ls")
        assert asked.place == scene.there and asked.place.kind == "group"
        thread = await adapter.open_thread(scene.there, "otter", mentioned)
        assert server.channels[thread.thread or ""]["name"] == "otter"
        await eventually(
            lambda: scene.alice["id"] in server.channels[thread.thread or ""]["members"],
            "who asked is in the thread",
        )
        answer = await adapter.send(scene.there, Outgoing("yes", reply_to=mentioned), "key1")
        scene.me.says("and?", reply_to=answer.id)
        scene.me.at(thread.thread or "").says("inside")
        replied, inside = await take(events, 2)
        assert replied.reply_to == answer.id and replied.addressed
        assert inside.place == thread
        # an edit once; a link's preview is none
        scene.private.edits(said, "hello again")
        scene.private.edits(said, "", preview=True)
        scene.private.says("last")
        edited, same, last = await take(events, 3)
        assert edited.edited and edited.text == "hello again" and edited.message == said
        assert edited.id == same.id != first.id  # the core drops what it had
        assert last.text == "last"
        # files, up to a limit
        await adapter.fetch(first.files[0], tmp_path / "got", 6)
        assert (tmp_path / "got").read_bytes() == b"a note" and first.files[0].size == 6
        with pytest.raises(TooBig):
            await adapter.fetch(first.files[0], tmp_path / "got", 5)
        with pytest.raises(Gone):
            await adapter.fetch(FileIn(f"{scene.dm}/{said}/1", "x"), tmp_path / "got", 5)
        server.remove_bot(scene.guild)
        gone = await take(events, 2)
        assert {each.place for each in gone} == {scene.there, thread}
        assert all(isinstance(each, GoneIn) for each in gone)
