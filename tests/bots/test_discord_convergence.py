"""Whatever Discord does, the thread ends as the rendered log: nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codecast_bots.platforms.discord_markdown import discord, escaped, size
from codecast_bots.splitting import split
from tests.bots.discord_stage import KINDS, DiscordStage, discord_fast
from tests.bots.servers.discord import DiscordServer
from tests.bots.stage import Faults, Writer, fast, shown


@pytest.fixture
def server() -> Iterator[DiscordServer]:
    running = DiscordServer()
    running.refused_for = 0.02
    with discord_fast(), fast():
        yield running
    running.stop()
    assert not running.violations


@pytest.mark.parametrize("seed", range(2))
def test_faults_and_crashes_lose_nothing_and_double_nothing(
    server: DiscordServer, tmp_path: Path, seed: int
) -> None:
    chance, writer = random.Random(seed), Writer()
    for turn in range(1, 6):
        writer.turn(turn, chance)
    stage, faults = DiscordStage(server, tmp_path), Faults(seed, 0.35, KINDS)

    async def lives() -> list[str]:
        limits = None
        for life in range(3):
            async with stage.life():
                server.fault = faults
                limits = stage.outbox.limits
                for event in writer.events[: len(writer.events) * (life + 1) // 3]:
                    stage.take(event)
                    if event["seq"] == stage.known:
                        await asyncio.sleep(chance.random() * 0.03)
                    if chance.random() < 0.1:
                        stage.settle()
                if life == 2:
                    await stage.still()
                    server.fault = lambda what: ""
        return shown(writer.events, limits, discord)

    expected = asyncio.run(lives())
    found, wanted = Counter(stage.texts()), Counter(expected)
    assert not wanted - found, "lost"
    # what was on its way at a crash, and was discarded by the agent before the next life, may stay
    assert (found - wanted).total() <= 2, "doubled"
    assert [found[f"Answer {turn}."] for turn in range(1, 6)] == [1] * 5
    assert faults.count > 3


PARTS = st.sampled_from(
    [
        *(
            "word ",
            "**b** ",
            "__u__ ",
            "`c||d` ",
            "a || b ",
            "\n",
            "\n\n",
            "```py\nx = 1\n",
            "```\n",
        ),
        *("~~~\n", "  ~~~ sh x\n", "| a | b |\n|---|---|\n| 1 | long cell |\n", "#### deep\n"),
        *("---\n", ">>> x\n", "&lt;b&gt; ", "![p](http://x/y) ", "- item\n", "\t", "😀", "<@1> "),
    ]
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(PARTS, max_size=60), st.integers(60, 400))
def test_no_piece_is_longer_than_was_said_and_fences_are_closed(
    parts: list[str], limit: int
) -> None:
    source = "".join(parts)
    for piece in split(source, limit, size):
        text = discord(piece.text)
        assert len(text) <= size(piece.text) <= limit or len(piece.text) < 8
        assert sum(line.startswith("```") for line in text.split("\n")) % 2 == 0
    assert size(source) <= size(source + "x")


def test_what_discord_reads_otherwise_is_written_its_way() -> None:
    for source, text in {
        "#### Deep **x**": "**Deep x**",
        "### As it is": "### As it is",
        "a __b__ snake__case `__c__`": "a **b** snake__case `__c__`",
        "x || y || z": "x \\|\\| y \\|\\| z",
        "- a\n  ~~~py title\n  x = 1\n    y\n  ~~~\n- b": "- a\n```py\nx = 1\n  y\n```\n- b",
        "````\n```\n````": "```\n``\u200b`\n```",
        "| a | b |\n|---|:-:|\n| 1 | two |": "```\na  b\n─  ───\n1  two\n```",
        "a | b": "a | b",
        "***\n>>> 1 + 1": "———\n\\>\\>\\> 1 + 1",
        "![plot](http://x/y.png) &lt;b&gt; &amp;c": "[plot](http://x/y.png) <b> &c",
        "```\nopen": "```\nopen\n```",
    }.items():
        assert discord(source) == text
    assert escaped("*not* `code` <@1>") == "\\*not\\* \\`code\\` \\<\\@1\\>"
