"""The adapter against a strict Discord: what is lost, doubled, late, or told to strangers."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from codecast_bots.platforms import discord as platform
from codecast_bots.platforms import discord_gateway, discord_threads
from codecast_bots.platforms.contract import (
    Button,
    FileIn,
    FileOut,
    Forbidden,
    Gone,
    GoneIn,
    Outgoing,
    Person,
    Place,
    RateLimited,
    Rejected,
    TextIn,
    TooBig,
    Unavailable,
)
from tests.bots.discord_scene import (
    Scene,
    eventually,
    scene,
    server,
    started,
    take,
)
from tests.bots.servers import discord_api
from tests.bots.servers.discord import FORUM, RIGHTS, DiscordServer

__all__ = ["scene", "server"]


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


async def test_what_was_said_while_the_connection_was_gone_comes_once(
    server: DiscordServer, scene: Scene
) -> None:
    async with started(server) as adapter:
        events = adapter.events()
        first = scene.me.says("first")
        assert (await take(events))[0].text == "first"
        thread = await adapter.open_thread(scene.there, "nobody spoke here yet", first)
        silent = scene.me.at(thread.thread or "")
        # taken up again: after a pulled cable, and when asked to
        for number, lose in enumerate((server.drop_connections, server.ask_to_reconnect)):
            lose()
            scene.me.says(f"resumed {number}")
            assert (await take(events))[0].text == f"resumed {number}"
            await eventually(lambda n=number: server.resumed == n + 1, "it is taken up")
        # lost: what was told meanwhile is read back, also where nobody had spoken
        server.lose_sessions()
        lost = scene.me.says("lost 1")
        scene.me.says("lost 2")
        silent.says("lost 3")
        found = await take(events, 3)
        assert sorted(each.text for each in found) == ["lost 1", "lost 2", "lost 3"]
        assert server.identified == 2 and server.refused_resumes == 1
        server.again("MESSAGE_CREATE", server.told(server.messages[scene.channel][lost]))
        last = scene.me.says("after")
        assert (await take(events))[0].text == "after"
        # silence is noticed
        assert adapter.health().connected
    scene.me.says("said to nobody")
    forgotten = server.snowflake()
    async with started(server, {scene.there: last, thread: ""}) as adapter:
        events = adapter.events()
        found = await take(events, 2)
        assert [each.text for each in found] == ["lost 3", "said to nobody"]  # the core drops one
        assert int(forgotten) > int(found[1].message)


async def test_a_silent_connection_is_made_anew(
    server: DiscordServer, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discord_gateway, "SILENT_FOR", 0.6)
    server.beat, server.mute = 0.2, False
    async with started(server) as adapter:
        heard = adapter.health().heard
        await eventually(lambda: adapter.health().heard > heard, "beats are signs of life")
        server.mute = True
        await eventually(lambda: server.connections >= 2, "silence is noticed")
        server.mute = False
        scene.me.says("still here")
        assert (await take(adapter.events()))[0].text == "still here"
    await eventually(lambda: not server.sockets, "stop ends it")


async def test_rates_are_kept_and_refusals_waited_out(server: DiscordServer, scene: Scene) -> None:
    faults: list[str] = []
    server.fault = lambda what: faults.pop() if faults and what.startswith("POST /channels") else ""
    async with started(server) as adapter:
        sent = [adapter.send(scene.here, Outgoing(str(n)), f"key{n}") for n in range(12)]
        await asyncio.gather(*sent)
        assert sorted(scene.private.texts(), key=int) == [str(n) for n in range(12)]
        assert len(server.rates.floods) <= 1  # nobody knows a rate before its first call
        faults.append("429")
        ref = await adapter.send(scene.there, Outgoing("after a refusal"), "key20")
        server.rates.whole_until = time.monotonic() + 0.3
        await adapter.send(scene.there, Outgoing("after a silence"), "key21")
        assert scene.me.texts() == ["after a refusal", "after a silence"]
        faults.append("4290")
        with pytest.raises(RateLimited) as limited:  # the core waits, and says so
            await adapter.send(scene.there, Outgoing("for long"), "key22")
        assert limited.value.retry_after == 400
        server.fault = lambda what: "30046" if what.startswith("PATCH") else ""
        with pytest.raises(RateLimited):
            await adapter.edit(ref, Outgoing("an old one"))


async def test_many_channels_together_stay_below_the_rate_of_all(
    server: DiscordServer, scene: Scene
) -> None:
    names = [server.channel(scene.guild, f"agents-{number}") for number in range(70)]
    async with started(server) as adapter:
        places = [Place("discord", adapter.account, name, None, "group") for name in names]
        sends = [adapter.send(place, Outgoing("all at once"), place.chat) for place in places]
        await asyncio.gather(*sends)
    assert [len(server.messages[name]) for name in names] == [1] * len(names)
    assert not server.rates.floods


async def test_a_message_of_which_nobody_knows_is_made_once(
    server: DiscordServer, scene: Scene
) -> None:
    faults: list[str] = []
    server.fault = lambda what: faults.pop() if faults and what.startswith("POST /channels") else ""
    async with started(server) as adapter:
        before = await adapter.send(scene.there, Outgoing("Old"), "key0")
        known = {before.id}

        async def lost(out: Outgoing, key: str, how: str) -> str:
            mark = adapter.mark(scene.there)
            faults.append(how)
            with pytest.raises(Unavailable) as error:
                await adapter.send(scene.there, out, key)
            assert error.value.maybe_sent
            return mark

        # within one process: by its nonce, with the words that are wanted now
        await lost(Outgoing("One"), "key1", "close_after")
        ref = await adapter.send(scene.there, Outgoing("One two"), "key1")
        known.add(ref.id)
        assert scene.me.texts() == ["Old", "One two"]
        # by another, long after: in the history
        mark = await lost(Outgoing("Three", live=True), "key2", "close_after")
        server._nonces.clear()
        nothing = await lost(Outgoing("Four"), "key3", "close")
    async with started(server) as other:
        find = other.recover
        found = await find(scene.there, Outgoing("Three four", live=True), "key2", mark, known)
        assert found is not None and scene.me.texts() == ["Old", "One two", "Three four"]
        known.add(found.id)
        assert await find(scene.there, Outgoing("Four"), "key3", nothing, known) is None
        buttons = Outgoing("?", controls=(Button("tokenA", "Allow"),))
        made = await other.send(scene.there, buttons, "key4")
        other._sent.clear()
        assert await find(scene.there, buttons, "key4", nothing, known) == made


async def test_what_goes_wrong_is_told_as_what_it_is(
    server: DiscordServer, scene: Scene, tmp_path: Path
) -> None:
    async with started(server) as adapter:
        ref = await adapter.send(scene.there, Outgoing("x", notify=True), "key1")
        assert not scene.me.seen()[0]["silent"]
        faults = ["503"]
        server.fault = lambda what: faults.pop() if faults else ""
        with pytest.raises(Unavailable):
            await adapter.edit(ref, Outgoing("y"))
        await adapter.edit(ref, Outgoing("y"))
        with pytest.raises(TooBig):
            await adapter.edit(ref, Outgoing("*" * 1500, plain=True))
        await adapter.delete(ref)
        await adapter.delete(ref)
        with pytest.raises(Gone):
            await adapter.edit(ref, Outgoing("y"))
        with pytest.raises(Gone):
            await adapter.send(Place("discord", adapter.account, "123"), Outgoing("x"), "key2")
        # a thread that sleeps is woken
        thread = await adapter.open_thread(scene.there, "sleeper", None)
        inside = await adapter.send(thread, Outgoing("x"), "key3")
        await adapter.close_thread(thread)
        assert server.channels[thread.thread or ""]["archived"]
        await adapter.edit(inside, Outgoing("awake"))
        assert scene.me.at(thread.thread or "").texts() == ["awake"]

        # files: many, too large, none
        def file(name: str, size: int) -> FileOut:
            (tmp_path / name).write_bytes(b"x" * size)
            return FileOut(name, tmp_path / name)

        many = tuple(file(f"ä{n}.txt", n) for n in range(12))
        await adapter.send(scene.here, Outgoing("all", files=many), "key4")
        first, second = scene.private.seen()
        assert (first["text"], len(first["files"]), len(second["files"])) == ("all", 10, 2)
        large = file("large.bin", platform.FILE_UP + 1)
        with pytest.raises(TooBig):
            await adapter.send(scene.here, Outgoing("", files=(large,)), "key5")
        with pytest.raises(Rejected):
            await adapter.send(scene.here, Outgoing("", files=(FileOut("x", tmp_path / "x"),)), "k")
        server.rights &= ~RIGHTS["send"]
        with pytest.raises(Forbidden, match="codecast bots check"):
            await adapter.send(scene.there, Outgoing("x"), "key6")
        server.hidden.add(scene.channel)
        with pytest.raises(Forbidden):
            await adapter.open_thread(scene.there, "x", None)


async def test_a_forum_gets_posts_and_titles_follow_within_the_limit(
    server: DiscordServer, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    forum = server.channel(scene.guild, "sessions", FORUM)
    async with started(server) as adapter:
        place = Place("discord", adapter.account, forum, None, "group")
        post = await adapter.open_thread(place, "otter\n" + "x" * 200, None)
        thread = server.channels[post.thread or ""]
        assert thread["parent_id"] == forum and thread["name"].startswith("otter x")
        assert "🧵 otter" in scene.me.at(post.thread or "").texts()[0]
        for before, title in (("", "one"), ("one", "two"), ("two", "three"), ("three", "four")):
            await adapter.rename_thread(post, title, before)
            if title in ("one", "two"):
                await eventually(lambda t=title: thread["name"] == t, "it is renamed")
        assert thread["name"] == "two" and not server.rates.floods  # nobody waited for the third
        # a name that somebody gave stays
        other = await adapter.open_thread(scene.there, "heron", None)
        server.channels[other.thread or ""]["name"] = "Alice's own"
        await adapter.rename_thread(other, "crane", "heron")
        await eventually(lambda: len(adapter._tasks) == 1, "it is looked at")
        assert server.channels[other.thread or ""]["name"] == "Alice's own"
    # when the ten minutes are over, the newest
    monkeypatch.setattr(discord_threads, "PERIOD", 0.3)
    server.rates = discord_api.Rates()
    async with started(server) as adapter:
        for before, title in (("two", "five"), ("five", "six"), ("six", "seven"), ("seven", "end")):
            await adapter.rename_thread(post, title, before)
            if title in ("five", "six"):
                await eventually(lambda t=title: thread["name"] == t, "it is renamed")
            if title == "six":
                server.rates = discord_api.Rates()
        await eventually(lambda: thread["name"] == "end", "the newest title wins")
