"""The adapter against a strict Telegram: what is lost, taken twice, or blocks what follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from codecast_bots.platforms import telegram as platform
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
    MenuCommand,
    MessageRef,
    Occupied,
    Option,
    Outgoing,
    Place,
    RateLimited,
    TextIn,
    TooBig,
    Unavailable,
)
from codecast_bots.settings import PlatformSettings
from tests.bots.servers.telegram import TOKEN, TelegramServer

WITHIN = 30.0


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    running = TelegramServer(1000.0)
    yield running
    running.stop()


def made(server: TelegramServer, token: str = TOKEN) -> platform.TelegramAdapter:
    return platform.make(PlatformSettings("telegram", token, url=server.url))


def place(adapter: platform.TelegramAdapter, chat: int) -> Place:
    return Place("telegram", adapter.account, str(chat), None, "private" if chat > 0 else "group")


async def take(events: AsyncIterator[Event], count: int) -> list[Event]:
    return [await asyncio.wait_for(anext(events), WITHIN) for _ in range(count)]


async def test_what_comes_in(server: TelegramServer, tmp_path: Path) -> None:
    adapter = made(server)
    await adapter.start()
    events = adapter.events()
    user = server.private(5)
    server.says(user, "@codecast_bot hello")
    for name in ("a.txt", "b.txt"):
        server.says(user, "two files" * (name == "a.txt"), document=server.file(name, b"x"),
                    media_group_id="7")  # fmt: skip
    text, album = await take(events, 2)
    assert isinstance(text, TextIn) and isinstance(album, TextIn)
    assert (text.text, text.person.id, text.addressed) == ("hello", "5", True)
    assert [file.name for file in album.files] == ["a.txt", "b.txt"]
    assert album.text == "two files"
    await adapter.fetch(album.files[0], tmp_path / "a", 10)
    assert (tmp_path / "a").read_bytes() == b"x"
    server.file("big", bytes(100))
    with pytest.raises(TooBig):
        await adapter.fetch(FileIn("big", "big"), tmp_path / "b", 10)
    # a press is acknowledged once, with the words; a bot that is removed is told
    controls = (Button("t" * 16, "Yes", "good"), Choice("u" * 16, (Option("A"), Option("B")), True))
    sent = await adapter.send(place(adapter, user), Outgoing("Well?", controls), "k")
    server.presses(user, int(sent.id), "☐ B")
    press, *_ = await take(events, 1)
    assert isinstance(press, ActionIn)
    assert (press.token, press.values, press.partial) == ("u" * 16, ("1",), True)
    await press.answer("B it is")
    await press.answer("again")
    assert [words for _, words in server.answers] == ["B it is"]
    server.presses(user, int(sent.id), "Done")
    done, *_ = await take(events, 1)
    assert isinstance(done, ActionIn) and (done.values, done.partial) == ((), False)
    group = server.group(-100)
    server.on_loop(lambda: server._says(group, "", 5, 0, 0, {"migrate_to_chat_id": -200}))
    gone, *_ = await take(events, 1)
    assert isinstance(gone, GoneIn) and gone.moved == "-200"
    await events.aclose()  # type: ignore[attr-defined]
    await adapter.stop()


async def test_what_was_not_taken_comes_again(server: TelegramServer) -> None:
    server.private(5)
    server.says(5, "one")
    server.says(5, "two")
    for expected in (["one", "two"], ["one", "two"]):  # the first life never asked for more
        adapter = made(server)
        await adapter.start()
        events = adapter.events()
        assert [e.text for e in await take(events, 2) if isinstance(e, TextIn)] == expected
        await events.aclose()  # type: ignore[attr-defined]
        await adapter.stop()


async def test_lost_connections_heal_and_another_poller_is_told(
    server: TelegramServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "AFTER_CONFLICT", 0.1)
    adapter = made(server)
    await adapter.start()
    events = adapter.events()
    server.private(5)
    waiting = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0.1)
    server.close_connections()
    server.says(5, "after the cut")
    event = await asyncio.wait_for(waiting, WITHIN)
    assert isinstance(event, TextIn) and event.text == "after the cut"
    server.fault = lambda method: "409" if method == "getUpdates" else ""
    with pytest.raises(Occupied, match="another program"):
        await asyncio.wait_for(anext(events), WITHIN)
    await adapter.stop()
    wrong = made(server, "123456789:wrong")
    with pytest.raises(BadCredentials, match="BotFather"):
        await wrong.start()


async def test_what_goes_out(
    server: TelegramServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "PRIVATE_GAP", 0.01)
    adapter = made(server)
    await adapter.start()
    user = server.private(5)
    here = place(adapter, user)
    first = await adapter.send(here, Outgoing("**hello**", notify=True), "a")
    await adapter.edit(first, Outgoing("**hello** "))  # unchanged is success
    assert server.unchanged == 1
    file = tmp_path / "a.md"
    file.write_text("words")
    files = (FileOut("a.md", file),)
    documents = await adapter.send(here, Outgoing("with a file", files=files), "b")
    await adapter.edit(documents, Outgoing("another caption"))
    await adapter.send(here, Outgoing("words of two files", files=files * 2), "c")
    with pytest.raises(TooBig):
        await adapter.send(here, Outgoing("word " * 300, files=files * 2), "c")
    assert server.texts(user)[:2] == ["hello", "another caption"]
    await adapter.delete(first)
    await adapter.delete(first)
    with pytest.raises(Gone):
        await adapter.edit(first, Outgoing("gone"))
    with pytest.raises(Gone):
        await adapter.send(place(adapter, 999), Outgoing("nobody"), "d")
    with pytest.raises(TooBig):
        await adapter.send(here, Outgoing("x" * 5000), "e")
    server.fault = lambda method: "429"
    with pytest.raises(RateLimited) as limited:
        await adapter.send(here, Outgoing("x"), "f")
    assert limited.value.retry_after < 1
    # a message that was sent though nobody was told is found again, and no other is taken for it
    for fault, found in (("close_after", True), ("close", False)):
        server.fault = lambda method, fault=fault: fault  # type: ignore[misc]
        mark = adapter.mark(here)
        with pytest.raises(Unavailable) as lost:
            await adapter.send(here, Outgoing(f"lost by {fault}"), "g")
        assert lost.value.maybe_sent
        server.fault = lambda method: ""
        server.says(user, "a word in between")
        recovered = await adapter.recover(here, Outgoing(f"lost by {fault}"), "g", mark, ())
        assert (recovered is not None) == found
    assert server.texts(user).count("lost by close_after") == 1
    # the menu, only when it differs
    menu = [MenuCommand("machines-add", "Add a machine")]
    await adapter.publish_commands(menu)
    server.calls.clear()
    await adapter.publish_commands(menu)
    assert [method for _, method, _ in server.calls] == ["getMyCommands"]
    assert server.commands[0]["command"] == "machines_add"
    server.chats[5]["blocked"] = True
    await adapter.working(here, True)
    await adapter.working(here, False)
    with pytest.raises(Forbidden):
        await adapter.edit(MessageRef(here, "1"), Outgoing("x"))
    await adapter.stop()
    assert [v for v in server.violations if not v.startswith("text of 5000")] == []


async def test_what_an_earlier_life_made_is_not_taken_for_a_lost_message(
    server: TelegramServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be overwritten: nobody knows any more what stands there."""
    monkeypatch.setattr(platform, "PRIVATE_GAP", 0.01)
    user = server.private(5)
    before = made(server)
    await before.start()
    here = place(before, user)
    settled = await before.send(here, Outgoing("settled long ago"), "a")
    await before.stop()
    adapter = made(server)
    await adapter.start()
    # nobody has spoken in the topic, where a message with a file stands
    adapter.catch_up({here: "", replace(here, thread="7"): ""}, {here: f"{settled.id}c"})
    for fault in ("close_after", "close"):
        server.fault = lambda method, fault=fault: fault  # type: ignore[misc]
        mark = adapter.mark(here)
        with pytest.raises(Unavailable):
            await adapter.send(here, Outgoing(f"lost by {fault}"), "b")
        server.fault = lambda method: ""
        found = await adapter.recover(here, Outgoing(f"lost by {fault}, and more"), "b", mark, ())
        assert (found is not None) == (fault == "close_after")
    assert server.texts(user) == ["settled long ago", "lost by close_after, and more"]
    await adapter.stop()
