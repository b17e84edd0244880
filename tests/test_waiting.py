"""Patience that ends, and a cancellation that is never forgotten."""

from __future__ import annotations

import asyncio

import pytest

from codecast_jupyter.waiting import within


async def test_a_cancellation_in_the_moment_of_success_is_heard() -> None:
    event = asyncio.Event()
    begun = asyncio.Event()

    async def wait() -> None:
        begun.set()
        await within(event.wait(), 60)

    task = asyncio.ensure_future(wait())
    await begun.wait()
    await asyncio.sleep(0)
    event.set()
    await asyncio.sleep(0)  # what is waited for has ended, who waits has not heard of it
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_takes_too_long_is_cancelled_and_has_ended() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(asyncio.TimeoutError):
        await within(work(), 0.01)
    assert ended.is_set()


async def test_its_result_or_its_problem_comes_through() -> None:
    async def fail() -> None:
        raise LookupError("nothing there")

    assert await within(asyncio.sleep(0, "found"), None) == "found"
    with pytest.raises(LookupError):
        await within(fail(), 60)
