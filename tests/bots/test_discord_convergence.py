"""Whatever Discord does, the thread ends as the rendered log: nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codecast_bots.platforms.discord_markdown import discord, escaped, size
from codecast_bots.splitting import split
from tests.bots.converging import after_crashes, lives
from tests.bots.discord_stage import KINDS, DiscordStage
from tests.bots.haste import SPEED, hurried
from tests.bots.servers.discord import DiscordServer
from tests.bots.stage import Faults, Writer


@pytest.fixture
def server() -> Iterator[DiscordServer]:
    running = DiscordServer(SPEED)
    with hurried("discord"):
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

    expected = asyncio.run(lives(stage, server, writer, faults, chance, discord, pause=0.03))
    after_crashes(stage.texts(), expected, once=range(1, 6))
    assert faults.count > 3
    assert not server.floods, server.rates.floods


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
