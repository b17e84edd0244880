"""Presses, lists, modals and slash commands of Discord; what `codecast bots check` says of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from codecast_bots.logs import Redacting
from codecast_bots.platforms import pressing
from codecast_bots.platforms.contract import (
    ActionIn,
    BadCredentials,
    Button,
    Choice,
    MenuArgument,
    MenuCommand,
    MissingPermission,
    Option,
    Outgoing,
    Person,
)
from tests.bots.discord_scene import (
    WITHIN,
    Scene,
    eventually,
    made,
    person,
    scene,
    server,
    started,
    take,
)
from tests.bots.servers.discord import RIGHTS, TOKEN, DiscordServer

__all__ = ["scene", "server"]

OPTIONS = tuple(Option(f"choice {n}", f"the {n}th") for n in range(30))
CONTROLS = (
    Button("tokenA", "Allow", "good"), Button("tokenB", "✎ No, and say why", asks_text=True),
    Choice("tokenC", OPTIONS, placeholder="One"),
    Choice("tokenD", OPTIONS[:9], many=True, picked=(2,), placeholder="Several"),
    *(Button(f"more{n}", f"{n}" * 90) for n in range(7)),
)  # fmt: skip


async def test_presses_work_after_a_restart_and_are_acknowledged_at_once(
    server: DiscordServer, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pressing, "ANSWER_WITHIN", WITHIN)
    logs = Redacting([])
    async with started(server) as adapter:
        ref = await adapter.send(scene.there, Outgoing("Which?", controls=CONTROLS), "key1")
    async with started(server) as adapter:  # another process
        events = adapter.events()
        (message,) = scene.me.seen()
        assert message["picked"] == ["choice 2"] and len(message["buttons"]) == 9
        allowed = scene.me.presses(message, "Allow")
        one = await person(scene.me.chooses, message, "One", "choice 7")
        found = await take(events, 2)
        monkeypatch.setattr(pressing, "ANSWER_WITHIN", 0.2)
        written = asyncio.create_task(person(scene.me.writes, message, "✎ No", "because"))
        several = await person(scene.me.chooses, message, "Several", "choice 1", "choice 8")
        found += await take(events, 2)
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
