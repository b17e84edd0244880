"""How much of its time the loop gives to work that could be done in a thread.

Work in the loop's thread is sooner done, and it holds up everything else meanwhile. So it may
take SHARE of the time, at most BURST in one go, and none for PENALTY after a single piece
waited TOO_LONG for a disk: one that is slow once may be slow again. Time in which the kernel
let others run (a busy computer) is nobody's fault here.
"""

from __future__ import annotations

import resource
import time

SHARE = 0.3
BURST = 0.003  # seconds
TOO_LONG = 0.005
PENALTY = 0.25
WHO = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)


class Allowance:
    """True while there is time left; work is done inside `with allowance`."""

    __slots__ = ("_before", "_left", "_since")

    def __init__(self) -> None:
        self._left = BURST
        self._since = time.perf_counter()
        self._before = (0.0, 0.0, 0)

    def __bool__(self) -> bool:
        now = time.perf_counter()
        if now > self._since:
            self._left = min(BURST, self._left + (now - self._since) * SHARE)
            self._since = now
        return self._left > 0

    def __enter__(self) -> None:
        self._before = time.perf_counter(), time.thread_time(), _waits()

    def __exit__(self, *_: object) -> None:
        begin, cpu, waits = self._before
        passed = time.perf_counter() - begin
        waited = _waits() > waits  # of its own will, which is the disk's
        self._left -= passed if waited else time.thread_time() - cpu
        if waited and passed > TOO_LONG:
            self._left = 0.0
            self._since = time.perf_counter() + PENALTY


def _waits() -> int:
    """How often this thread has waited for something."""
    return resource.getrusage(WHO).ru_nvcsw
