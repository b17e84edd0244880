"""How much of its time the loop gives to work that could be done in a thread.

Work in the loop's thread is sooner done, and it holds up everything else meanwhile. So it may
take SHARE of the time, at most BURST in one go, and none for PENALTY after a single piece
took TOO_LONG: a disk that is slow once may be slow again.
"""

from __future__ import annotations

import time

SHARE = 0.3
BURST = 0.003  # seconds
TOO_LONG = 0.005
PENALTY = 0.25


class Allowance:
    """True while there is time left; every piece of work is told by `spend`."""

    def __init__(self) -> None:
        self._left = BURST
        self._since = time.perf_counter()

    def __bool__(self) -> bool:
        now = time.perf_counter()
        if now > self._since:
            self._left = min(BURST, self._left + (now - self._since) * SHARE)
            self._since = now
        return self._left > 0

    def spend(self, seconds: float) -> None:
        self._left -= seconds
        if seconds > TOO_LONG:
            self._left = 0.0
            self._since = time.perf_counter() + PENALTY
