"""Commands for what was begun by hand: list the CLIs' own conversations, adopt one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from codecast_agent.protocol.errors import CodecastError

from .budgets import BUDGET, given
from .context import Context, on_machine, waiting
from .results import Conversations, Follow, Result, Started
from .sessions import NO_SKILLS, ready_machine, skills_words
from .table import MACHINE, MODES, Command, Values, flag, option, positional
from .words import one_line

Json = Mapping[str, Any]
FAMILY = "Sessions"


async def history(context: Context, values: Values) -> Result:
    machine, limit = values["machine"], values["limit"]

    async def call() -> Sequence[Json]:
        return await context.client.machine_history(
            machine, cli=values["cli"], query=values["query"], limit=limit
        )

    found = await on_machine(context, machine, call)
    names: dict[str, str] = {}
    if any(each.get("session") for each in found):
        known = await context.client.sessions(machine=machine, all=True)
        names = {str(s["id"]): str(s.get("name") or "") for s in known}
    return Conversations(machine, found, names)


async def adopt(context: Context, values: Values) -> Result:
    machine = values["machine"]
    await ready_machine(context, machine)
    found = await _find(context, machine, values["conversation"], values["cli"])
    directory = values["directory"] or found["cwd"]
    if not directory:
        raise CodecastError(
            "bad_request",
            f"{found['cli']} does not tell in which directory that was.",
            "Name it by --directory.",
        )
    identity = str(uuid.uuid4())

    async def create() -> Json:
        body: dict[str, Any] = {k: values[k] for k in ("mode", "model", "name") if values[k]}
        limits = given(values)
        if limits:
            body["budget"] = limits
        if values["no_skills"]:
            body["skills"] = False
        async with waiting(context, f"adopting on {machine} ...", machine, identity):
            return await context.client.start(
                machine,
                directory,
                id=identity,
                cli=found["cli"],
                native=found["native"],
                fork=values["fork"],
                history=True,
                **body,
            )

    session = await on_machine(context, machine, create)
    words = skills_words(session)
    if values["fork"]:
        words = f"A fork: the conversation itself stays as it is. {words}".rstrip()
    if values["attach"]:
        return Follow(session, None, words)
    return Started(session, words)


async def _find(context: Context, machine: str, id: str, cli: str | None) -> Json:
    """The conversation whose id is or begins with `id`. Raises `not_found` or `conflict`."""

    async def call() -> Sequence[Json]:
        return await context.client.machine_history(machine, cli=cli, query=id)

    listed = await on_machine(context, machine, call)
    matching = [each for each in listed if str(each["native"]).startswith(id)]
    exact = [each for each in matching if each["native"] == id]
    if len(exact or matching) == 1:
        return (exact or matching)[0]
    lister = f"`codecast history {machine}` lists them."
    if not matching:
        raise CodecastError(
            "not_found", f"No CLI has a conversation {one_line(id, 60)!r} on {machine}.", lister
        )
    some = ", ".join(f"{each['native']} ({each['cli']})" for each in matching[:4])
    raise CodecastError(
        "conflict", f"{one_line(id, 60)!r} fits several conversations: {some}.", "Write more of it."
    )


COMMANDS = (
    Command(
        "history",
        "List what Claude, Codex, Gemini and OpenCode keep of conversations on a machine",
        history,
        (
            MACHINE,
            option("cli", "of this CLI only", short="c", complete="cli"),
            option("query", "words in title, directory or id", short="q", metavar="WORDS"),
            option("limit", "at most so many, 50 by default", type=int, metavar="N"),
        ),
        examples=(
            ("history gpu-1", "the newest first, begun by hand or by us"),
            ('history gpu-1 -c claude -q "loss nan"', "those about something"),
        ),
        more="`codecast adopt` goes on with one of them.",
        family=FAMILY,
    ),
    Command(
        "adopt",
        "Go on with a conversation that was begun by hand",
        adopt,
        (
            MACHINE,
            positional(
                "conversation",
                "its id, or the beginning of it: see `codecast history`",
                metavar="ID",
                complete="conversation",
            ),
            flag("fork", "go on with a copy and leave it as it is", short="f"),
            option("name", "a name you can say; one is made up otherwise", short="n"),
            option("cli", "of this CLI", short="c", complete="cli"),
            option("mode", "auto, code, plan or ask", choices=MODES, complete="mode"),
            option("model", "the CLI's model", complete="model"),
            option("directory", "where it works; by default where it was", complete="directory"),
            *BUDGET,
            NO_SKILLS,
            flag("attach", "watch it right away", short="a"),
        ),
        examples=(
            ("adopt gpu-1 3a5278d9", "its history comes along"),
            ("adopt gpu-1 3a5278d9 --fork -n try-two", "leave it as it is"),
        ),
        more="One that another process is writing is refused: end it there, or fork it.",
        family=FAMILY,
    ),
)
