"""Streaming for hours with faults, in a fraction of the time: every rate is `SPEED` times faster.

    python -m tests.bots.soak [MINUTES [telegram|discord]]

Says what was lost or doubled (nothing), how soon replies arrived during the flood, and what was
kept in memory and on disk. The process holds the chat's server and all events as well, so its
resident memory is an upper bound.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from codecast_bots.platforms.discord_markdown import discord
from codecast_bots.replies import Reply
from tests.bots.discord_stage import KINDS, DiscordStage, discord_fast
from tests.bots.servers.discord import DiscordServer
from tests.bots.servers.telegram import TelegramServer
from tests.bots.stage import SPEED, Faults, Stage, Writer, fast, said, shown


class Report(NamedTuple):
    """Times in seconds of the simulated clock."""

    turns: int
    missing: list[str]
    doubled: list[str]
    violations: list[str]
    faults: int
    floods: int
    waited: list[float]  # from a command to its reply
    most_blocks: int
    most_rows: int
    store: int  # bytes
    memory: list[float]  # MiB resident, after each turn

    def quarters(self) -> tuple[float, float]:
        """Mean resident memory of the first quarter (without its first turns, in which
        everything is loaded) and of the last one."""
        count = max(1, len(self.memory) // 4)
        first, last = self.memory[count // 4 : count] or self.memory[:1], self.memory[-count:]
        return sum(first) / len(first), sum(last) / len(last)

    def __str__(self) -> str:
        slow = sorted(self.waited)
        return (
            f"{self.turns} turns, {self.faults} faults, {self.floods} floods; missing"
            f" {len(self.missing)}, doubled {len(self.doubled)}, violations {self.violations[:3]};"
            f" replies after {slow[len(slow) // 2]:.2f} s (median), {slow[-1]:.2f} s (worst);"
            f" at most {self.most_blocks} blocks and {self.most_rows} rows,"
            f" {self.store >> 10} KiB on disk; resident {self.quarters()[0]:.1f} MiB in the first"
            f" quarter, {self.quarters()[1]:.1f} MiB in the last"
        )


async def stream(
    server: Any,
    stage: Stage,
    minutes: float,
    seed: int,
    rate: float,
    kinds: Sequence[str] = (),
    show: Callable[[str], str] = said,
) -> Report:
    """Turn after turn of words and tools, with replies to a person in between."""
    chance, writer, faults = random.Random(seed), Writer(), Faults(seed, rate, kinds)
    waited: list[float] = []
    memory: list[float] = []
    process = psutil.Process()
    turns = most_blocks = most_rows = 0
    end = time.monotonic() + minutes * 60 / SPEED
    async with stage.life():
        server.fault = faults
        while time.monotonic() < end:
            turns += 1
            begun = len(writer.events)
            writer.turn(turns, chance, parts=chance.randint(5, 40))
            said = chance.randint(begun + 1, len(writer.events))
            for event in writer.events[begun:]:
                stage.take(event)
                await asyncio.sleep(chance.random() * 0.5 / SPEED)
                if event["seq"] == said:
                    waited.append(await replied(stage, f"reply {turns}"))
            most_blocks = max(most_blocks, len(stage.view.blocks))
            most_rows = max(most_rows, len(stage.outbox._sent))
            stage.settle()
            memory.append(process.memory_info().rss / (1 << 20))
        await stage.still()
        server.fault = lambda method: ""
        expected = shown(writer.events, stage.outbox.limits, show)
        size = sum(path.stat().st_size for path in stage.directory.iterdir() if path.is_file())
    texts = [text for text in stage.texts() if not text.startswith("reply ")]
    replies = [text for text in stage.texts() if text.startswith("reply ")]
    missing, doubled = list(expected), []
    for text in texts:
        if text in missing:
            missing.remove(text)
        else:
            doubled.append(text)
    doubled += [text for text in set(replies) if replies.count(text) > 1]
    missing += [f"reply {n}" for n in range(1, turns + 1) if f"reply {n}" not in replies]
    return Report(turns, missing, doubled, list(server.violations), faults.count, server.floods,
                  waited, most_blocks, most_rows, size, memory)  # fmt: skip


async def replied(stage: Stage, words: str) -> float:
    """How long the answer to a command takes in the midst of the stream."""
    begun = time.monotonic()
    stage.outbox.reply(words, Reply(words))
    for _ in range(20_000):
        if words in stage.texts():
            break
        await asyncio.sleep(0.001)
    return (time.monotonic() - begun) * SPEED


def run(minutes: float, seed: int = 1, rate: float = 0.05, drafts: bool = False) -> Report:
    with fast():
        server = TelegramServer(SPEED)
        server.keep_calls = False
        try:
            server.says(server.private(1), "hello")
            with tempfile.TemporaryDirectory() as directory:
                stage = Stage(server, Path(directory), 1, drafts)
                return asyncio.run(stream(server, stage, minutes, seed, rate))
        finally:
            server.stop()


def run_discord(minutes: float, seed: int = 1, rate: float = 0.05) -> Report:
    with discord_fast(), fast():
        server = DiscordServer()
        server.refused_for = 0.02
        server.keep_calls = False
        try:
            with tempfile.TemporaryDirectory() as directory:
                stage = DiscordStage(server, Path(directory))
                told = stream(server, stage, minutes, seed, rate, KINDS, discord)
                return asyncio.run(told)
        finally:
            server.stop()


if __name__ == "__main__":
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 120.0
    report = run_discord(minutes) if "discord" in sys.argv else run(minutes)
    print(report)
    sys.exit(1 if report.missing or report.doubled or report.violations else 0)
