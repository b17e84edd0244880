"""How fast one budget of a platform is used: one call at a time, a gap between two, and the one
that matters most goes first. More calls would not arrive sooner: they would be refused, and the
text in the chat would stand still until the refusal is over.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools

# priorities, the first first
REPLY, CREATE, FINISH, LIVE = range(4)


class Pace:
    """`gap` seconds from one call's end to the next; replies to a person may use `burst` more."""

    def __init__(self, gap: float, burst: int = 2) -> None:
        self.gap = gap
        self._burst = float(burst)
        self._most = float(burst)
        self._refilled = 0.0
        self._free_at = 0.0
        self._paused_until = 0.0
        self._busy = False
        self._waiting: list[tuple[int, float, int, asyncio.Future[None]]] = []
        self._served: dict[str, float] = {}
        self._count = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    async def slot(self, priority: int, who: str) -> bool:
        """Wait for the turn; `done` must follow with what this returns (False: it went beside the
        others). Among equals comes who was served longest ago."""
        loop = asyncio.get_running_loop()
        if priority == REPLY and self._may_burst(loop.time()):
            self._burst -= 1
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
            self._pump()
            raise
        self._served[who] = loop.time()
        if len(self._served) > 1000:
            self._served.clear()
        return True

    def done(self, held: bool, used: bool = True) -> None:
        """The call is over; `used`: it was made at all."""
        now = asyncio.get_running_loop().time()
        if used:
            self._free_at = max(self._free_at, now + self.gap)
        if held:
            self._busy = False
        self._pump()

    def pause(self, seconds: float) -> None:
        """The platform wants silence; nothing goes out for so long."""
        now = asyncio.get_running_loop().time()
        self._paused_until = max(self._paused_until, now + seconds)

    def _may_burst(self, now: float) -> bool:
        if self._refilled:
            spent = now - self._refilled
            self._burst = min(self._most, self._burst + spent / (self.gap * 4))
        self._refilled = now
        return self._burst >= 1 and now >= self._paused_until

    def _pump(self) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting and self._waiting[0][3].cancelled():
            heapq.heappop(self._waiting)
        if not self._waiting or self._busy:
            return
        wait = max(self._free_at, self._paused_until) - loop.time()
        if wait > 0:
            self._timer = loop.call_later(wait, self._pump)
            return
        self._busy = True
        heapq.heappop(self._waiting)[3].set_result(None)


class Paces:
    """One a budget."""

    def __init__(self) -> None:
        self._paces: dict[str, Pace] = {}

    def of(self, budget: str, gap: float, burst: int) -> Pace:
        pace = self._paces.get(budget)
        if pace is None:
            pace = self._paces[budget] = Pace(gap, burst)
        return pace
