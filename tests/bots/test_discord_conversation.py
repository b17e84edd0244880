"""The whole conversation of a person with Discord, with the real Claude Code behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bots.asking import COLOUR, FRUITS, WAY, asks
from tests.bots.conftest import Bots, bots_of
from tests.bots.haste import SPEED
from tests.bots.servers.discord import TOKEN, DiscordServer
from tests.bots.servers.discord_people import Person
from tests.fixtures.live import until
from tests.fixtures.world import World


@pytest.fixture(scope="module")
def discord() -> Iterator[DiscordServer]:
    server = DiscordServer(SPEED)
    server.patience = 20.0  # this machine may be slow; the adapter's own tests wait three seconds
    yield server
    server.stop()


@pytest.fixture
def channel(discord: DiscordServer) -> str:
    return discord.channel(discord.guild("Lab"), "agents")


@pytest.fixture
def olga(discord: DiscordServer, channel: str) -> Person:
    return Person(discord, discord.user("Olga"), channel)


@pytest.fixture
def bots(
    tmp_path: Path, world: World, discord: DiscordServer, channel: str, olga: Person
) -> Iterator[Bots]:
    """Running, with Olga as its admin in one channel."""
    own = {"admins": [olga.user["id"]], "chats": [channel], "url": discord.url}
    secret = {"CODECAST_DISCORD_TOKEN": TOKEN}
    made = bots_of(world, tmp_path, "discord", secret, discord.speed, **own)
    with made.running(lambda: discord.registered) as running:
        yield running


def test_start_stream_permission_question_interrupt_files_resume(
    world: World, discord: DiscordServer, bots: Bots, olga: Person
) -> None:
    cwd = world.project()
    stranger = Person(discord, discord.user("Stranger"), olga.channel)
    # start, by a slash command that completes; the session gets a thread at it
    until(lambda: olga.completes("start", "machine", "g") == ["gpu"], "machines are completed")
    typed = str(cwd)[:-1]  # the first letter may find the machine not connected yet
    until(
        lambda: f"{cwd}/" in olga.completes("start", "directory", typed, machine="gpu"),
        "directories are completed",
    )
    assert stranger.completes("start", "machine", "g") == []
    asked = olga.commands("start", machine="gpu", directory=str(cwd), cli="claude", mode="ask",
                          name="disco-otter")  # fmt: skip
    line = olga.sees(f"/start gpu {cwd} --cli claude --mode ask --name disco-otter")
    olga.sees("**disco-otter** has a thread of its own", line)
    thread = line["id"]
    assert discord.channels[thread]["name"] == "disco-otter"
    assert olga.user["id"] in discord.channels[thread]["members"]
    me = olga.at(thread)
    here = me.sees("**disco-otter**: claude in")
    assert here["silent"] and olga.told(asked).startswith("`/start gpu")
    stranger.commands("ls")
    olga.sees(f"does not know you: your id is `{stranger.user['id']}`", line)
    until(lambda: me.completes("resume", "session", "DISCO") == ["disco-otter"], "sessions, too")
    # of the session that is shown here
    until(lambda: "sonnet" in me.completes("model", "model", ""), "models are completed")
    # stream, a permission by a button
    me.says("say:I will **touch** it. @everyone\nbash:touch allowed.txt\n"
            f"{asks(FRUITS, COLOUR, WAY)}\nsay: That is `all`.")  # fmt: skip
    permission = me.sees("touch allowed.txt", here, buttons=True)
    assert not permission["silent"]
    assert not (cwd / "allowed.txt").exists()
    assert me.sees("I will **touch** it. @everyone", here)["silent"]
    refused = stranger.at(thread).presses(permission, "Allow")
    assert me.told(refused) == "You may not decide this here."
    assert not (cwd / "allowed.txt").exists()
    assert me.told(me.presses(permission, "Allow")) == ""
    decided = me.becomes(permission, "✅", buttons=False)
    assert "Olga on discord" in decided["text"]
    # several questions: several choices, one choice, own words
    question = me.sees("Which fruits?", permission, lists=True)
    assert (cwd / "allowed.txt").exists()
    assert question["lists"]["Fruits"] == ["Apple", "Pear", "Fig"]
    me.chooses(question, "Fruits", "Apple", "Fig")
    until(lambda: me.now(question)["picked"] == ["Apple", "Fig"], "what was chosen so far")
    me.chooses(question, "Colour", "Blue")
    until(lambda: "Blue" in me.now(question)["picked"], "what was chosen so far")
    assert me.told(me.writes(question, "✎ Own words: Way", "straight *on*")) == ""
    answered = me.becomes(question, lists=False)
    assert "straight *on*" in answered["text"] and "Apple, Fig" in answered["text"]
    me.sees("That is `all`.", question)
    # no, and why
    me.says("bash:rm -rf build\nsay:All right.")
    wrong = me.sees("rm -rf build", question, buttons=True)
    me.writes(wrong, "✎ No, and say why", "use make clean")
    assert "use make clean" in me.becomes(wrong, "🚫")["text"]
    last = me.sees("All right.", wrong)
    # interrupt a stream
    me.says("slow:400:100")
    streamed = me.sees("token5", last)
    assert discord.typed[-1] == thread
    until(lambda: me.now(streamed)["text"] != streamed["text"], "words are streamed")
    me.commands("interrupt")
    last = me.sees("Interrupted", last)
    # a long answer: in pieces, and as a file
    me.says("slow:700:0")
    whole = me.sees("The whole answer", last, files=True)
    assert b"token700" in discord.files[whole["files"]["answer.md"]]
    words = " ".join(text for text in me.texts() if text.startswith("token")).split()
    assert words[-700:] == [f"token{n}" for n in range(1, 701)]
    last = whole
    # files both ways
    me.says("What does it say?", notes__txt=b"a note of mine")
    last = me.sees("a note of mine", last)
    (cwd / "result.csv").write_text("a,b\n1,2\n")
    me.commands("get", path="result.csv")
    file = me.sees("result.csv", last, files=True)
    assert discord.files[file["files"]["result.csv"]] == b"a,b\n1,2\n"
    # a cable is pulled: the session is taken up
    before = discord.resumed
    discord.drop_connections()
    me.says("say:After the cable.")
    until(lambda: discord.resumed > before, "it is taken up")
    cable = me.sees("After the cable.", file)
    # the title follows the session's name
    me.commands("rename", name="disco-heron")
    until(lambda: discord.channels[thread]["name"] == "disco-heron", "the thread is renamed")
    # the bots die in a turn and come back; what was said meanwhile is heard, nothing twice
    me.says("say:One two three.\nwait:4000\nsay: Four five.")
    half = me.sees("One two three.", cable)
    bots.kill()
    texts = me.texts()
    me.says("say:Said to nobody.")
    bots.start()
    me.becomes(half, "Four five.")  # the same message goes on
    last = me.sees("Said to nobody.", half)
    me.commands("stop")
    stopped = me.sees("Stopped", last)
    me.commands("resume")
    me.sees("disco-heron", stopped)
    me.says("say:Here I am again.")
    me.sees("Here I am again.", stopped)
    now = me.texts()
    assert now[: len(texts) - 1] == texts[:-1]
    for words in ("After the cable.", "One two three.", "Said to nobody.", "Here I am again."):
        assert len([t for t in now if words in t]) == 1, words
    assert not discord.violations
    assert len(discord.rates.floods) <= 2  # new bots know nothing of what the old ones sent
    assert not discord.failed
    assert discord.publications == 1
    assert TOKEN not in bots.log.read_text()
    lines = (bots.config.parent / "state" / "audit.jsonl").read_text().splitlines()
    done = [(json.loads(line)["what"], json.loads(line)["outcome"]) for line in lines]
    assert ("start", "done") in done and ("press", "not allowed") in done
