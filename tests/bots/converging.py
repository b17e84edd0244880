"""What the tests of convergence share: crashes, and what may stand in a chat after them."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from tests.bots.stage import Faults, Stage, Writer, said, shown


async def lives(
    stage: Stage,
    server: Any,
    writer: Writer,
    faults: Faults,
    chance: random.Random,
    show: Callable[[str], str] = said,
    born: Callable[[], None] = lambda: None,
    pause: float = 0.01,
) -> list[str]:
    """Three lives of the bots, of which two end by a crash somewhere; what the chat should show
    then. `born` is called in each; events are at most `pause` seconds apart."""
    limits = None
    for life in range(3):
        async with stage.life():
            server.fault = faults
            limits = stage.outbox.limits
            born()
            upto = len(writer.events) * (life + 1) // 3
            for event in writer.events[:upto]:  # what is known already changes nothing
                stage.take(event)
                if event["seq"] == stage.known:
                    await asyncio.sleep(chance.random() * pause)
                if chance.random() < 0.1:
                    stage.settle()
            if life == 2:
                await stage.still()
                server.fault = lambda what: ""
    return shown(writer.events, limits, show)


async def repeated(
    stage: Stage, server: Any, writer: Writer, faults: Faults, chance: random.Random,
    show: Callable[[str], str] = said, between: Callable[[], None] = lambda: None,
) -> list[str]:  # fmt: skip
    """One life, in which events come again in any order; what the chat should show then.
    `between` is called after each event."""
    async with stage.life():
        server.fault = faults
        for event in writer.events:
            stage.take(event)
            if chance.random() < 0.2:  # an older one again
                stage.take(chance.choice(writer.events[: event["seq"]]))
            between()
            await asyncio.sleep(chance.random() * 0.02)
        await stage.still()
        server.fault = lambda what: ""
        return shown(writer.events, stage.outbox.limits, show)


def after_crashes(texts: Iterable[str], expected: Iterable[str], once: Iterable[int]) -> None:
    """Nothing is lost. What was cut off in the midst of a call, or was on its way at a crash and
    was discarded before the next life, may stand there: at most once a crash. The answers of the
    turns `once` stand there once, whatever was cut off."""
    found, wanted = Counter(texts), Counter(expected)
    assert not wanted - found, "lost"
    assert (found - wanted).total() <= 2, "doubled"
    assert all(found[f"Answer {turn}."] == 1 for turn in once)
