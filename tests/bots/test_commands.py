"""Everything that can be typed into a chat, each once, through a strict Telegram."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from codecast_agent.protocol.events import plain_text
from codecast_bots.access import totp
from codecast_bots.settings import PlatformSettings, StepUp
from tests.bots.inside import Inside, settings
from tests.bots.phone import Phone
from tests.bots.servers.telegram import TOKEN, TelegramServer
from tests.bots.stage import SPEED, fast
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


def test_every_command_answers(
    world: World, server: TelegramServer, bots: Inside, phone: Phone
) -> None:
    cwd = world.project()
    phone.asks(f"/start local {cwd} --cli demo --mode code --name all-otter", "all-otter: demo")
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
        ("/ls", "all-otter | ● idle | demo | local"),
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
    cwd = world.project()
    (cwd / "a.txt").write_text("one\n")
    phone.asks(f"/start local {cwd} --cli demo --mode code --name tool-otter", "tool-otter: demo")
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
    cwd = world.project()
    phone.asks(f"/start local {cwd} --cli demo --mode code --name file-otter", "file-otter: demo")
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
    cwd = world.project()
    for name in ("one-otter", "two-otter"):
        phone.asks(f"/start local {cwd} --cli demo --mode code --name {name}", f"{name}: demo")
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
