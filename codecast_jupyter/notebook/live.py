"""A turn shown while its cell runs: a widget, Markdown that grows, or lines on a terminal.

What a notebook keeps is the finished turn as Markdown in the place of what was live, so that a
saved notebook reads well wherever it is opened.
"""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING, Any

from codecast_jupyter.commands.transcript import Transcript

from . import surroundings
from .ongoing import View
from .turn import Turn

if TYPE_CHECKING:
    from .widgets.session import SessionWidget

EVERY = 0.4  # seconds between two versions of growing Markdown


def view(turn: Turn) -> View:
    """The best there is here."""
    if not surroundings.in_kernel():
        return Lines(turn)
    return Page(turn) if surroundings.has_widgets() else Growing(turn)


class Page(View):
    """The live widget, whose buttons work while the cell is busy."""

    def __init__(self, turn: Turn) -> None:
        from .widgets.session import SessionWidget

        self.turn = turn
        self.widget: SessionWidget | None = SessionWidget(
            turn.session, after=turn.after, prompt=turn.prompt, fed_by=turn
        )
        self.widget.show()

    def finish(self) -> None:
        widget, self.widget = self.widget, None
        if widget is not None:
            widget.settle(self.turn)


class Growing(View):
    """Markdown in the cell's output, without any widget."""

    def __init__(self, turn: Turn) -> None:
        from IPython.display import display

        self.turn = turn
        self.handle: Any = display(turn, display_id=True)  # type: ignore[no-untyped-call]
        self._shown = (0, time.monotonic())

    def refresh(self) -> None:
        count, when = self._shown
        now = time.monotonic()
        if len(self.turn.events) != count and now - when >= EVERY:
            self._shown = (len(self.turn.events), now)
            self.handle.update(self.turn)

    def finish(self) -> None:
        self.handle.update(self.turn)


class Lines(View):
    """Words on a terminal as they come, with rich where it is installed."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._transcript = Transcript()
        self._printer = printer()
        self._ours = False
        turn.listen(self._events.put)

    def refresh(self) -> None:
        while True:
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                return
            changed = self._transcript.apply(event)
            # what was asked before us in this session is not ours to show
            self._ours = self._ours or any(entry.id == self.turn.prompt for entry in changed)
            if self._ours:
                self._printer.show(changed)
                if event["type"] == "request_opened":
                    print(f"answer it: codecast answer {self.turn.session.name} CHOICE")

    def finish(self) -> None:
        self.refresh()
        self._printer.finish()


def printer() -> Any:
    """The shell's own, or the answers' words alone."""
    try:
        from rich.console import Console

        from codecast_jupyter.commands.render.entries import ConsoleSink, Printer
    except ImportError:
        return _Words()
    return Printer(
        ConsoleSink(Console(highlight=False, markup=False, emoji=False, force_jupyter=False))
    )


class _Words:
    def __init__(self) -> None:
        self._shown: dict[str, int] = {}

    def show(self, changed: list[Any]) -> None:
        for entry in changed:
            if entry.kind == "message":
                print(entry.text[self._shown.get(entry.id, 0) :], end="", flush=True)
                self._shown[entry.id] = len(entry.text)

    def finish(self) -> None:
        print(flush=True)
