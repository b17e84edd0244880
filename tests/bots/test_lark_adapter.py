"""The adapter against a strict Lark: what is lost, shown twice, left open, or told to strangers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from codecast_bots import bot
from codecast_bots.platforms import lark as platform
from codecast_bots.platforms import lark_cards, lark_connection
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
    MessageRef,
    MissingPermission,
    Option,
    Outgoing,
    Place,
    PlatformError,
    RateLimited,
    Rejected,
    TextIn,
    TooBig,
    Unavailable,
)
from codecast_bots.settings import PlatformSettings, Settings
from codecast_bots.store import Store
from codecast_jupyter.client import AsyncClient
from codecast_jupyter.client.discovery import Connection
from tests.bots.servers.lark import LarkServer
from tests.bots.servers.lark_api import APP, SECRET
from tests.bots.stage import eventually

ALICE, CHAT, GROUP, WITHIN = "ou_alice", "oc_alice", "oc_group", 30.0


@pytest.fixture
def server() -> Iterator[LarkServer]:
    running = LarkServer()
    running.private(CHAT)
    running.group(GROUP)
    running.names[ALICE] = "Alice"
    yield running
    running.stop()


def made(server: LarkServer, secret: str = SECRET) -> platform.LarkAdapter:
    return platform.make(PlatformSettings("lark", secret, app_id=APP, url=server.url))


@contextlib.asynccontextmanager
async def started(server: LarkServer) -> AsyncIterator[platform.LarkAdapter]:
    running = made(server)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


HERE = Place("lark", APP, CHAT)
THERE = Place("lark", APP, GROUP, None, "group")


async def take(events: AsyncIterator[Event], count: int) -> list[Event]:
    return [await asyncio.wait_for(anext(events), WITHIN) for _ in range(count)]


async def test_what_comes_in(server: LarkServer, tmp_path: Path) -> None:
    async with started(server) as adapter:
        events = adapter.events()
        server.part = 100  # in many parts
        said = server.says(CHAT, "hello " * 50, ALICE)
        (first,) = await take(events, 1)
        assert isinstance(first, TextIn)
        assert (first.person.name, first.message, first.place) == ("Alice", said, HERE)
        assert first.text == ("hello " * 50).strip() and first.addressed
        server.part = 0
        # the same event again, before and after it is acknowledged: once each
        server.again(next(iter(server.told)))
        server.says(GROUP, "not for the bot", ALICE)
        server.says(GROUP, "/ls", ALICE, mention=True)
        other, asked = await take(events, 2)
        assert isinstance(other, TextIn) and isinstance(asked, TextIn)
        assert (other.addressed, asked.addressed, asked.text) == (False, True, "/ls")
        assert other.place == THERE and other.place.kind == "group"
        own = first.id.split()[-1]
        await eventually(lambda: server.acks.get(own) == {}, "it is acknowledged")
        # a thread is named by its root; a file is fetched up to a limit
        server.says(GROUP, "in the thread", ALICE, thread=said)
        server.sends(CHAT, "notes.txt", b"a note", ALICE)
        server.removes_bot(GROUP, ALICE)
        inside, file, gone = await take(events, 3)
        assert inside.place.thread == said and isinstance(file, TextIn)
        assert file.files[0].name == "notes.txt"
        await adapter.fetch(file.files[0], tmp_path / "got", 6)
        assert (tmp_path / "got").read_bytes() == b"a note"
        with pytest.raises(TooBig):
            await adapter.fetch(file.files[0], tmp_path / "got", 5)
        with pytest.raises(Gone):
            await adapter.fetch(FileIn("om_1/file/none", "x"), tmp_path / "got", 5)
        assert isinstance(gone, GoneIn) and gone.place == THERE


async def test_a_press_is_acknowledged_at_once_and_only_where_the_card_is(
    server: LarkServer,
) -> None:
    async with started(server) as adapter:
        events = adapter.events()
        options = tuple(Option(f"choice {n}") for n in range(9))
        controls = (
            Button("tokenA", "Allow", "good"), Button("tokenB", "Why", asks_text=True),
            Choice("tokenC", options), Choice("tokenD", options, many=True, placeholder="Several"),
            Choice("tokenE", options[:2]),
        )  # fmt: skip
        thread = Place("lark", APP, GROUP, server.says(GROUP, "x", ALICE), "group")
        await take(events, 1)
        ref = await adapter.send(thread, Outgoing("Which?", controls=controls), "key1")
        pressed = server.presses(ref.id, "Allow", ALICE)
        (first,) = await take(events, 1)
        assert isinstance(first, ActionIn)
        await first.answer("Allowed")  # at once, as the core does
        await first.answer("never seen")
        server.submits(ref.id, "Why", "because", ALICE)
        server.chooses(ref.id, "choice 7", ALICE)
        server.submits(ref.id, "Several", ["choice 1", "choice 8"], ALICE)
        server.presses(ref.id, "choice 1", ALICE)
        found = [first, *await take(events, 4)]
        assert all(isinstance(each, ActionIn) and each.place == thread for each in found)
        presses = [each for each in found if isinstance(each, ActionIn)]
        assert [(p.token, p.values, p.text) for p in presses] == [
            ("tokenA", (), None), ("tokenB", (), "because"), ("tokenC", ("7",), None),
            ("tokenD", ("1", "8"), None), ("tokenE", ("1",), None),
        ]  # fmt: skip
        assert presses[0].message == ref.id and presses[0].place.kind == "group"
        await eventually(lambda: len(server.acks) >= 6, "the others are acknowledged without words")
        assert server.acks[pressed] == {"toast": {"type": "info", "content": "Allowed"}}
        # a copy of the card elsewhere
        server.messages[ref.id]["chat"] = CHAT
        copied = server.presses(ref.id, "Allow", ALICE)
        server.says(CHAT, "after it", ALICE)
        (after,) = await take(events, 1)
        assert isinstance(after, TextIn), "the press of the copy is no event"
        # its acknowledgement is on its way: the server's thread reads it when it can
        await eventually(lambda: copied in server.acks, "but it is acknowledged")
        assert server.acks[copied] == {}


async def test_a_stream_is_written_into_one_card_and_closed(server: LarkServer) -> None:
    async with started(server) as adapter:
        ref = await adapter.send(HERE, Outgoing("One", live=True), "key1")
        for words in ("One two", "One two", "One two three"):
            await adapter.edit(ref, Outgoing(words, live=True))
        assert server.streamed == ["One two", "One two three"]
        server.close_streams()  # as after ten minutes
        await adapter.edit(ref, Outgoing("One two three four", live=True))
        (seen,) = server.visible(CHAT)
        assert seen["text"] == "One two three four" and seen["streaming"]
        await adapter.edit(ref, Outgoing("One two three four"))
        (seen,) = server.visible(CHAT)
        assert seen["text"] == "One two three four" and not seen["streaming"]
        assert seen["summary"] == "One two three four"
        await adapter.edit(ref, Outgoing("One two three four"))
        assert not server.unchanged and not server.violations


async def test_a_card_is_found_again_by_another_process_whose_clock_is_behind(
    server: LarkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with started(server) as adapter:
        ref = await adapter.send(HERE, Outgoing("Half", live=True), "key1")
        await adapter.edit(ref, Outgoing("Half a", live=True))
        monkeypatch.setattr(lark_cards, "EPOCH", lark_cards.EPOCH + 3600)
        other = made(server)
        await other.start()
        try:
            await other.edit(ref, Outgoing("Half a word"))
            with pytest.raises(Rejected):
                await other.edit(MessageRef(HERE, "om_none"), Outgoing("x"))
        finally:
            await other.stop()
        (seen,) = server.visible(CHAT)
        assert seen["text"] == "Half a word" and not seen["streaming"]


async def test_a_message_of_which_nobody_knows_is_made_once(server: LarkServer) -> None:
    async with started(server) as adapter:
        faults = {"POST /im/v1/messages": ["close_after"]}
        server.fault = lambda what: faults.get(what, []).pop() if faults.get(what) else ""
        with pytest.raises(Unavailable) as lost:
            await adapter.send(HERE, Outgoing("Old words", live=True), "key1")
        assert lost.value.maybe_sent
        await asyncio.sleep(
            1.1
        )  # as a restart takes; the times of Lark's answers are whole seconds
        other = made(server)
        await other.start()
        try:
            ref = await other.send(HERE, Outgoing("New words"), "key1")
            (seen,) = server.visible(CHAT)
            assert (seen["id"], seen["text"], seen["streaming"]) == (ref.id, "New words", False)
        finally:
            await other.stop()
        # the same within one process
        faults["POST /im/v1/messages"] = ["close_after"]
        with pytest.raises(Unavailable):
            await adapter.send(HERE, Outgoing("Two"), "key2")
        await adapter.send(HERE, Outgoing("Two, changed"), "key2")
        assert server.texts(CHAT) == ["New words", "Two, changed"]
        assert not server.violations


async def test_what_goes_wrong_is_told_as_what_it_is(server: LarkServer, tmp_path: Path) -> None:
    async with started(server) as adapter:
        ref = await adapter.send(HERE, Outgoing("x"), "key1")
        server.forget_tokens()  # another one is fetched
        await adapter.edit(ref, Outgoing("y"))
        fault = ["429"]
        server.fault = lambda what: fault.pop() if fault and "cards" in what else ""
        with pytest.raises(RateLimited) as limited:
            await adapter.edit(ref, Outgoing("z"))
        assert limited.value.retry_after == 1
        fault = ["500"]
        with pytest.raises(Unavailable):
            await adapter.edit(ref, Outgoing("z"))
        await adapter.edit(ref, Outgoing("z"))
        await adapter.delete(ref)
        await adapter.delete(ref)
        assert server.texts(CHAT) == []
        with pytest.raises(TooBig):
            await adapter.send(HERE, Outgoing("x" * 30_000), "key2")
        server.chats[GROUP]["left"] = True
        with pytest.raises(Forbidden):
            await adapter.send(THERE, Outgoing("x"), "key3")
        with pytest.raises(Rejected):
            await adapter.send(Place("lark", APP, "oc_none"), Outgoing("x"), "key4")
        # too many at once in one chat: refused, never lost
        sent = [adapter.send(HERE, Outgoing(str(n)), f"many{n}") for n in range(7)]
        found = await asyncio.gather(*sent, return_exceptions=True)
        assert any(isinstance(each, RateLimited) for each in found)
        await asyncio.sleep(1.1)
        for n, each in enumerate(found):
            if isinstance(each, PlatformError):
                await adapter.send(HERE, Outgoing(str(n)), f"many{n}")
        assert sorted(server.texts(CHAT)) == [str(n) for n in range(7)]


async def test_files_go_out_with_their_names_and_not_beyond_the_limits(
    server: LarkServer, tmp_path: Path
) -> None:
    async with started(server) as adapter:

        def path(name: str, data: bytes) -> FileOut:
            (tmp_path / name).write_bytes(data)
            return FileOut(name, tmp_path / name)

        picture = path("plot.png", b"\x89PNG\r\n")
        await adapter.send(HERE, Outgoing("two", files=(picture, path("no.png", b"text"))), "key1")
        words, image, file = server.visible(CHAT)
        assert (words["text"], image["kind"], file["kind"]) == ("two", "image", "file")
        assert server.files[image["file"]] == b"\x89PNG\r\n" and file["name"] == "no.png"
        alone = await adapter.send(HERE, Outgoing("", files=(path("ä.txt", b"x"),)), "key2")
        assert alone.id == server.visible(CHAT)[-1]["id"]
        assert server.visible(CHAT)[-1]["name"] == "ä.txt"
        for bad in (path("empty.txt", b""), path("large.bin", b"x" * (platform.FILE_UP + 1))):
            with pytest.raises(Rejected):
                await adapter.send(HERE, Outgoing("", files=(bad,)), bad.name)
        assert not server.violations


async def test_a_thread_is_opened_and_an_answer_whose_question_is_gone_still_comes(
    server: LarkServer,
) -> None:
    async with started(server) as adapter:
        root = server.says(GROUP, "/start", ALICE)
        thread = await adapter.open_thread(THERE, "otter", root)
        await adapter.send(thread, Outgoing("inside"), "key1")
        assert server.texts(GROUP, root) == ["🧵 otter", "inside"]
        asked = server.says(CHAT, "hello", ALICE)
        await adapter.send(HERE, Outgoing("yes", reply_to=asked), "key2")
        server.expire(asked)
        await adapter.send(HERE, Outgoing("no", reply_to=asked), "key3")
        assert [(m["text"], m["reply_to"]) for m in server.visible(CHAT)] == [
            ("yes", asked), ("no", ""),
        ]  # fmt: skip


async def test_work_is_shown_on_the_persons_message(server: LarkServer) -> None:
    async with started(server) as adapter:
        events = adapter.events()
        said = server.says(CHAT, "do it", ALICE)
        await take(events, 1)
        await adapter.working(HERE, True)
        await eventually(lambda: list(server.reactions.values()) == [said], "a reaction")
        await adapter.working(HERE, False)
        await eventually(lambda: not server.reactions, "it is taken back")


async def test_a_connection_that_breaks_or_is_silent_is_made_anew(
    server: LarkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lark_connection, "BEAT", 0.2)
    monkeypatch.setattr(lark_connection, "GRACE", 0.4)
    adapter = made(server)
    await adapter.start()
    try:
        server.drop_connections()
        await eventually(lambda: server.connections == 2, "opened again")
        server.mute = True
        await eventually(lambda: server.connections >= 3, "silence is noticed")
        server.mute = False
        server.says(CHAT, "still here", ALICE)
        (event,) = await take(adapter.events(), 1)
        assert isinstance(event, TextIn) and event.text == "still here"
        assert adapter.health().connected
    finally:
        await adapter.stop()
    await eventually(lambda: not server._sockets, "stop ends it")
    await adapter.start()  # and it can be started again
    await adapter.stop()


async def test_a_wrong_secret_and_missing_scopes_say_where_to_click(server: LarkServer) -> None:
    wrong = made(server, "not the secret")
    with pytest.raises(BadCredentials, match="Credentials & Basic Info"):
        await wrong.start()
    await wrong.stop()
    assert (await wrong.check())[0].status == "error"
    good = made(server)
    assert all(line.status == "ok" or "reaction" in line.message for line in await good.check())
    server.scopes = ["im:message"]
    server.events = []
    lines = await good.check()
    told = " ".join(f"{line.message} {line.hint}" for line in lines if line.status == "error")
    for words in ("cardkit:card:write", "im:resource", "im.message.receive_v1", f"app/{APP}/auth"):
        assert words in told
    await good.start()
    try:
        with pytest.raises(MissingPermission, match="codecast bots check"):
            await good.send(HERE, Outgoing("x"), "key1")
    finally:
        await good.stop()


LEAKY = """
import logging, sys
from codecast_bots import logs
logger = logging.getLogger("Lark")
logger.addHandler(logging.StreamHandler(sys.stdout))
logs.set_up(["s3cretOfTheApp"])
logger.info("connected to ws://a/ws?device_id=1&access_key=KEY1&ticket=TICKET1")
logger.warning("failed at ws://a/ws?device_id=1&access_key=KEY2&ticket=TICKET2 of s3cretOfTheApp")
logger.error("refused: Bearer TOKEN3, %s", "t-g1044qeGEDXTB6NDJOGV4JQCYDGHRBARFTGT1234")
"""


def test_the_librarys_own_logger_tells_no_ticket_and_no_token() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEAKY], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == ""
    assert done.stderr.count("Lark: ") == 2
    for secret in ("KEY", "TICKET", "s3cret", "TOKEN3", "t-g104", "connected"):
        assert secret not in done.stderr


# what the platform's own library makes of our server: it must be a Lark to it
OFFICIAL = """
import asyncio, json, os, sys, threading
import lark_oapi as lark
from lark_oapi.api.cardkit.v1 import *
from lark_oapi.api.im.v1 import *
url, app, secret, chat = sys.argv[1:]
client = lark.Client.builder().app_id(app).app_secret(secret).domain(url).build()
card = {"schema": "2.0", "config": {"streaming_mode": True, "summary": {"content": "s"}},
        "body": {"elements": [{"tag": "markdown", "element_id": "e1", "content": "a"},
                 {"tag": "button", "text": {"tag": "plain_text", "content": "Go"},
                  "behaviors": [{"type": "callback", "value": {"x": "1"}}]}]}}
