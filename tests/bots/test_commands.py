"""Everything that can be typed into a chat, each once, through a strict Telegram."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codecast_agent.protocol.events import plain_text
from codecast_bots import bot as bot_module
from codecast_bots.access import totp
from codecast_bots.bot import Bot
from codecast_bots.platforms.telegram import TelegramAdapter
from codecast_bots.settings import PlatformSettings, Settings, StepUp
from codecast_bots.store import Store
from codecast_jupyter.client import AsyncClient
from codecast_jupyter.client.discovery import Connection
from tests.bots.inside import Inside, settings
from tests.bots.phone import Phone
from tests.bots.servers.lark import LarkServer
from tests.bots.servers.lark_api import APP
from tests.bots.servers.lark_api import SECRET as SECRET_OF_LARK
from tests.bots.servers.telegram import TOKEN, TelegramServer
from tests.bots.stage import SPEED, eventually, fast
from tests.fixtures.live import until
from tests.fixtures.world import World

OWNER = 4711
SECRET = "JBSWY3DPEHPK3PXP"


@pytest.fixture(scope="module")
def server() -> Iterator[TelegramServer]:
    with fast():
        running = TelegramServer(SPEED)
        running.private(OWNER)
        yield running
        running.stop()


@pytest.fixture
def bots(
    tmp_path: Path, world: World, server: TelegramServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Inside]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))  # where a token's lease is
    own = PlatformSettings("telegram", TOKEN, admins=frozenset([str(OWNER)]), url=server.url)
    made = settings(tmp_path / "state", world, own, step_up=StepUp(SECRET, frozenset(["remove"])))
    running = Inside(made)
    running.start()
    until(lambda: server.commands, "the bot has told its commands")
    yield running
    running.stop()


@pytest.fixture
def phone(server: TelegramServer) -> Phone:
    return Phone(server, OWNER)


def begun(world: World, phone: Phone, name: str) -> Path:
    """The directory of a new session that is shown there."""
    cwd = world.project()
    phone.asks(f"/start local {cwd} --cli demo --mode code --name {name}", f"{name}: demo")
    return cwd


def test_every_command_answers(
    world: World, server: TelegramServer, bots: Inside, phone: Phone
) -> None:
    begun(world, phone, "all-otter")
    asked = phone.says("write notes.txt: a walrus")
    phone.sees("Done: notes.txt is written.", after=asked)
    for typed, *parts in (
        ("/diff", "notes.txt", "+a walrus"),
        ("/mode plan", "all-otter works in mode plan now."),
        ("/mode code", "all-otter works in mode code now."),
        ("/model fast", "all-otter", "fast"),
        ("/queue", "Nothing waits in all-otter."),
        ("/cost", "end_turn", "cost"),
        ("/search walrus", "all-otter", "walrus"),
        ("/status", "all-otter ● idle"),
        ("/machines", "gpu", "local"),
        ("/monitor local", "local is online"),
        ("/health", "is up for"),
        ("/help", "/interrupt", "/tool_display"),
        ("/rename new-otter", "all-otter is new-otter now."),
        ("/compact", "Hello, this is the demo CLI"),  # none of ours: the CLI's
        ("//model", "Hello, this is the demo CLI"),
    ):
        phone.asks(typed, *parts)
    listed = phone.asks("/ls", "new-otter")["text"].split("\n")  # others' may be there, too
    row = next(line for line in listed if line.startswith("new-otter"))
    assert row.replace("|", " ").split()[:5] == ["new-otter", "●", "idle", "demo", "local"]
    session = next(s for s in world.api.get("/sessions") if s["name"] == "new-otter")
    events = world.api.get(f"/sessions/{session['id']}/events", limit=500)["events"]
    said = [
        plain_text(e["content"]) for e in events if e["type"] == "prompt_state" and e.get("content")
    ]
    assert said == ["write notes.txt: a walrus", "/compact", "/model"]
    file = phone.asks("/file notes.txt", "notes.txt")
    assert server.files[file["document"]["file_id"]] == b"a walrus\n"
    phone.asks("/new", "begins anew in", "/resume new-otter")
    phone.asks("/clear", "begins anew in")
    phone.asks("/resume new-otter", "new-otter: demo in", "goes on")
    phone.asks("/exit", "goes on; /resume shows it again")
    assert not server.violations


def test_tool_calls_are_shown_as_it_was_chosen(
    world: World, server: TelegramServer, bots: Inside, phone: Phone
) -> None:
    (begun(world, phone, "tool-otter") / "a.txt").write_text("one\n")
    for how, *shown in (
        ("timer", "✓ 1 tool in ", "Read a.txt"), ("append", "✓ Read a.txt"),
        ("batch", "✓ Read a.txt"),
    ):  # fmt: skip
        phone.asks(f"/tool_display {how}", f"shown as {how}")
        asked = phone.says("read a.txt")
        answer = phone.sees("a.txt has 1 lines.", after=asked)
        call = phone.sees(*shown, after=asked)
        assert call["message_id"] < answer["message_id"]
        assert (how == "timer") == ("1 tool" in call["text"])
    phone.asks("/tool_display loud", "timer, append, batch")
    assert not server.violations


def test_files_are_sent_by_rule_and_offered_otherwise_and_large_ones_are_not_fetched(
    world: World, server: TelegramServer, bots: Inside, phone: Phone
) -> None:
    cwd = begun(world, phone, "file-otter")
    asked = phone.says("write sums.report: 42")
    assert document(server, "sums.report", asked) == b"42\n"
    asked = phone.says("write other.txt: 43")
    offer = phone.sees("Files of this turn", after=asked, buttons=True)
    assert [b for b in phone.buttons(offer["message_id"]) if "report" in b] == []
    assert "It comes." in phone.presses(offer, "⬇ other.txt (3 B)")
    assert document(server, "other.txt", offer["message_id"]) == b"43\n"
    # one that is too large either way is refused before it is transferred
    video = {**server.file("video.mp4", b"x"), "file_size": 3000 << 20}
    server.calls.clear()
    asked = phone.says("Look.", document=video)
    phone.sees("video.mp4 has", "can come from here", after=asked)
    assert "getFile" not in [method for _, method, _ in server.calls]
    with (cwd / "huge.bin").open("wb") as file:
        file.truncate(60 << 20)
    phone.asks("/file huge.bin", "huge.bin has 62.9 MB", "can be sent here")
    assert not server.violations


def test_what_is_dangerous_needs_a_code_that_counts_once_over_restarts_and_is_in_no_log(
    world: World, server: TelegramServer, bots: Inside, phone: Phone,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG, "codecast_bots")
    for name in ("one-otter", "two-otter"):
        begun(world, phone, name)
    phone.asks("/rm one-otter", "needs a code")
    step = int(time.time() // 30)
    code, wrong = totp(SECRET, step), f"{(int(totp(SECRET, step)) + 1) % 1_000_000:06}"
    phone.asks(f"/code {wrong}", "wrong, or was used")
    assert names(world) >= {"one-otter", "two-otter"}
    phone.asks(f"/code {code}", "Removed one-otter.")
    assert "one-otter" not in names(world)
    bots.stop()
    bots.start()
    phone.asks("/rm two-otter", "needs a code")
    for _ in range(3):  # the same once more: also another bot does not take it
        phone.asks(f"/code {code}", "wrong, or was used")
    assert "two-otter" in names(world)
    lines = (bots.settings.state / "audit.jsonl").read_text()
    noted = [(line["what"], line["outcome"]) for line in map(json.loads, lines.splitlines())]
    assert noted.count(("code", "wrong")) == 4 and noted.count(("code", "done")) == 1
    assert ("rm", "done") in noted
    for secret in (code, wrong, SECRET):
        assert secret not in lines and secret not in caplog.text
    assert SECRET.encode() not in (bots.settings.state / "bots.sqlite").read_bytes()


def document(server: TelegramServer, name: str, after: int) -> bytes:
    """What is in the file of that name, once it came."""
    found = until(
        lambda: [
            m for m in server.visible(OWNER)
            if m["message_id"] > after and (m.get("document") or {}).get("file_name") == name
        ],
        f"the file {name}",
    )  # fmt: skip
    return server.files[found[0]["document"]["file_id"]]


def names(world: World) -> set[str]:
    return {session["name"] for session in world.api.get("/sessions")}


def test_an_interrupt_in_a_flood_is_answered_before_more_output(
    world: World, server: TelegramServer, bots: Inside, phone: Phone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """However long the server takes with it."""
    interrupt = AsyncClient.interrupt

    async def slowly(self: AsyncClient, *given: Any, **more: Any) -> Any:
        await asyncio.sleep(0.5)
        return await interrupt(self, *given, **more)

    monkeypatch.setattr(AsyncClient, "interrupt", slowly)
    chat = server.group(-100200)  # no drafts here: words are shown by edits
    there = Phone(server, OWNER, chat)
    there.asks("/pair", "may use me here now")
    begun(world, there, "flood")
    there.says("slow 60")
    until(lambda: edits(server) > 3, "words are written")
    asked = there.says("/interrupt")
    answer = there.sees("Interrupted flood.", after=asked)
    heard = [(method, given) for _, method, given in server.calls]
    answered = next(
        n for n, (method, given) in enumerate(heard)
        if method == "sendMessage" and given["text"] == answer["text"]
    )  # fmt: skip
    # the last poll before it says that the update was taken: from there on it was worked on
    taken = max(n for n, (method, _) in enumerate(heard[:answered]) if method == "getUpdates")
    written = [method for method, _ in heard[taken:answered] if method == "editMessageText"]
    assert len(written) <= 1  # one that was under way already
    assert not server.violations


def edits(server: TelegramServer) -> int:
    return sum(method == "editMessageText" for _, method, _ in list(server.calls))


async def test_a_connection_that_goes_silent_is_made_anew_and_nothing_is_lost_or_doubled(
    server: TelegramServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A poll that hangs for ever: the library's own patience is longer than a person's."""
    monkeypatch.setattr(bot_module, "SILENT_FOR", 1.0)
    monkeypatch.setattr(bot_module, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(bot_module, "RETRY_FIRST", 0.01)
    own = PlatformSettings("telegram", TOKEN, admins=frozenset(["5"]), url=server.url)
    store = Store(tmp_path / "state" / "bots.sqlite")
    nowhere = Connection("http://127.0.0.1:9", "")
    bot = Bot(
        TelegramAdapter(own), Settings({"telegram": own}, store.directory), store,
        lambda by: AsyncClient(nowhere, surface="telegram", by=by),
    )  # fmt: skip
    chat = server.private(5)
    server.calls.clear()
    server.says(chat, "/whoami")
    running = asyncio.create_task(bot.run())
    try:
        await eventually(lambda: len(server.texts(chat)) == 1, "the first is answered")
        server.deaf = True
        begun = starts(server)
        server.close_connections()  # what polls now never hears again
        server.says(chat, "/whoami")
        await eventually(lambda: starts(server) > begun, "it is started anew")
        server.deaf = False
        await eventually(lambda: len(server.texts(chat)) == 2, "the second is answered")
        server.says(chat, "/whoami")
        await eventually(lambda: len(server.texts(chat)) == 3, "and the third")
    finally:
        running.cancel()
        await asyncio.wait({running})
        store.close()
    assert len(server.texts(chat)) == 3


def starts(server: TelegramServer) -> int:
    return sum(method == "getMe" for _, method, _ in list(server.calls))


def test_lark_files_are_sent_by_rule_and_offered_otherwise_and_large_ones_are_not_taken(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    lark = LarkServer()
    chat, me = lark.private("oc_files"), "ou_me"
    own = PlatformSettings("lark", SECRET_OF_LARK, admins=frozenset([me]), url=lark.url, app_id=APP)
    running = Inside(settings(tmp_path / "state", world, own, max_size=1000))
    running.start()

    def file(name: str) -> bytes:
        """What is in the file of that name, once it came."""
        seen = until(
            lambda: [m for m in lark.visible(chat) if m["file"] and m["name"] == name], name
        )
        return lark.files[seen[0]["file"]]

    def text(words: str) -> Any:
        found = lambda: [m for m in lark.visible(chat) if words in m["text"]]  # noqa: E731
        return until(found, words)[0]

    try:
        until(lambda: lark.connections, "it is connected")
        lark.says(chat, f"/start local {world.project()} --cli demo --mode code --name lark", me)
        text("**lark**: demo in")
        lark.says(chat, "write sums.report: 42", me)
        assert file("sums.report") == b"42\n"
        lark.says(chat, "write other.txt: 43", me)
        offer = text("Files of this turn")
        assert offer["buttons"] == ["⬇ other.txt (3 B)"]
        pressed = lark.presses(offer["id"], "⬇ other.txt", me)
        assert file("other.txt") == b"43\n"
        until(lambda: pressed in lark.acks, "the press is acknowledged")
        lark.sends(chat, "large.bin", b"x" * 1001, me)  # Lark tells no size before
        text("large.bin is larger than the")
    finally:
        running.stop()
        lark.stop()
    assert not lark.violations
