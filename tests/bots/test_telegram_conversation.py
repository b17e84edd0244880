"""The whole conversation of a person at a phone, with the real Claude Code behind it."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.bots.conftest import OWNER, Bots
from tests.bots.phone import Phone
from tests.bots.servers.telegram import TOKEN, TelegramServer
from tests.fixtures.live import until
from tests.fixtures.world import World


def test_start_stream_permission_question_interrupt_files_resume(
    world: World, telegram: TelegramServer, bots: Bots
) -> None:
    phone, cwd = Phone(telegram, OWNER), world.project()
    # start
    asked = phone.says(f"/start gpu {cwd} --cli claude --mode ask --name phone-otter")
    here = phone.sees("phone-otter: claude in", after=asked)
    assert here["silent"]
    # stream, a permission by a button
    begun = phone.says(
        "say:I will **touch** a file.\nbash:touch allowed.txt\nask:Which way?|Left|Right\n"
        "say: That is `all`.",
    )
    permission = phone.sees("touch allowed.txt", after=begun, buttons=True)
    assert not permission["silent"]
    assert not (cwd / "allowed.txt").exists()
    phone.sees("I will touch a file.", after=begun)
    stranger = telegram.presses(OWNER, permission["message_id"], "Allow", user=666)
    until(lambda: (stranger, "You may not decide this here.") in telegram.answers, "refused")
    assert not (cwd / "allowed.txt").exists()
    assert phone.presses(permission, "Allow").startswith("Allow")
    decided = until(
        lambda: (now := phone.now(permission["message_id"])) and "✅" in now["text"] and now,
        "the copy shows who decided",
    )
    assert f"User {OWNER} on telegram" in decided["text"]
    assert not telegram.buttons(decided)
    # a question, answered
    question = phone.sees("Which way?", after=begun, buttons=True)
    assert telegram.buttons(question)[:2] == ["Left", "Right"]
    phone.presses(question, "Right")
    phone.sees("That is all.", after=question["message_id"])
    assert (cwd / "allowed.txt").exists()
    # interrupt
    slow = phone.says("slow:400:100")
    until(lambda: telegram.drafts, "words are shown while they are written")
    phone.says("/interrupt")
    phone.sees("Interrupted", after=slow)
    # files both ways
    note = telegram.file("notes.txt", b"a note of mine")
    sent = phone.says("What does it say?", document=note)
    phone.sees("a note of mine", after=sent)
    (cwd / "result.csv").write_text("a,b\n1,2\n")
    asked = phone.says("/get result.csv")
    file = phone.sees("result.csv", after=asked)
    assert telegram.files[file["document"]["file_id"]] == b"a,b\n1,2\n"
    # the bots die and come back; nothing is said twice, the session goes on
    before = telegram.texts(OWNER)
    bots.kill()
    bots.start()
    phone.says("/stop")
    phone.sees("Stopped", after=file["message_id"])
    resumed = phone.says("/resume")
    phone.sees("phone-otter", after=resumed)
    again = phone.says("say:Here I am again.")
    phone.sees("Here I am again.", after=again)
    texts = telegram.texts(OWNER)
    assert texts[: len(before)] == before
    assert len([t for t in texts if "Here I am again." in t]) == 1
    assert not telegram.violations
    assert not telegram.floods  # new bots go on at the pace of the old ones
    assert TOKEN not in bots.log.read_text()
    lines = (bots.config.parent / "state" / "audit.jsonl").read_text().splitlines()
    done = [(json.loads(line)["what"], json.loads(line)["outcome"]) for line in lines]
    assert ("start", "done") in done
    assert ("press", "not allowed") in done
    assert any(what.startswith("answer Which way") for what, _ in done)
    assert time.time() - json.loads(lines[0])["time"] < 600
    assert Path(bots.config.parent / "state").stat().st_mode & 0o077 == 0
