"""Whatever Lark does, the chat ends as the rendered log: nothing lost, nothing doubled, no limit
of its cards exceeded."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bots.converging import after_crashes, lives, repeated
from tests.bots.haste import SPEED, hurried
from tests.bots.lark_stage import LarkStage, read
from tests.bots.servers.lark import LarkServer
from tests.bots.stage import Faults, Writer

FEW = settings(max_examples=4, deadline=None, derandomize=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LarkServer]:
    with hurried("lark"):
        running = LarkServer(SPEED)
        running.directory = tmp_path_factory.mktemp("stages")
        running.keep_calls = False
        yield running
        running.stop()


def events(chance: random.Random, turns: int, parts: int = 8) -> Writer:
    """Words of which some are more than a card takes."""
    writer = Writer()
    for turn in range(1, turns + 1):
        writer.turn(turn, chance, parts, longest=200 if turn == 1 else 30)
    return writer


@FEW
@given(seed=st.integers(0, 10_000), group=st.booleans())
def test_any_events_and_any_faults_end_as_the_log_is_rendered(
    server: LarkServer, seed: int, group: bool
) -> None:
    chance = random.Random(seed)
    writer, stage = events(chance, turns=2), LarkStage(server, server.directory, group)

    def between() -> None:
        """What Lark does by itself: it ends streams, and takes no old token any more."""
        if chance.random() < 0.1:
            chance.choice([server.close_streams, server.forget_tokens])()

    faults, server.floods = Faults(seed), 0
    expected = asyncio.run(repeated(stage, server, writer, faults, chance, read, between=between))
    assert stage.texts() == expected
    assert not server.violations
    assert not server.floods, "more calls than the platform takes"
    assert not any(m["streaming"] for m in server.visible(stage.name, stage.thread)), "left open"


@FEW
@given(seed=st.integers(0, 10_000), group=st.booleans())
def test_a_crash_at_any_moment_loses_nothing_and_doubles_nothing(
    server: LarkServer, seed: int, group: bool
) -> None:
    chance = random.Random(seed)
    writer, stage = events(chance, turns=3, parts=4), LarkStage(server, server.directory, group)
    expected = asyncio.run(lives(stage, server, writer, Faults(seed, 0.1), chance, read))
    after_crashes(stage.texts(), expected, once=[1, 2, 3])
    assert not server.violations
    assert not any(m["streaming"] for m in server.visible(stage.name, stage.thread)), "left open"
