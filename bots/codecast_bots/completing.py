"""The menu of commands with values for what is being typed: machines, directories, sessions,
models, ... as the shell completes them. Who may not look sees none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from codecast_jupyter.commands import completion
from codecast_jupyter.waiting import within

from . import commands
from .platforms.contract import Complete, MenuCommand, Person, Place

if TYPE_CHECKING:
    from .bot import Bot

log = logging.getLogger(__name__)
WITHIN = 2.0  # seconds; platforms wait three


def menu(bot: Bot) -> list[MenuCommand]:
    return [replace(entry, complete=_complete(bot, entry.name)) for entry in commands.menu()]


def _complete(bot: Bot, name: str) -> Complete:
    arguments = {
        a.key: a
        for command in commands.offered()
        if command.name.replace(" ", "-") == name
        for a in command.arguments
    }

    async def complete(
        person: Person, place: Place, given: Mapping[str, str], which: str, typed: str
    ) -> Sequence[tuple[str, str]]:
        if not bot.access.allows(person, place, "ls"):
            return []
        argument = arguments[which.replace("-", "_")]
        source = completion.SOURCES.get(argument.complete)
        if source is None:
            return []
        values = {key.replace("-", "_"): value for key, value in given.items()}
        here = bot.conversations.get(place)
        if here is not None and "session" in arguments:
            values.setdefault("session", here.id)
        if argument.complete == "directory":
            values.setdefault("machine", here.machine if here is not None else "")
        fetch = completion.fetch_from([bot.client.connection])
        try:
            found = await within(asyncio.to_thread(source, values, typed, fetch), WITHIN)
        except asyncio.TimeoutError:
            return []
        except Exception:  # who is typing must not see a failure
            log.exception("completing %s", name)
            return []
        lower = typed.lower()
        starting = [c for c in found if c.value.lower().startswith(lower)]
        return [(c.value, c.help) for c in starting or found if lower in c.value.lower()]

    return complete
