"""Files and words that come twice, not at all, or that a platform refuses as they are."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from codecast_bots import outbox as outbox_module
from codecast_bots.outbox import Outbox
from codecast_bots.pacing import Paces
from codecast_bots.platforms import lark as lark_platform
from codecast_bots.platforms.contract import Outgoing, Place
from codecast_bots.rendering import Attachment, Desired
from codecast_bots.replies import Reply
from codecast_bots.settings import PlatformSettings
from codecast_bots.store import Store
from tests.bots.servers.lark import LarkServer
from tests.bots.servers.lark_api import APP, SECRET
from tests.bots.servers.telegram import TelegramServer
from tests.bots.stage import SPEED, Stage, eventually, fast

CHAT = 1
LONG = "word " * 400  # more than stands below a file


@pytest.fixture
def telegram(tmp_path: Path) -> Iterator[TelegramServer]:
    with fast():
        server = TelegramServer(SPEED)
        server.says(server.private(CHAT), "hello")
        yield server
        server.stop()


@pytest.fixture
def lark(monkeypatch: pytest.MonkeyPatch) -> Iterator[LarkServer]:
    monkeypatch.setattr(outbox_module, "FIRST_WAIT", 0.05)
    server = LarkServer()
    server.private("oc_1")
    yield server
    server.stop()


class Once:
    """A fault at the `number`th call of a method; then nothing is reached until it is `over`."""

    def __init__(self, method: str, fault: str, number: int = 1) -> None:
        self.method, self.fault, self.number = method, fault, number
        self.came = self.over = False

    def __call__(self, method: str) -> str:
        if self.came and not self.over:
            return "close"
        if method == self.method:
            self.number -= 1
            if self.number == 0:
                self.came = True
                return self.fault
        return ""


def files(directory: Path, *names: str) -> tuple[tuple[str, str], ...]:
    for name in names:
        (directory / name).write_text(f"what {name} holds")
    return tuple((name, str(directory / name)) for name in names)


WHENEVER = [("sendMessage", "close_after"), ("FILES", "close"), ("FILES", "close_after")]


@pytest.mark.parametrize("names", [("a.txt",), ("a.txt", "b.csv", "c.md")])
@pytest.mark.parametrize("body", ["These.", LONG])
@pytest.mark.parametrize(("method", "fault"), WHENEVER)
async def test_words_and_files_of_a_reply_come_once_over_a_crash_between_the_calls(
    telegram: TelegramServer, tmp_path: Path, names: Sequence[str], body: str, method: str,
    fault: str,
) -> None:  # fmt: skip
    method = method.replace("FILES", "sendDocument" if len(names) == 1 else "sendMediaGroup")
    stage, once = Stage(telegram, tmp_path, CHAT, drafts=False), Once(method, fault)
    telegram.fault = once
    async with stage.life():
        stage.outbox.adapter.catch_up({stage.place: "1"}, {})
        stage.outbox.reply("key", Reply(body, files=files(tmp_path, *names)))
        if body == LONG or method != "sendMessage":
            await eventually(lambda: once.came, "the fault")
    once.over = True
    async with stage.life():
        await stage.still()
    found = telegram.visible(CHAT)
    sent = [m["document"]["file_name"] for m in found if "document" in m]
    assert sent == list(names)
    assert [t.strip() for t in stage.texts() if t] == [body.strip()]
    assert not telegram.violations


async def test_a_long_answers_file_comes_once_over_a_crash(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    stage, once = Stage(telegram, tmp_path, CHAT, drafts=False), Once("sendDocument", "close_after")
    telegram.fault = once
    attached = (Attachment("answer.md", LONG),)
    wanted = [
        Desired("text1/0", "text1", Outgoing("The end of it."), True),
        Desired("text1/file", "text1", Outgoing("The whole answer."), True, attachments=attached),
    ]
    async with stage.life():
        stage.outbox.adapter.catch_up({stage.place: "1"}, {})
        stage.outbox.want(wanted)
        await eventually(lambda: once.came, "the fault")
    once.over = True
    async with stage.life():
        stage.outbox.want(wanted)
        await stage.still()
    assert stage.texts() == ["The end of it.", "The whole answer."]


async def test_telegram_refuses_an_answer_and_it_comes_as_answer_md(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    stage = Stage(telegram, tmp_path, CHAT, drafts=False)
    telegram.refuses = "unspeakable"
    async with stage.life():
        stage.outbox.want([Desired("text1/0", "text1", Outgoing("*unspeakable* words"), True)])
        await stage.still()
        stage.outbox.reply("key", Reply("said after it"))
        await stage.still()
    (file, after) = telegram.visible(CHAT)
    assert file["document"]["file_name"].endswith("answer.md")
    assert telegram.files[file["document"]["file_id"]] == b"*unspeakable* words"
    assert after["text"] == "said after it"


@contextlib.asynccontextmanager
async def larks(server: LarkServer, directory: Path) -> AsyncIterator[Outbox]:
    """One life of the bots; leaving it is a crash."""
    adapter = lark_platform.make(PlatformSettings("lark", SECRET, app_id=APP, url=server.url))
    await adapter.start()
    store = Store(directory / "bots.sqlite")
    outbox = Outbox(Place("lark", APP, "oc_1"), adapter, store, Paces(store, "lark"))
    outbox.start()
    try:
        yield outbox
    finally:
        await outbox.stop()
        await adapter.stop()
        store.close()


@pytest.mark.parametrize("number", [1, 2, 3])  # the words, a file, the other one
async def test_lark_words_and_files_of_a_reply_come_once_over_a_crash_between_the_calls(
    lark: LarkServer, tmp_path: Path, number: int
) -> None:
    once = Once("POST /im/v1/messages", "close_after", number)
    lark.fault = once
    async with larks(lark, tmp_path) as outbox:
        outbox.reply("key", Reply("Two files.", files=files(tmp_path, "a.txt", "b.csv")))
        await eventually(lambda: once.came, "the fault")
    once.over = True
    async with larks(lark, tmp_path) as outbox:
        await eventually(lambda: outbox.idle, "all is said")
    assert lark.texts("oc_1") == ["Two files.", "a.txt", "b.csv"]
    assert not lark.violations


async def test_lark_refuses_an_answer_and_it_comes_as_answer_md(
    lark: LarkServer, tmp_path: Path
) -> None:
    lark.refuses = "unspeakable"
    async with larks(lark, tmp_path) as outbox:
        outbox.want([Desired("text1/0", "text1", Outgoing("*unspeakable* words"), True)])
        await eventually(lambda: outbox.complete() == {"text1"}, "it stands there")
        outbox.reply("key", Reply("said after it"))
        await eventually(lambda: outbox.idle, "all is said")
    (file, after) = lark.visible("oc_1")
    assert (file["name"], after["text"]) == ("answer.md", "said after it")
    assert lark.files[file["file"]] == b"*unspeakable* words"
