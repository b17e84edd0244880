"""Whatever the platform does, the chat ends as the rendered log: nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codecast_bots.requests import actions
from codecast_bots.view import View
from tests.bots.converging import after_crashes, lives, repeated
from tests.bots.haste import SPEED, hurried
from tests.bots.servers.telegram import TelegramServer
from tests.bots.stage import Faults, Stage, Writer

chats = itertools.count(1)
FEW = settings(max_examples=8, deadline=None, derandomize=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TelegramServer]:
    with hurried("telegram"):
        running = TelegramServer(SPEED)
        running.directory = tmp_path_factory.mktemp("stages")
        running.keep_calls = False
        yield running
        running.stop()


def stage_of(server: TelegramServer, drafts: bool, group: bool = False) -> Stage:
    number = next(chats)
    chat = server.group(-1000 - number) if group else server.private(number)
    return Stage(server, server.directory, chat, drafts)


@FEW
@given(seed=st.integers(0, 10_000), drafts=st.booleans(), group=st.booleans())
def test_any_events_and_any_faults_end_as_the_log_is_rendered(
    server: TelegramServer, seed: int, drafts: bool, group: bool
) -> None:
    chance = random.Random(seed)
    writer = Writer()
    for turn in range(1, 3):
        writer.turn(turn, chance)
    stage, faults = stage_of(server, drafts, group), Faults(seed)
    server.violations.clear()
    server.floods = 0

    expected = asyncio.run(repeated(stage, server, writer, faults, chance))
    assert stage.texts() == expected
    assert not server.violations
    assert not server.floods, "edits faster than the platform takes them"


@FEW
@given(seed=st.integers(0, 10_000), drafts=st.booleans())
def test_a_crash_at_any_moment_loses_nothing_and_doubles_nothing(
    server: TelegramServer, seed: int, drafts: bool
) -> None:
    chance = random.Random(seed)
    writer = Writer()
    for turn in range(1, 4):
        writer.turn(turn, chance, parts=4)
    stage, faults = stage_of(server, drafts), Faults(seed, 0.1)
    begun = server.says(stage.chat, "hello")  # ids behind a known one can be looked for

    def born() -> None:
        made = stage.store.made("telegram", stage.place.account)
        stage.outbox.adapter.catch_up({stage.place: str(begun)}, made)

    expected = asyncio.run(lives(stage, server, writer, faults, chance, born=born))
    after_crashes(stage.texts(), expected, once=[3])  # no crash came after it


def test_one_live_prompt_a_request_and_no_button_when_it_is_decided() -> None:
    writer = Writer()
    writer.turn(1, random.Random(5), parts=30)
    view = View()
    for event in writer.events:
        view.apply(event)
        for block in view.blocks:
            if block["kind"] == "request":
                assert len(actions("s1", block["request"])) == 1
        numbers = [b["number"] for b in view.blocks if b["kind"] == "request"]
        assert len(set(numbers)) == len(numbers)


def test_the_view_is_the_same_from_any_snapshot() -> None:
    writer = Writer()
    for turn in range(1, 4):
        writer.turn(turn, random.Random(turn), parts=10)
    whole = View()
    for event in writer.events:
        whole.apply(event)
    for at in range(0, len(writer.events), 7):
        view = View()
        for event in writer.events[:at]:
            view.apply(event)
        view = View.from_json(view.to_json())
        for event in writer.events:
            view.apply(event)
        assert view.to_json() == whole.to_json()
