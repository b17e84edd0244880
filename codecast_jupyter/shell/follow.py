"""`codecast attach`: a live session in a terminal; plain lines where there is none."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..commands.render.entries import ConsoleSink, Printer
from ..commands.render.json import line
from ..commands.results import Follow
from ..commands.sessions import TAIL
from ..commands.transcript import Transcript

if TYPE_CHECKING:
    from rich.console import Console

    from ..commands.context import Context
    from ..commands.parsing import Parsed


def first(follow: Follow) -> int:
    """The event to begin after."""
    if follow.after is not None:
        return follow.after
    return max(0, int(follow.session.get("last_seq") or 0) - TAIL)


async def run(follow: Follow, parsed: Parsed, context: Context, console: Console) -> int:
    if not parsed.json and sys.stdin.isatty() and sys.stdout.isatty():
        from .attach import Attach

        return await Attach(follow, context, console).run()
    events: Any = context.client.events(follow.session["id"], after=first(follow))
    printer, transcript = Printer(ConsoleSink(console)), Transcript()
    async for event in events:
        if parsed.json:
            print(line(event), flush=True)
        else:
            printer.show(transcript.apply(event))
    return 0
