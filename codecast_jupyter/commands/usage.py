"""Commands for what sessions take: usage told, budgets set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codecast_agent.protocol.budget import words as over_words

from .budgets import BUDGET, given
from .context import Context
from .results import Done, Result, Usage, Usages
from .sessions import find
from .table import SESSION, Command, Values, positional
from .words import budget_words, name

Json = Mapping[str, Any]
FAMILY = "Sessions"


async def usage(context: Context, values: Values) -> Result:
    if values["session"]:
        session = await find(context, values["session"])
        return Usage(await context.client.usage(session["id"]))
    return Usages(await context.client.usages())


async def budget(context: Context, values: Values) -> Result:
    session = await find(context, values["session"])
    change = given(values)
    if change:
        session = await context.client.update_session(session["id"], budget=change)
    state = session.get("state") or {}
    limits, over = state.get("budget") or {}, state.get("over_budget")
    has = f"a budget of {budget_words(limits)}" if limits else "no budget"
    words = f"{name(session)} has {has}."
    if over:
        words += f" It is paused: {over_words(over)}. A higher limit lets it go on."
    return Done(words, {"session": session["id"], "budget": limits, "over_budget": over})


COMMANDS = (
    Command(
        "usage",
        "Tell tokens, cost and time, of one session by turns or of all",
        usage,
        (positional("session", "name or id; all without one", required=False, complete="session"),),
        ("cost",),
        (
            ("usage", "a line for each session"),
            ("usage brave-otter --json", "its turns, for a script"),
        ),
        "As far as each CLI tells. It works while the machine is off, too.",
        FAMILY,
    ),
    Command(
        "budget",
        "Show or change what a session may spend",
        budget,
        (SESSION, *BUDGET),
        examples=(
            ("budget brave-otter", "its limits, and whether one is reached"),
            ("budget brave-otter --max-cost 5", "a paused session goes on"),
            ("budget brave-otter --max-turns none", "lift a limit"),
        ),
        more="At a limit the running turn is interrupted (of turns: no other begins), prompts that"
        " wait stay in the queue, and the session is paused until the limit is raised.",
        family=FAMILY,
    ),
)
