"""Widgets that live in the page.

Their page code speaks to the Jupyter server itself, over the same API as everything else, so
that it shows events and sends answers while the kernel is busy, restarts, or is gone. Where
the page cannot reach the server (VS Code, a kernel of another server) the kernel forwards both
ways. Beside each stands a snapshot in Markdown, hidden while the widget lives, which is what a
saved notebook shows.
"""

from __future__ import annotations

from codecast_agent.protocol.errors import CodecastError

from .. import surroundings


def needed() -> None:
    """Raises CodecastError("not_supported") where there are no widgets."""
    if not surroundings.has_widgets():
        raise CodecastError(
            "not_supported",
            "Widgets need anywidget, which is not installed in this kernel's environment.",
            "%pip install anywidget ipywidgets",
        )
