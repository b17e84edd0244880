"""The whole conversation of a person with Lark, with the real Claude Code behind it."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bots.conftest import Bots
from tests.bots.servers.lark import LarkServer
from tests.bots.servers.lark_api import APP, SECRET
from tests.fixtures.live import until
from tests.fixtures.world import World

Json = dict[str, Any]
OWNER, STRANGER = "ou_owner", "ou_stranger"
CHAT, GROUP = "oc_private", "oc_group"
QUESTION = {
    "questions": [
        {
            "question": "Which fruits?", "header": "Fruits", "multiSelect": True,
            "options": [{"label": x, "description": f"Take {x}"} for x in ("Apple", "Pear", "Fig")],
        },
        {
            "question": "Which colour?", "header": "Colour", "multiSelect": False,
            "options": [{"label": x, "description": x} for x in ("Red", "Blue")],
        },
    ]
}  # fmt: skip


@pytest.fixture(scope="module")
def lark() -> Iterator[LarkServer]:
    server = LarkServer()
    yield server
    server.stop()


@pytest.fixture
def bots(tmp_path: Path, world: World, lark: LarkServer) -> Iterator[Bots]:
    """Running, with OWNER as its admin in a private chat and a group."""
    lark.private(CHAT)
    lark.group(GROUP)
    lark.names[OWNER] = "Olga"
    settings = {
        "state": str(tmp_path / "state"),
        "lark": {"admins": [OWNER], "chats": [GROUP], "app_id": APP, "url": lark.url},
    }
    environment = {**world.server.environment, "CODECAST_LARK_SECRET": SECRET}
    running = Bots(tmp_path, environment, settings)
    running.start()
    try:
        until(lambda: lark.connections, "the bot is connected")
        yield running
    finally:
        running.kill(signal.SIGTERM)
        sys.stdout.write(running.log.read_text())


class Person:
    def __init__(self, lark: LarkServer, chat: str = CHAT, thread: str = "") -> None:
        self.lark, self.chat, self.thread = lark, chat, thread

    def says(self, text: str, **more: Any) -> str:
        return self.lark.says(self.chat, text, OWNER, thread=self.thread, **more)

    def seen(self) -> list[Json]:
        return self.lark.visible(self.chat, self.thread)

    def now(self, message: Json) -> Json:
        return next(m for m in self.seen() if m["id"] == message["id"])

    def sees(self, part: str, after: Json | None = None, **fits: bool) -> Json:
        """The bot's first message behind `after` that has `part`."""

        def look() -> Json | None:
            found = self.seen()
            ids = [m["id"] for m in found]
            found = found[ids.index(after["id"]) + 1 if after else 0 :]
            for message in found:
                if part in message["text"] and all(bool(message[k]) == v for k, v in fits.items()):
                    return message
            return None

        try:
            return until(look, f"a message with {part!r}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.seen()}") from None

    def acked(self, event: str) -> str:
        """What the toast says."""
        until(lambda: event in self.lark.acks, "the press is acknowledged")
        return str((self.lark.acks[event].get("toast") or {}).get("content", ""))


def test_start_stream_permission_question_interrupt_files_resume(
    world: World, lark: LarkServer, bots: Bots
) -> None:
    cwd = world.project()
    me = Person(lark)
    # start
    me.says(f"/start gpu {cwd} --cli claude --mode ask --name lark-otter")
    here = me.sees("lark-otter: claude in".replace("lark-otter", "**lark-otter**"))
    # stream, a permission by a button
    me.says(
        "say:I will **touch** a <file>.\nbash:touch allowed.txt\n"
        f"tool:AskUserQuestion:{json.dumps(QUESTION)}\nsay: That is `all`."
    )
    permission = me.sees("touch allowed.txt", here, buttons=True)
    assert not (cwd / "allowed.txt").exists()
    assert "I will **touch** a <file>." in me.sees("I will", here)["text"]
    refused = lark.presses(permission["id"], "Allow", STRANGER)
    assert me.acked(refused) == "You may not decide this here."
    assert not (cwd / "allowed.txt").exists()
    assert "Allow" in me.acked(lark.presses(permission["id"], "Allow", OWNER))
    decided = until(
        lambda: (now := me.now(permission)) and "✅" in now["text"] and now,
        "the copy shows who decided",
    )
    assert "Olga on lark" in decided["text"]
    assert not decided["buttons"]
    # several questions: several choices by a form, own words by another
    question = me.sees("Which fruits?", permission, fields=True)
    assert (cwd / "allowed.txt").exists()
    assert me.acked(lark.submits(question["id"], "Fruits", ["Apple", "Fig"], OWNER)) == "Apple, Fig"
    until(lambda: "Apple, Fig" in me.now(question)["text"], "what was chosen so far")
    lark.submits(question["id"], "✎ Own words: Colour", "a dark *green*", OWNER)
    answered = until(
        lambda: (now := me.now(question)) and not now["fields"] and now, "it is answered"
    )
    assert "a dark *green*" in answered["text"]
    me.sees("That is `all`.", question)
    # interrupt a stream
    me.says("slow:400:100")
    until(lambda: any("token5" in text for text in lark.streamed), "words are streamed")
    assert me.sees("token5", question)["streaming"]
    me.says("/interrupt")
    me.sees("Interrupted", question)
    until(lambda: not any(m["streaming"] for m in me.seen()), "the stream is closed")
    # files both ways
    lark.sends(CHAT, "notes.txt", b"a note of mine", OWNER)
    last = me.sees("a note of mine", question)
    (cwd / "result.csv").write_text("a,b\n1,2\n")
    me.says("/get result.csv")
    file = me.sees("result.csv", last, file=True)
    assert lark.files[file["file"]] == b"a,b\n1,2\n"
    # the cable is pulled; what was said meanwhile comes, and nothing twice
    before = lark.connections
    lark.drop_connections()
    lark.forget_tokens()
    pulled = me.says("say:After the cable.")
    until(lambda: lark.connections > before, "it is connected again")
    cable = me.sees("After the cable.", file)
    event = next(i for i, p in lark.told.items() if pulled.encode() in p)
    until(lambda: event in lark.acks, "it is acknowledged")
    pushed = lark.pushed[event]
    lark.again(event)
    until(lambda: lark.pushed[event] > pushed, "it comes again")
    # the bots die in a stream and come back; the session goes on, nothing is said twice
    me.says("say:One two three.\nwait:4000\nsay: Four five.")
    half = me.sees("One two three.", cable)
    bots.kill()
    texts = lark.texts(CHAT)
    bots.start()
    until(lambda: "Four five." in me.now(half)["text"], "the same card goes on")
    until(lambda: not me.now(half)["streaming"], "its stream is closed")
    me.says("/stop")
    stopped = me.sees("Stopped", half)
    me.says("/resume")
    me.sees("lark-otter", stopped)
    me.says("say:Here I am again.")
    me.sees("Here I am again.", stopped)
    # a group: spoken to by a mention, the session gets a thread at that message
    root = lark.says(GROUP, "/resume lark-otter", OWNER, mention=True)
    thread = Person(lark, GROUP, root)
    thread.sees("**lark-otter**")
    thread.says("say:In the thread.")
    thread.sees("In the thread.")
    now = lark.texts(CHAT)
    assert now[: len(texts) - 1] == texts[:-1]
    for words in ("After the cable.", "Here I am again.", "One two three."):
        assert len([t for t in now if words in t]) == 1
    assert not lark.violations
    assert not lark.floods
    log = bots.log.read_text()
    assert SECRET not in log
    assert not re.search(r"ticket=\w|access_key=\w|t-g104\w+", log)
