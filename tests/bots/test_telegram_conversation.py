"""The whole conversation of a person at a phone, with the real Claude Code behind it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from tests.bots.conftest import OWNER, Bots
from tests.bots.servers.telegram import TOKEN, TelegramServer
from tests.fixtures.live import until
from tests.fixtures.world import World

Json = dict[str, Any]


def wait_for(
    telegram: TelegramServer, part: str, chat: int = OWNER, after: int = 0, buttons: bool = False
) -> Json:
    """The bot's first message behind `after` that has `part`, and buttons if wanted."""

    def look() -> Json | None:
        for message in telegram.visible(chat):
            words = message.get("text") or message.get("caption") or ""
            fits = not buttons or telegram.buttons(message)
            if message["message_id"] > after and part in words and fits:
                return message
        return None

    try:
        return until(look, f"a message with {part!r}")
    except AssertionError as error:
        raise AssertionError(f"{error}: {telegram.texts(chat)}") from None


def standing(telegram: TelegramServer, message: Json) -> Json:
    """The message as it is now."""
    id = message["message_id"]
    return next(m for m in telegram.visible(OWNER) if m["message_id"] == id)


def test_start_stream_permission_question_interrupt_files_resume(
    world: World, telegram: TelegramServer, bots: Bots
) -> None:
    cwd = world.project()
    # start
    asked = telegram.says(OWNER, f"/start gpu {cwd} --cli claude --mode ask --name phone-otter")
    here = wait_for(telegram, "phone-otter: claude in", after=asked)
    assert here["silent"]
    # stream, a permission by a button
    begun = telegram.says(
        OWNER,
        "say:I will **touch** a file.\nbash:touch allowed.txt\nask:Which way?|Left|Right\n"
        "say: That is `all`.",
    )
    permission = wait_for(telegram, "touch allowed.txt", after=begun, buttons=True)
    assert not permission["silent"]
    assert not (cwd / "allowed.txt").exists()
    wait_for(telegram, "I will touch a file.", after=begun)
    stranger = telegram.presses(OWNER, permission["message_id"], "Allow", user=666)
    until(lambda: (stranger, "You may not decide this here.") in telegram.answers, "refused")
    assert not (cwd / "allowed.txt").exists()
    pressed = telegram.presses(OWNER, permission["message_id"], "Allow")
    until(lambda: any(id == pressed for id, _ in telegram.answers), "the press is acknowledged")
    decided = until(
        lambda: (now := standing(telegram, permission)) and "✅" in now["text"] and now,
        "the copy shows who decided",
    )
    assert f"User {OWNER} on telegram" in decided["text"]
    assert not telegram.buttons(decided)
    # a question, answered
    question = wait_for(telegram, "Which way?", after=begun, buttons=True)
    assert telegram.buttons(question)[:2] == ["Left", "Right"]
    telegram.presses(OWNER, question["message_id"], "Right")
    wait_for(telegram, "That is all.", after=question["message_id"])
    assert (cwd / "allowed.txt").exists()
    # interrupt
    slow = telegram.says(OWNER, "slow:400:100")
    until(lambda: telegram.drafts, "words are shown while they are written")
    telegram.says(OWNER, "/interrupt")
    wait_for(telegram, "Interrupted", after=slow)
    # files both ways
    note = telegram.file("notes.txt", b"a note of mine")
    sent = telegram.says(OWNER, "What does it say?", document=note)
    wait_for(telegram, "a note of mine", after=sent)
    (cwd / "result.csv").write_text("a,b\n1,2\n")
    asked = telegram.says(OWNER, "/get result.csv")
    file = wait_for(telegram, "result.csv", after=asked)
    assert telegram.files[file["document"]["file_id"]] == b"a,b\n1,2\n"
    # the bots die and come back; nothing is said twice, the session goes on
    before = telegram.texts(OWNER)
    bots.kill()
    bots.start()
    telegram.says(OWNER, "/stop")
    wait_for(telegram, "Stopped", after=file["message_id"])
    resumed = telegram.says(OWNER, "/resume")
    wait_for(telegram, "phone-otter", after=resumed)
    again = telegram.says(OWNER, "say:Here I am again.")
    wait_for(telegram, "Here I am again.", after=again)
    texts = telegram.texts(OWNER)
    assert texts[: len(before)] == before
    assert len([t for t in texts if "Here I am again." in t]) == 1
    assert not telegram.violations
    assert not telegram.floods
    assert TOKEN not in bots.log.read_text()
    lines = (bots.config.parent / "state" / "audit.jsonl").read_text().splitlines()
    done = [(json.loads(line)["what"], json.loads(line)["outcome"]) for line in lines]
    assert ("start", "done") in done
    assert ("press", "not allowed") in done
    assert any(what.startswith("answer Which way") for what, _ in done)
    assert time.time() - json.loads(lines[0])["time"] < 600
    assert Path(bots.config.parent / "state").stat().st_mode & 0o077 == 0
