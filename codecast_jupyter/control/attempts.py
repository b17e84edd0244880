"""Attempts at a link: tasks that leave nothing behind when they are stopped.

A login that an outage caught in its middle waits until the kernel repeats what was lost, which it
does ever more slowly, or for ever, where the other side is gone without a word. A fresh login need
not wait: so another one is begun beside it, and whichever is there first stays.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from codecast_agent.protocol.errors import CodecastError

from .link import Link

BESIDE_AFTER = 5.0  # seconds; a login to a far machine takes two
AT_ONCE = 3
OF_THE_NETWORK = ("unreachable", "link_lost")
TAKEN_DOWN_WITHIN = 10.0  # an attempt that was cancelled, with its processes and sockets


async def first_of(
    begin: Callable[[int], Coroutine[Any, Any, Link]], after: float = BESIDE_AFTER
) -> Link:
    """The link of the first attempt that makes one; `begin(n)` begins the nth, from 0.

    Another is begun when `after` seconds have passed without an outcome, unless one found more
    than a network in its way: a machine that refuses logins is not hit again.
    Raises the CodecastError of the last that failed, when none is left.
    """
    running = [asyncio.ensure_future(begin(0))]
    begun, more = 1, True
    try:
        while True:
            patience = after if more and len(running) < AT_ONCE else None
            done, _ = await asyncio.wait(running, timeout=patience, return_when="FIRST_COMPLETED")
            if not done:
                running.append(asyncio.ensure_future(begin(begun)))
                begun += 1
            for task in done:
                running.remove(task)
                error = task.exception()
                if error is None:
                    return task.result()
                if not running:
                    raise error
                more = more and isinstance(error, CodecastError) and error.code in OF_THE_NETWORK
    finally:
        await asyncio.gather(*(discard(task) for task in running))


async def owned(task: asyncio.Task[Link]) -> Link:
    """Await a task that goes down with us."""
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await discard(task)
        raise


async def discard(task: asyncio.Task[Link]) -> None:
    """Stop an attempt, and close the link if it had just succeeded.

    Asked until it stops: `asyncio.wait_for` of Python 3.11 and older may swallow a cancellation.
    Not before it had the time to take down what it had made, which another one would interrupt.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=TAKEN_DOWN_WITHIN)
    with contextlib.suppress(asyncio.CancelledError, CodecastError):
        link = await task
        await link.close()
