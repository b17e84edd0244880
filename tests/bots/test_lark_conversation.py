"""The whole conversation of a person with Lark, with the real Claude Code behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bots.asking import COLOUR, FRUITS, asks
from tests.bots.conftest import Bots, bots_of
from tests.bots.servers.lark import LarkServer
from tests.bots.servers.lark_api import APP, SECRET
from tests.bots.servers.lark_people import Person
from tests.fixtures.live import until
from tests.fixtures.world import World

OWNER, STRANGER = "ou_owner", "ou_stranger"
CHAT, GROUP = "oc_private", "oc_group"


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
    own = {"admins": [OWNER], "chats": [GROUP], "app_id": APP, "url": lark.url}
    made = bots_of(world, tmp_path, "lark", {"CODECAST_LARK_SECRET": SECRET}, lark.speed, **own)
    with made.running(lambda: lark.connections) as running:
        yield running


def test_start_stream_permission_question_interrupt_files_resume(
    world: World, lark: LarkServer, bots: Bots
) -> None:
    cwd = world.project()
    me = Person(lark, OWNER, CHAT)
    # start
    me.says(f"/start gpu {cwd} --cli claude --mode ask --name lark-otter")
    here = me.sees("**lark-otter**: claude in")
    # stream, a permission by a button
    me.says(
        "say:I will **touch** a <file>.\nbash:touch allowed.txt\n"
        f"{asks(FRUITS, COLOUR)}\nsay: That is `all`."
    )
    permission = me.sees("touch allowed.txt", here, buttons=True)
    assert not (cwd / "allowed.txt").exists()
    assert "I will **touch** a <file>." in me.sees("I will", here)["text"]
    refused = lark.presses(permission["id"], "Allow", STRANGER)
    assert me.told(refused) == "You may not decide this here."
    assert not (cwd / "allowed.txt").exists()
    assert "Allow" in me.told(lark.presses(permission["id"], "Allow", OWNER))
    decided = me.becomes(permission, "✅", buttons=False)
    assert "Olga on lark" in decided["text"]
    # several questions: several choices by a form, own words by another
    question = me.sees("Which fruits?", permission, fields=True)
    assert (cwd / "allowed.txt").exists()
    assert me.told(lark.submits(question["id"], "Fruits", ["Apple", "Fig"], OWNER)) == "Apple, Fig"
    me.becomes(question, "Apple, Fig")
    lark.submits(question["id"], "✎ Own words: Colour", "a dark *green*", OWNER)
    answered = me.becomes(question, fields=False)
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
    me.becomes(half, "Four five.", streaming=False)  # the same card goes on
    me.says("/stop")
    stopped = me.sees("Stopped", half)
    me.says("/resume")
    me.sees("lark-otter", stopped)
    me.says("say:Here I am again.")
    me.sees("Here I am again.", stopped)
    # a group: spoken to by a mention, the session gets a thread at that message
    root = lark.says(GROUP, "/resume lark-otter", OWNER, mention=True)
    thread = Person(lark, OWNER, GROUP, root)
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
