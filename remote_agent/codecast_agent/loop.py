"""The loop of relay and supervisor: descriptors, timers and signals, on one thread.

Not asyncio, which alone costs six bare starts of the interpreter and 5 MB a process. A
callback that raises ends the process: what it may survive, it catches itself.
"""

import heapq
import os
import select
import signal
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

Call = Callable[[], None]
Handler = Callable[[], object]  # of a descriptor
NOTHING: Call = lambda: None  # noqa: E731

# Not `selectors`, which costs 60 KB and twice the time of a turn.
if hasattr(select, "epoll"):
    _IN, _OUT = select.EPOLLIN, select.EPOLLOUT
else:
    _IN, _OUT = select.POLLIN, select.POLLOUT


class _Timer:
    __slots__ = ("call", "number", "when")

    def __init__(self, when: float, number: int, call: Call) -> None:
        self.when = when
        self.number = number
        self.call = call

    def __lt__(self, other: "_Timer") -> bool:
        return (self.when, self.number) < (other.when, other.number)

    def cancel(self) -> None:
        self.call = NOTHING


class Loop:
    """Calls back when a descriptor is ready, a time has come or a signal was caught."""

    def __init__(self) -> None:
        self._wait: Callable[[Optional[float]], List[Tuple[int, int]]]
        if hasattr(select, "epoll"):
            self._poll: Any = select.epoll()
            self._wait = self._poll.poll
        else:
            self._poll = select.poll()
            self._wait = lambda timeout: self._poll.poll(
                None if timeout is None else int(timeout * 1000 + 0.999)
            )
        self._ready: Dict[int, List[Optional[Handler]]] = {}  # fd: [readable, writable]
        self._timers: List[_Timer] = []
        self._count = 0
        self._signals: Dict[int, Call] = {}
        self.running = True

    def reader(self, fd: int, call: Optional[Handler]) -> None:
        """Call when `fd` is readable; None ends it."""
        self._watch(fd, 0, call)

    def writer(self, fd: int, call: Optional[Handler]) -> None:
        """Call when `fd` is writable; None ends it."""
        self._watch(fd, 1, call)

    def forget(self, fd: int) -> None:
        """Before `fd` is closed."""
        self._watch(fd, 0, None)
        self._watch(fd, 1, None)

    def _watch(self, fd: int, side: int, call: Optional[Handler]) -> None:
        calls = self._ready.get(fd)
        if calls is None:
            if call is None:
                return
            calls = self._ready[fd] = [None, None]
            before = 0
        else:
            before = _mask(calls)
        calls[side] = call
        after = _mask(calls)
        if after == before:
            return
        if not after:
            del self._ready[fd]
            self._poll.unregister(fd)
        elif not before:
            self._poll.register(fd, after)
        else:
            self._poll.modify(fd, after)

    def after(self, seconds: float, call: Call) -> Call:
        """Call in `seconds`, unless the returned function is called before."""
        self._count += 1
        timer = _Timer(time.monotonic() + seconds, self._count, call)
        heapq.heappush(self._timers, timer)
        return timer.cancel

    def every(self, seconds: float, call: Call) -> None:
        """Call each `seconds`, for ever."""

        def again() -> None:
            self.after(seconds, again)
            call()

        self.after(seconds, again)

    def on_signal(self, signum: int, call: Call) -> None:
        """Call, in the loop, when the process gets `signum`."""
        if not self._signals:
            read, write = os.pipe()
            for fd in (read, write):
                os.set_blocking(fd, False)
            signal.set_wakeup_fd(write, warn_on_full_buffer=False)
            self.reader(read, lambda: self._caught(read))
        self._signals[signum] = call
        signal.signal(signum, _noop)

    def _caught(self, fd: int) -> None:
        for signum in set(os.read(fd, 4096)):
            call = self._signals.get(signum)
            if call is not None:
                call()

    def run(self) -> None:
        """Until `stop`."""
        while self.running:
            self.turn()

    def stop(self) -> None:
        self.running = False

    def turn(self, patience: Optional[float] = None) -> None:
        """Wait once (at most `patience` seconds), then call what is due."""
        timeout = patience
        if self._timers:
            left = max(0.0, self._timers[0].when - time.monotonic())
            timeout = left if timeout is None else min(left, timeout)
        ready = self._ready
        for fd, events in self._wait(timeout):
            # a callback before this one may have closed it; errors and ends wake both sides
            calls = ready.get(fd)
            if calls is not None and events & ~_OUT and calls[0] is not None:
                calls[0]()
                calls = ready.get(fd)
            if calls is not None and events & ~_IN and calls[1] is not None:
                calls[1]()
        if not self._timers:
            return
        now = time.monotonic()
        due: List[_Timer] = []
        while self._timers and self._timers[0].when <= now:
            due.append(heapq.heappop(self._timers))
        for timer in due:
            timer.call()


def _mask(calls: List[Optional[Handler]]) -> int:
    return (_IN if calls[0] else 0) | (_OUT if calls[1] else 0)


def _noop(signum: int, frame: Any) -> None:
    """The wake-up descriptor carries it."""
