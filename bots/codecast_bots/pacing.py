"""How fast one budget of a platform is used: one call at a time, a gap between two, never more in
a while than is taken, and the one that matters most goes first. More calls would not arrive
sooner: they would be refused, and the text in the chat would stand still until the refusal is
over.

What was used is on disk before a call goes out, so that bots which are started anew go on at the
pace of those before them. While a person waits for the answer to a command, output stands still
for a moment: the answer is the next thing that goes out.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .platforms.contract import Limits
from .store import Store

# priorities, the first first
REPLY, CREATE, FINISH, LIVE = range(4)
RESERVED = 1  # calls of a window that only replies may use
LONGEST_PAUSE = 3600.0  # seconds that a clock which was set may make of one


class Used(NamedTuple):
    """As it is kept, in seconds since 1970: when the last calls were, and until when the platform
    wants silence."""

    calls: Sequence[float] = ()
    silent: float = 0.0


Keep = Callable[[Used], None]


class Pace:
    """`gap` seconds from one call's end to the next, `most` calls (0: any number) in `within`
    seconds; replies to a person may use `burst` more without the gap. `keep` is told of every use
    before it."""

    def __init__(
        self,
        gap: float,
        burst: int = 2,
        most: int = 0,
        within: float = 0.0,
        used: Used | None = None,
        keep: Keep = lambda used: None,
    ) -> None:
        self.gap = gap
        self._keep = keep
        self._burst = self._all_burst = float(burst)
        self._most, self._within = most, within
        self._refilled = 0.0
        self._free_at = 0.0
        self._paused_until = 0.0
        self._held_until = 0.0
        self._busy = False
        self._going = 0  # calls under way
        self._calls: deque[float] = deque(maxlen=most or 1)  # their ends
        self._waiting: list[tuple[int, float, int, asyncio.Future[None]]] = []
        self._served: dict[str, float] = {}
        self._count = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        if used is not None:
            self._go_on(used)

    def _go_on(self, used: Used) -> None:
        """Where other bots ended."""
        here, now = asyncio.get_running_loop().time(), time.time()
        for at in sorted(used.calls):
            self._calls.append(here - max(0.0, now - at))
        if self._calls:
            self._free_at = self._calls[-1] + self.gap
            self._refilled, self._burst = here, 0.0
        self._paused_until = here + min(used.silent - now, LONGEST_PAUSE)

    async def slot(self, priority: int, who: str) -> bool:
        """Wait for the turn; `done` must follow with what this returns (False: it went beside the
        others). Among equals comes who was served longest ago."""
        loop = asyncio.get_running_loop()
        if priority == REPLY and self._may_burst(loop.time()):
            self._burst -= 1
            self._begin()
            return False
        future: asyncio.Future[None] = loop.create_future()
        served = self._served.get(who, 0.0)
        heapq.heappush(self._waiting, (priority, served, next(self._count), future))
        self._pump()
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._busy = False
                self._going -= 1
            self._pump()
            raise
        self._served[who] = loop.time()
        if len(self._served) > 1000:
            self._served.clear()
        return True

    def done(self, held: bool, used: bool = True) -> None:
        """The call is over; `used`: it was made at all."""
        now = asyncio.get_running_loop().time()
        self._going -= 1
        if used:
            self._calls.append(now)
            self._free_at = max(self._free_at, now + self.gap)
        if held:
            self._busy = False
        self._pump()

    def count(self, calls: int) -> None:
        """That many more were made just now."""
        self._calls.extend([asyncio.get_running_loop().time()] * min(calls, self._most))

    def pause(self, seconds: float) -> None:
        """The platform wants silence; nothing goes out for so long."""
        now = asyncio.get_running_loop().time()
        self._paused_until = max(self._paused_until, now + seconds)
        self._note()

    def hold(self, seconds: float) -> None:
        """A reply comes soon: until it went out, but at most so long, nothing else does."""
        self._held_until = asyncio.get_running_loop().time() + seconds

    def release(self) -> None:
        """The reply went out."""
        self._held_until = 0.0
        self._pump()

    # -- when

    def _begin(self) -> None:
        self._going += 1
        self._note()

    def _note(self) -> None:
        """On disk, by the clock that goes on while nothing runs."""
        here, now = asyncio.get_running_loop().time(), time.time()
        calls = [*self._calls, *[here] * self._going][-max(1, self._most) :]
        silent = now + self._paused_until - here if self._paused_until > here else 0.0
        self._keep(Used([round(now - (here - at), 3) for at in calls], round(silent, 3)))

    def _may_burst(self, now: float) -> bool:
        if self._refilled:
            spent = now - self._refilled
            self._burst = min(self._all_burst, self._burst + spent / (self.gap * 4))
        self._refilled = now
        return self._burst >= 1 and now >= self._paused_until and self._full_for(REPLY, now) <= 0

    def _full_for(self, priority: int, now: float) -> float:
        """Seconds until the window takes one more."""
        if not self._most:
            return 0.0
        most = self._most if priority == REPLY else max(1, self._most - RESERVED)
        recent = [at for at in self._calls if now - at <= self._within]
        over = len(recent) + self._going - most
        if over < 0:
            return 0.0
        # when only calls under way fill it, their ends look again
        return recent[over] + self._within - now + 1e-4 if over < len(recent) else self._within

    def _pump(self) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting and self._waiting[0][3].cancelled():
            heapq.heappop(self._waiting)
        if not self._waiting or self._busy:
            return
        now, priority = loop.time(), self._waiting[0][0]
        until = max(self._free_at, self._paused_until)
        if priority != REPLY:
            until = max(until, self._held_until)
        wait = max(until - now, self._full_for(priority, now))
        if wait > 0:
            self._timer = loop.call_later(wait, self._pump)
            return
        self._busy = True
        self._begin()
        heapq.heappop(self._waiting)[3].set_result(None)


class Paces:
    """One a budget of a platform; how they were used is kept in `store`."""

    def __init__(self, store: Store, platform: str) -> None:
        self._store, self._platform = store, platform
        self._paces: dict[str, Pace] = {}

    def of(self, limits: Limits) -> Pace:
        pace = self._paces.get(limits.budget)
        if pace is None:
            fact = f"pace {self._platform} {limits.budget}"
            kept = self._store.fact(fact)
            pace = self._paces[limits.budget] = Pace(
                limits.gap, limits.burst, limits.most, limits.within,
                Used(*kept) if kept else None, lambda used: self._store.put_fact(fact, used),
            )  # fmt: skip
        return pace
