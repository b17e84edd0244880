"""A run shown while it goes on: the fleet widget, a table that grows, or one line."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from . import surroundings
from .ongoing import View

if TYPE_CHECKING:
    from .run import Run
    from .widgets.fleet import FleetWidget

EVERY = 0.5  # seconds between two versions of a table


def view(run: Run) -> View:
    if not surroundings.in_kernel():
        return Line(run)
    return Page(run) if surroundings.has_widgets() else Growing(run)


class Page(View):
    """The fleet widget; what stays is the table of results."""

    def __init__(self, run: Run) -> None:
        from .widgets.fleet import FleetWidget

        self.run = run
        self.widget: FleetWidget | None = FleetWidget(run)
        self.widget.show()

    def refresh(self) -> None:
        if self.widget is not None:
            self.widget.count()

    def finish(self) -> None:
        widget, self.widget = self.widget, None
        if widget is not None:
            widget.settle(self.run)


class Growing(View):
    def __init__(self, run: Run) -> None:
        from IPython.display import display

        self.run = run
        self.handle: Any = display(run, display_id=True)  # type: ignore[no-untyped-call]
        self._shown = time.monotonic()

    def refresh(self) -> None:
        if time.monotonic() - self._shown >= EVERY:
            self._shown = time.monotonic()
            self.handle.update(self.run)

    def finish(self) -> None:
        self.handle.update(self.run)


class Line(View):
    """On a terminal one line that changes, elsewhere a line whenever a task has ended."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._last = ""

    def refresh(self) -> None:
        live = sys.stderr.isatty()
        counts = self.run.counts
        words = self.run.summary() if live else str(sorted(counts.items()))
        if words != self._last:
            self._last = words
            print(
                f"\r\x1b[K{words}" if live else self.run.summary(),
                end="" if live else "\n",
                file=sys.stderr,
                flush=True,
            )

    def finish(self) -> None:
        if sys.stderr.isatty():
            print(f"\r\x1b[K{self.run.summary()}", file=sys.stderr, flush=True)
