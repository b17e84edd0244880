"""Widgets that live in the page.

Their page code speaks to the Jupyter server itself, over the same API as everything else, so
that it shows events and sends answers while the kernel is busy, restarts, or is gone. Where
the page cannot reach the server (VS Code, a kernel of another server) the kernel forwards both
ways. Beside each stands a snapshot in Markdown, hidden while the widget lives, which is what a
saved notebook shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from codecast_agent.protocol.errors import CodecastError

from .. import surroundings

if TYPE_CHECKING:
    from ..run import Run
    from ..session import Session
    from .fleet import FleetWidget


def needed() -> None:
    """Raises CodecastError("not_supported") where there are no widgets."""
    if not surroundings.has_widgets():
        raise CodecastError(
            "not_supported",
            "Widgets need anywidget, which is not installed in this kernel's environment.",
            "%pip install anywidget ipywidgets",
        )


def fleet(
    sessions: Iterable[Session | str] | Run | None = None, *, machine: str | None = None
) -> FleetWidget:
    """Many sessions at once, live: a grid with progress, who needs you, and buttons to answer.

    >>> cc.fleet()                                # doctest: +SKIP
    >>> cc.fleet(cc.sessions(machine="gpu-1"))    # doctest: +SKIP

    Without `sessions` it shows all that have not ended, of one machine where that is named, and
    those that come. Raises CodecastError without anywidget.
    """
    needed()
    from .fleet import FleetWidget

    return FleetWidget(sessions, machine=machine)
