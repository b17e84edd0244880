"""Calls that the platform refuses for being too many, and answers that wait behind output.

In simulated time: minutes pass as soon as everybody waits.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from codecast_bots import pacing
from codecast_bots.pacing import CREATE, LIVE, REPLY, Pace, Paces
from codecast_bots.platforms import lark, telegram
from codecast_bots.platforms.contract import Limits
from codecast_bots.store import Store

# what a private chat and a group of Telegram, and a chat of Lark take: calls, in seconds
PRIVATE, GROUP, LARK = (8, 6.0), (20, 60.0), (5, 1.0)
Run = Callable[[Coroutine[Any, Any, None]], None]


class Clock(selectors.SelectSelector):
    """Time passes by waiting, and only so."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "nobody will ever go on"
        Clock.now += max(0.0, timeout)
        return super().select(0)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a life of the bots; what it left undone is cut off, as by a crash."""
    monkeypatch.setattr(pacing, "time", SimpleNamespace(time=lambda: 1.8e9 + Clock.now))

    def live(life: Coroutine[Any, Any, None]) -> None:
        loop = asyncio.SelectorEventLoop(Clock())
        loop.time = lambda: Clock.now  # type: ignore[method-assign]

        async def whole() -> None:
            await life
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

        try:
            loop.run_until_complete(whole())
        finally:
            loop.close()
        Clock.now += 0.5  # as long as a start takes

    return live


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "state" / "bots.sqlite")
    yield made
    made.close()


def limits(rule: tuple[int, float]) -> Limits:
    gap, most = {
        PRIVATE: (telegram.PRIVATE_GAP, telegram.PRIVATE_MOST),
        GROUP: (telegram.GROUP_GAP, telegram.GROUP_MOST),
        LARK: (lark.GAP, lark.MOST),
    }[rule]
    return Limits(4096, len, "chat", gap, most=most[0], within=most[1])


async def call(pace: Pace, priority: int, arrived: list[float], chance: random.Random) -> None:
    """One that takes a while; the platform has it some time between."""
    held = await pace.slot(priority, f"{chance.random()}")
    now = asyncio.get_running_loop().time
    took = chance.random() * 0.3
    try:
        await asyncio.sleep(took * chance.random())
        arrived.append(now())
        await asyncio.sleep(took / 2)
    finally:
        pace.done(held)


@pytest.mark.parametrize("rule", [PRIVATE, GROUP, LARK])
@pytest.mark.parametrize("seed", range(4))
def test_no_flood_whatever_is_said_and_whenever_the_bots_are_started_anew(
    run: Run, store: Store, rule: tuple[int, float], seed: int
) -> None:
    chance, arrived = random.Random(seed), list[float]()

    async def life() -> None:
        pace = Paces(store, "telegram").of(limits(rule))

        async def output() -> None:
            while True:
                await call(pace, chance.choice([CREATE, LIVE]), arrived, chance)

        tasks = [asyncio.ensure_future(output()) for _ in range(3)]
        end = asyncio.get_running_loop().time() + chance.random() * 90
        while asyncio.get_running_loop().time() < end:
            await asyncio.sleep(chance.random() * rule[1] / 2)
            tasks.append(asyncio.ensure_future(call(pace, REPLY, arrived, chance)))

    for _ in range(6):
        run(life())
    most, within = rule
    assert len(arrived) > 3 * most
    for index in range(len(arrived) - most):
        assert arrived[index + most] - arrived[index] > within


def test_silence_that_the_platform_asked_for_is_kept_over_a_restart(run: Run, store: Store) -> None:
    arrived: list[float] = []
    chance = random.Random(1)

    async def refused() -> None:
        pace = Paces(store, "telegram").of(limits(PRIVATE))
        pace.pause(40.0)
        arrived.append(asyncio.get_running_loop().time())

    async def after() -> None:
        await call(Paces(store, "telegram").of(limits(PRIVATE)), REPLY, arrived, chance)

    run(refused())
    run(after())
    assert 40 <= arrived[1] - arrived[0] < 41


def test_an_answer_to_a_command_goes_out_before_any_more_output(run: Run, store: Store) -> None:
    order: list[str] = []

    async def life() -> None:
        pace = Paces(store, "telegram").of(limits(PRIVATE))

        async def output() -> None:
            while True:
                held = await pace.slot(LIVE, "session")
                order.append("edit")
                await asyncio.sleep(0.05)
                pace.done(held)

        streaming = asyncio.ensure_future(output())
        await asyncio.sleep(7)  # the gap's end is near, the window is nearly full
        pace.hold(3.0)
        order.append("asked")
        await asyncio.sleep(1.5)
        held = await pace.slot(REPLY, "session")
        order.append("answer")
        pace.done(held)
        pace.release()
        await asyncio.sleep(3)
        order.append("asked")  # and nobody answers: output goes on
        pace.hold(3.0)
        await asyncio.sleep(5)
        assert not streaming.done()

    run(life())
    first = order.index("asked")
    assert order[first + 1] == "answer" and order[first + 2] == "edit"
    assert order.count("edit") > 8 and order[-1] == "edit"