body = CreateCardRequestBody.builder().type("card_json").data(json.dumps(card)).build()
made = client.cardkit.v1.card.create(CreateCardRequest.builder().request_body(body).build())
content = json.dumps({"type": "card", "data": {"card_id": made.data.card_id}})
body = (CreateMessageRequestBody.builder().receive_id(chat).msg_type("interactive")
        .content(content).uuid("u1").build())
sent = client.im.v1.message.create(CreateMessageRequest.builder().receive_id_type("chat_id")
                                   .request_body(body).build())
body = ContentCardElementRequestBody.builder().content("a b").sequence(1).build()
streamed = client.cardkit.v1.card_element.content(
    ContentCardElementRequest.builder().card_id(made.data.card_id).element_id("e1")
    .request_body(body).build())
again = client.cardkit.v1.card_element.content(
    ContentCardElementRequest.builder().card_id(made.data.card_id).element_id("e1")
    .request_body(body).build())
codes = [made.code, sent.code, sent.data.message_id, streamed.code, again.code]
print(json.dumps(codes), flush=True)
def message(data):
    print(json.dumps(json.loads(data.event.message.content)["text"]), flush=True)
def press(data):
    from lark_oapi.event.callback.model.p2_card_action_trigger import P2CardActionTriggerResponse
    print(json.dumps(data.event.action.value), flush=True)
    return P2CardActionTriggerResponse({"toast": {"type": "info", "content": "official"}})
