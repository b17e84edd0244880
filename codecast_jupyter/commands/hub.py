"""Commands for the whole: search, health."""

from __future__ import annotations

from .context import Context
from .results import Health, Hits, Result
from .table import Command, Values, option, positional

FAMILY = "Everything"


async def search(context: Context, values: Values) -> Result:
    query = " ".join(values["text"])
    return Hits(query, await context.client.search(query, limit=values["limit"] or 20))


async def health(context: Context, values: Values) -> Result:
    return Health(await context.client.health(), context.client.url)


COMMANDS = (
    Command(
        "search",
        "Search all sessions' words, also of machines that are off",
        search,
        (
            positional("text", "words to find", many=True, text=True),
            option("limit", "at most so many (20)", type=int, metavar="N"),
        ),
        examples=(("search learning rate schedule", ""),),
        family=FAMILY,
    ),
    Command(
        "health",
        "Tell whether the server is well",
        health,
        (),
        examples=(("health", ""),),
        family=FAMILY,
        starts=False,
    ),
)
