"""What goes on on the client's loop while a cell may wait for it: a turn, a run."""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent import futures
from typing import TYPE_CHECKING, Any

from . import connection
from .errors import Interrupted, NotYet

if TYPE_CHECKING:
    from typing_extensions import Self

LOOK = 0.1  # seconds between two looks at what came


class View:
    """How it is shown: this one, not at all. Called by who waits, on their thread."""

    def refresh(self) -> None:
        """Something may have come."""

    def finish(self) -> None:
        """It has ended."""


class Ongoing(ABC):
    """Waited for with `wait()` or `await`. Who interrupts the waiting interrupts the work."""

    def __init__(self) -> None:
        self.view = View()
        self._done: futures.Future[None] | None = None  # None: not begun
        self._waiting = 0

    # -- for subclasses

    @abstractmethod
    def _ended(self) -> Self:
        """Raises what ended it badly."""

    @abstractmethod
    def _interrupted(self) -> Interrupted:
        """Interrupt it, from the thread of the cell, and say what became of it."""

    @abstractmethod
    async def _interrupt(self) -> None: ...

    @abstractmethod
    def _view(self) -> View:
        """The best there is here."""

    # -- waiting

    @property
    def done(self) -> bool:
        """Whether nothing of it runs any more."""
        return self._done is None or self._done.done()

    @property
    def awaited(self) -> bool:
        """Whether a cell waits for it at this moment, so that interrupting the cell ends it."""
        return self._waiting > 0 and not self.done

    def wait(self, timeout: float | None = None) -> Self:
        """Until it has ended. Interrupting the cell interrupts it.

        Raises CodecastError with what ended it badly, TimeoutError after `timeout` seconds.
        """
        try:
            for _ in self._looks(timeout):
                pass
        except KeyboardInterrupt:
            raise self._interrupted() from None
        return self._ended()

    def _looks(self, timeout: float | None = None) -> Iterator[None]:
        """Block until it has ended, and give control back at every look."""
        end = None if timeout is None else time.monotonic() + timeout
        while not self.done:
            assert self._done is not None
            left = LOOK if end is None else min(LOOK, end - time.monotonic())
            if left <= 0:
                raise NotYet(f"{self!r} has not ended after {timeout} seconds.")
            with self._waited_for():
                futures.wait([self._done], left)
                self.view.refresh()
            yield

    def show(self) -> None:
        """Begin to show it, which takes its time: interrupted, it is as while it is waited for."""
        try:
            self.view = self._view()
        except KeyboardInterrupt:
            raise self._interrupted() from None

    def __await__(self) -> Generator[Any, None, Self]:
        return self._awaited().__await__()

    async def _awaited(self) -> Self:
        async for _ in self._looks_beside():
            pass
        return self._ended()

    async def _looks_beside(self) -> AsyncIterator[None]:
        """The same on the loop of the caller."""
        try:
            while not self.done:
                with self._waited_for():
                    await asyncio.sleep(LOOK)
                    self.view.refresh()
                yield
        except asyncio.CancelledError:
            connection.submit(self._interrupt())
            raise

    @contextlib.contextmanager
    def _waited_for(self) -> Iterator[None]:
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