handler = (lark.EventDispatcherHandler.builder("", "")
           .register_p2_im_message_receive_v1(message).register_p2_card_action_trigger(press).build())
lark.ws.Client(app, secret, event_handler=handler, domain=url).start()
"""


async def said_by(process: asyncio.subprocess.Process) -> object:
    """The next line that is not of the library's log."""
    assert process.stdout is not None
    while True:
        line = await asyncio.wait_for(process.stdout.readline(), WITHIN * 2)
        if not line.startswith(b"[Lark]"):
            return json.loads(line)


async def test_the_server_is_a_lark_to_larks_own_library(server: LarkServer) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", "-c", OFFICIAL, server.url, APP, SECRET, CHAT,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        codes = await said_by(process)
        assert isinstance(codes, list)
        message = codes.pop(2)
        assert codes == [0, 0, 0, 300317]
        await eventually(lambda: server.connections, "it connects")
        server.part = 64
        said = server.says(CHAT, "from a person", ALICE)
        assert await said_by(process) == ("from a person")
        server.part = 0
        pressed = server.presses(message, "Go", ALICE)
        assert await said_by(process) == {"x": "1"}
        await eventually(lambda: pressed in server.acks, "it acknowledges")
        assert server.acks[pressed] == {"toast": {"type": "info", "content": "official"}}
        assert said and not server.violations
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def test_too_many_calls_at_the_start_are_waited_out(
    server: LarkServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot, "RETRY_FIRST", 0.01)
    refused: list[str] = []

    def fault(what: str) -> str:
        if len(refused) == 2:
            return ""
        refused.append(what)
        return "429"

    server.fault = fault
    store, adapter = Store(tmp_path / "bots.sqlite"), made(server)
    nowhere = Connection("http://127.0.0.1:9")
    settings = Settings({"lark": adapter.settings}, tmp_path)
    running = asyncio.create_task(
        bot.Bot(adapter, settings, store, lambda by: AsyncClient(nowhere)).run()
    )
    try:
        await eventually(lambda: server.connections or running.done(), "it comes")
        assert len(refused) == 2 and not running.done()
    finally:
        running.cancel()
        await asyncio.wait({running})
        store.close()
