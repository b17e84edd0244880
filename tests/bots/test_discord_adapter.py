"""The adapter against a strict Discord: what is lost, doubled, late, or told to strangers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from codecast_bots.logs import Redacting
from codecast_bots.platforms import discord as platform
from codecast_bots.platforms import discord_gateway, discord_presses, discord_threads
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
    MissingPermission,
    Option,
    Outgoing,
    Person,
    Place,
    RateLimited,
    TextIn,
    TooBig,
    Unavailable,
)
from codecast_bots.settings import PlatformSettings
from tests.bots.servers import discord_api
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
    monkeypatch.setattr(discord_gateway, "QUIET", 0.3)
    monkeypatch.setattr(discord_presses, "ANSWER_WITHIN", 0.4)
    monkeypatch.setattr(discord_presses, "COMPLETE_WITHIN", 0.4)
    monkeypatch.setattr(discord_api, "SECONDS", 0.7)
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


OPTIONS = tuple(Option(f"choice {n}", f"the {n}th") for n in range(30))
CONTROLS = (
    Button("tokenA", "Allow", "good"), Button("tokenB", "✎ No, and say why", asks_text=True),
    Choice("tokenC", OPTIONS, placeholder="One"),
    Choice("tokenD", OPTIONS[:9], many=True, picked=(2,), placeholder="Several"),
    *(Button(f"more{n}", f"{n}" * 90) for n in range(7)),
)  # fmt: skip


async def test_presses_work_after_a_restart_and_are_acknowledged_at_once(
    server: DiscordServer, scene: Scene
) -> None:
    logs = Redacting([])
    async with started(server) as adapter:
        ref = await adapter.send(scene.there, Outgoing("Which?", controls=CONTROLS), "key1")
    async with started(server) as adapter:  # another process
        events = adapter.events()
        (message,) = scene.me.seen()
        assert message["picked"] == ["choice 2"] and len(message["buttons"]) == 9
        allowed = scene.me.presses(message, "Allow")
        written = asyncio.create_task(person(scene.me.writes, message, "✎ No", "because"))
        one = await person(scene.me.chooses, message, "One", "choice 7")
        several = await person(scene.me.chooses, message, "Several", "choice 1", "choice 8")
        found = await take(events, 4)
        presses = {each.token: each for each in found if isinstance(each, ActionIn)}
        assert {token: (p.values, p.text, p.partial) for token, p in presses.items()} == {
            "tokenA": ((), None, False), "tokenB": ((), "because", False),
            "tokenC": (("7",), None, False), "tokenD": (("1", "8"), None, False),
        }  # fmt: skip
        assert all(p.message == ref.id and p.place == scene.there for p in presses.values())
        assert presses["tokenA"].person == Person(scene.alice["id"], "Alice")
        await presses["tokenA"].answer("You may *not*.")
        await presses["tokenA"].answer("never seen")
        await presses["tokenC"].answer("choice 7", passing=True)
        assert await person(scene.me.told, allowed) == "You may *not*."
        assert await person(scene.me.told, one) == ""
        # nobody of ours says anything: in time all the same
        assert await person(scene.me.told, several) == ""
        assert await person(scene.me.told, await written) == ""
        # what is over is still a press; the second answer is not tried
        server.patience = 0.0
        late = scene.me.presses(message, "Allow")
        (press,) = await take(events)
        await press.answer("Allowed")
        assert server.interactions[late]["answer"] is None
        token = server.interactions[late]["told"]["token"]
        assert logs.redact(f"POST /interactions/1/{token}/callback, {TOKEN}") == (
            "POST /interactions/1/***/callback, ***"
        )
    assert not scene.private.seen() and len(scene.me.seen()) == 1


async def test_slash_commands_are_lines_with_completion(
    server: DiscordServer, scene: Scene
) -> None:
    asked: list[Any] = []

    async def complete(*given: Any) -> list[tuple[str, str]]:
        asked.append(given)
        if given[3] == "directory":
            await asyncio.sleep(60)
        return [("gpu-1", "idle"), ("x" * 101, "too long"), *((f"m{n}", "") for n in range(30))]

    name = MenuArgument("machine", "where", required=True, completes=True)
    where = MenuArgument("directory", "in which", completes=True)
    mode = MenuArgument("mode", "how", option=True, choices=("auto", "ask"))
    create = MenuArgument("create", "make it", option=True, flag=True)
    text = MenuArgument("text", "what", text=True)
    menu = [
        MenuCommand("start", "Start", "", (where, name, mode, create), complete),
        MenuCommand("send", "Send", "", (text,)),
        MenuCommand("code", "Code", "", (MenuArgument("code", "six digits"),), secret=True),
    ]
    async with started(server) as adapter:
        events = adapter.events()
        await adapter.publish_commands(menu)
        await adapter.publish_commands(menu)
        assert server.publications == 1
        assert await person(scene.me.completes, "start", "machine", "g", create=True) == [
            "gpu-1", *(f"m{n}" for n in range(24)),
        ]  # fmt: skip
        who, place, given, which, typed = asked[0]
        assert (who.id, place, given, which, typed) == (
            scene.alice["id"], scene.there, {"create": ""}, "machine", "g",
        )  # fmt: skip
        slow = await person(scene.me.completes, "start", "directory", "~", machine="gpu-1")
        assert slow == []  # in time
        scene.me.commands("start", create=True, mode="ask", machine="gpu 1", directory="it's")
        (start,) = await take(events)
        assert start.text == "/start 'it'\"'\"'s' 'gpu 1' --create --mode ask"
        (line,) = scene.me.seen()
        assert start.message == line["id"] and start.text in line["text"] and start.command
        assert start.place == scene.there
        thread = await adapter.open_thread(scene.there, "gpu", start.message)
        assert thread.thread == line["id"]
        assert await adapter.open_thread(scene.there, "gpu", start.message) == thread
        scene.me.at(line["id"]).commands("send", text="two  words --not 'an option")
        (sent,) = await take(events)
        assert (sent.text, sent.place) == ("/send two  words --not 'an option", thread)
        secret = scene.private.commands("code", code="123456")
        (code,) = await take(events)
        assert (code.text, code.message, code.place) == ("/code 123456", "", scene.here)
        assert "nobody else" in await person(scene.private.told, secret)
        assert scene.private.seen() == []
        await adapter.send(scene.here, Outgoing("Accepted", reply_to=code.message), "key1")
        # Discord told the person that it failed: then it did
        server.patience = 0.0
        scene.me.commands("start", machine="gpu-1")
        await eventually(lambda: len(scene.me.seen()) == 2, "it is told")
        assert "came too late" in scene.me.texts()[-1] and "/start gpu-1" in scene.me.texts()[-1]


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
        await adapter.send(scene.there, Outgoing("after a refusal"), "key20")
        server.rates.whole_until = time.monotonic() + 0.3
        await adapter.send(scene.there, Outgoing("after a silence"), "key21")
        assert scene.me.texts() == ["after a refusal", "after a silence"]
        faults.append("4290")
        with pytest.raises(RateLimited) as limited:  # the core waits, and says so
            await adapter.send(scene.there, Outgoing("for long"), "key22")
        assert limited.value.retry_after == 400


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
        begun = time.monotonic()
        for before, title in (("", "one"), ("one", "two"), ("two", "three"), ("three", "four")):
            await adapter.rename_thread(post, title, before)
            if title in ("one", "two"):
                await eventually(lambda t=title: thread["name"] == t, "it is renamed")
        assert time.monotonic() - begun < WITHIN  # nobody waits for the third
        assert thread["name"] == "two" and not server.rates.floods
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


async def test_a_wrong_token_and_missing_rights_say_where_to_click(
    server: DiscordServer, scene: Scene
) -> None:
    wrong = made(server, "wrong")
    with pytest.raises(BadCredentials, match="developers/applications"):
        await wrong.start()
    assert (await wrong.check())[0].status == "error"
    good = made(server, chats=frozenset({scene.channel, "77"}))
    lines = {f"{line.name} {line.status}": line for line in await good.check()}
    assert {"token ok", "intents ok", "rights ok", "channel ok", "channel error"} == set(lines)
    assert "#agents" in lines["channel ok"].message
    server.rights &= ~(RIGHTS["in_threads"] | RIGHTS["files"])
    server.endpoint_url = "https://example.com"
    told = " ".join(f"{x.message} {x.hint}" for x in await good.check() if x.status == "error")
    for words in ("Send Messages in Threads, Attach Files", "Roles", "permissions=", "#agents",
                  "Interactions Endpoint URL"):  # fmt: skip
        assert words in told, words
    server.content_intent = False
    with pytest.raises(MissingPermission, match="Message Content Intent"):
        await good.start()
    _, intents = await good.check()
    assert intents.status == "error" and f"/{server.me['id']}/bot" in intents.hint
    server.content_intent = True
    async with started(server) as adapter:  # the token is taken away
        server.token = "another"
        server.lose_sessions()
        with pytest.raises(BadCredentials):
            await take(adapter.events())
    server.token = TOKEN
    await good.start()  # it can be started again
    await good.stop()
