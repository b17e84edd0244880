"""People who may and may not, other surfaces, groups with topics, two processes, many words."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bots.asking import asks, question
from tests.bots.conftest import FIRST_IDS, OWNER, Bots
from tests.bots.haste import SPEED
from tests.bots.phone import Phone
from tests.bots.servers.telegram import BOT, TOKEN, TelegramServer
from tests.fixtures.live import until
from tests.fixtures.world import World


@pytest.fixture(scope="module")
def telegram() -> Iterator[TelegramServer]:
    """Faster than the real one, whose own pace the conversation keeps to."""
    server = TelegramServer(SPEED, first=next(FIRST_IDS))
    yield server
    server.stop()


@pytest.fixture
def owner(telegram: TelegramServer, bots: Bots) -> Phone:
    return Phone(telegram, OWNER)


def test_nobody_is_let_in_but_by_a_code_that_counts_once(
    telegram: TelegramServer, bots: Bots, owner: Phone
) -> None:
    stranger = Phone(telegram, telegram.private(1001))
    stranger.asks("/ls", "does not know you: your id is 1001")
    before = len(telegram.texts(1001))
    code = re.search(r"/pair (\S+)", bots.run("pair", "--role", "viewer").stdout)
    assert code is not None
    stranger.asks("/pair 0000-0000-0000", "wrong or too old")
    stranger.asks(f"/pair {code[1]}", "you are viewer")
    Phone(telegram, telegram.private(1002)).asks(f"/pair {code[1]}", "wrong or too old")
    stranger.asks("/whoami", "1001", "viewer")
    stranger.asks("/machines", "gpu")
    stranger.asks("/start gpu /tmp", "You may not do this here (start)")
    stranger.asks("hello", "No session is shown here")
    owner.asks("/whoami", "admin")
    assert len(telegram.texts(1001)) == before + 6
    # files of the bots' computer are no business of a chat
    owner.asks("/send --file=/etc/passwd x", "not from a chat")
    owner.asks("/nonsense", "There is no command /nonsense")
    # SIGHUP reads the allowlists again; settings that are wrong change nothing
    late = Phone(telegram, telegram.private(1004))
    late.asks("/ls", "does not know you")
    settings = json.loads(bots.config.read_text())
    settings["bots"]["telegram"]["viewers"] = [1004]
    bots.config.write_text(json.dumps(settings))
    assert bots.process is not None
    bots.process.send_signal(signal.SIGHUP)
    late.asks_until("/whoami", "your role viewer")
    bots.config.write_text("bots: {telegramm: {}}")
    bots.process.send_signal(signal.SIGHUP)
    until(lambda: "The settings stay as they were" in bots.log.read_text(), "it is told")
    late.asks("/whoami", "your role viewer")
    assert not telegram.violations and not telegram.floods


def test_choices_of_several_own_words_and_what_others_decide(
    world: World, telegram: TelegramServer, bots: Bots, owner: Phone
) -> None:
    cwd = world.project()
    owner.asks(f"/start gpu {cwd} --cli claude --mode ask --name many-otter", "many-otter: claude")
    colours = question("Which colours?", "Colours", "Red", "Green", "Blue", many=True)
    asked = owner.says(f"{asks(colours)}\nsay:Good.")
    request = owner.sees("Which colours?", after=asked, buttons=True)
    assert owner.buttons(request["message_id"])[:4] == ["☐ Red", "☐ Green", "☐ Blue", "Done"]
    assert not request["silent"]
    assert "Choose at least one." in owner.presses(request, "Done")
    owner.presses(request, "☐ Red")
    until(lambda: "☑ Red" in owner.buttons(request["message_id"]), "it is checked")
    bots.kill()  # what was chosen survives the bots
    bots.start()
    owner.presses(request, "☐ Blue")
    until(lambda: "☑ Blue" in owner.buttons(request["message_id"]), "it is checked")
    owner.presses(request, "Done")
    until(lambda: "✅ Red, Blue" in owner.now(request["message_id"])["text"], "it is decided")
    owner.sees("Good.", after=request["message_id"])
    # own words, by a reply
    asked = owner.says("ask:Which way?|Left|Right\nsay:I go.")
    request = owner.sees("Which way?", after=asked, buttons=True)
    owner.presses(request, "✎ Own words")
    invited = owner.sees("Reply to this message", after=asked)
    owner.says("straight on", reply_to=invited["message_id"])
    until(lambda: "✅ straight on" in owner.now(request["message_id"])["text"], "it is decided")
    # no, and why
    asked = owner.says("bash:rm -rf build\nsay:All right.")
    request = owner.sees("rm -rf build", after=asked, buttons=True)
    owner.presses(request, "✎ No, and say why")
    invited = owner.sees("Why not?", after=asked)
    owner.says("use make clean", reply_to=invited["message_id"])
    until(lambda: "🚫 Reject" in owner.now(request["message_id"])["text"], "it is decided")
    assert "use make clean" in owner.now(request["message_id"])["text"]
    # decided elsewhere: this copy tells, and its button is too late
    asked = owner.says("bash:touch elsewhere\nsay:Done it.")
    request = owner.sees("touch elsewhere", after=asked, buttons=True)
    data = request["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    talk = next(t for t in world.api.get("/sessions") if t["name"] == "many-otter")
    shell = world.shell("answer", "many-otter", "y")
    assert shell.code == 0, shell.err
    until(lambda: "on shell" in owner.now(request["message_id"])["text"], "who decided is told")
    assert not owner.buttons(request["message_id"])
    late = telegram.presses_data(OWNER, request["message_id"], data)
    told = until(lambda: next((w for q, w in telegram.answers if q == late), None), "it is told")
    assert "Already decided" in told or "This is over" in told
    # typed instead of pressed
    asked = owner.says("bash:touch typed\nsay:Typed it.")
    owner.sees("touch typed", after=asked, buttons=True)
    owner.says("y")
    owner.sees("Typed it.", after=asked)
    # the session's own events name the person, not the bots
    events = world.api.get(f"/sessions/{talk['id']}/events", limit=500)["events"]
    deciders = {(e["by"], e["where"]) for e in events if e["type"] == "request_resolved"}
    assert (f"User {OWNER}", "telegram") in deciders
    # the CLI's own commands reach it, and a waiting prompt is edited by its message
    slow = owner.says("slow:300:100")
    until(lambda: telegram.drafts, "it streams")
    waiting = owner.says("say:first words")
    owner.sees("Queued", after=slow)
    telegram.edits(OWNER, waiting, "say:other words")
    owner.sees("says this now", after=waiting)
    begun = time.monotonic()
    owner.asks("/interrupt", "Interrupted many-otter")
    assert time.monotonic() - begun < 20
    owner.sees("other words", after=waiting)
    assert not any("first words" in text for text in telegram.texts(OWNER))
    assert not telegram.violations


def test_a_group_with_topics_has_one_for_each_session(
    world: World, telegram: TelegramServer, bots: Bots, owner: Phone
) -> None:
    chat = telegram.group(-100777, forum=True)
    there = Phone(telegram, OWNER, chat)
    outsider = Phone(telegram, 1003, chat)
    there.says("/ls")  # the group is not let in yet
    there.asks("/pair", "may use me here now")
    assert telegram.texts(chat) == ["The people I know may use me here now."]
    outsider.says("/ls")
    cwd = world.project()
    there.asks(
        f"/start local {cwd} --cli demo --mode code --name topic-otter", "a thread of its own"
    )
    (thread,) = telegram.chats[chat]["topics"]
    assert telegram.chats[chat]["topics"][thread] == "topic-otter"
    topic = Phone(telegram, OWNER, chat, thread)
    topic.sees("topic-otter: demo in")
    topic.says("write a.txt: hello")
    topic.sees("I will write a.txt.")
    until(lambda: (cwd / "a.txt").exists(), "the file is there")
    Phone(telegram, 1003, chat, thread).says("run touch stolen")
    topic.asks("/tool_display append", "shown as append")
    topic.asks("/rename title-otter", "is title-otter now")
    until(lambda: telegram.chats[chat]["topics"][thread] == "title-otter", "the title follows")
    topic.asks("/diff", "+hello")
    topic.asks("/exit", "goes on")
    assert not (cwd / "stolen").exists()
    assert telegram.texts(chat)[-1].endswith("a thread of its own.")
    assert not telegram.violations


def test_a_second_process_waits_and_says_for_whom(
    tmp_path: Path, telegram: TelegramServer, bots: Bots
) -> None:
    assert bots.process is not None
    second = Bots(
        tmp_path / "second", bots.environment, json.loads(bots.config.read_text())["bots"]
    )
    second.start()
    try:
        words = f"process {bots.process.pid} of this computer serves this telegram bot already"
        until(lambda: words in second.log.read_text(), "it says so")
    finally:
        second.kill()
        sys.stdout.write(second.log.read_text())


def test_check_says_what_is_missing_and_no_secret_is_printed(
    tmp_path: Path, world: World, telegram: TelegramServer, bots: Bots
) -> None:
    good = subprocess.run(  # as the shell does it
        [sys.executable, "-m", "codecast_jupyter.cli", "bots", "check", "--config", bots.config],
        env=bots.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert good.returncode == 0, good.stderr
    assert f"it is @codecast_bot (id {BOT})" in good.stdout
    assert "Group Privacy, Turn off" in good.stdout
    settings = {"telegram": {"url": telegram.url, "token_file": str(tmp_path / "token")}}
    environment = {k: v for k, v in bots.environment.items() if k != "CODECAST_TELEGRAM_TOKEN"}
    bad = Bots(tmp_path / "bad", environment, settings)
    (tmp_path / "token").write_text("123456:wrong-token-of-some-length-000000000000")
    (tmp_path / "token").chmod(0o644)
    refused = bad.run("check")
    assert refused.returncode == 1 and "chmod 600" in refused.stderr
    (tmp_path / "token").chmod(0o600)
    wrong = bad.run("check")
    assert wrong.returncode == 1
    assert "Telegram does not know it" in wrong.stdout and "@BotFather" in wrong.stdout
    assert "nobody is allowed" in wrong.stdout
    started = bad.run("run")
    assert started.returncode == 1 and "does not know this token" in started.stderr
    for shown in (good, refused, wrong, started):
        assert TOKEN not in shown.stdout + shown.stderr
        assert "wrong-token" not in shown.stdout + shown.stderr
    typo = Bots(tmp_path / "typo", environment, {"telegramm": {}})
    assert "Did you mean `telegram`?" in typo.run("check").stderr
