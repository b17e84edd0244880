"""Commands for what agents ask: list, answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from codecast_agent.protocol.errors import CodecastError

from .choices import answer as read_answer
from .choices import told
from .context import Context
from .results import Answered, Requests, Result
from .sessions import find
from .table import SESSION, Command, Values, flag, option, positional
from .words import name, one_line, who

Json = Mapping[str, Any]
FAMILY = "Requests"


async def requests(context: Context, values: Values) -> Result:
    if values["session"]:
        session = await find(context, values["session"])
        found = await context.client.requests(session["id"])
        names = {str(session["id"]): name(session)}
    else:
        found = await context.client.requests()
        names = (
            {str(s["id"]): name(s) for s in await context.client.sessions(all=True)}
            if found
            else {}
        )
    return Requests([r for r in found if r.get("outcome", "open") == "open"], names)


async def answer(context: Context, values: Values) -> Result:
    session = await find(context, values["session"])
    found = await context.client.requests(session["id"])
    opened = [r for r in found if r.get("outcome", "open") == "open"]
    words = list(values["choice"])
    request = _which(opened, found, words, name(session))
    body: dict[str, Any]
    if values["decline"]:
        body = {"declined": True}
    else:
        if not words:
            raise CodecastError(
                "bad_request",
                "What is the answer?",
                f"`codecast show {name(session)}` lists the choices.",
            )
        body = dict(read_answer(request, words))
    if values["message"]:
        body["message"] = values["message"]
    try:
        resolved = await context.client.answer(session["id"], request["request"], **body)
    except CodecastError as error:
        if error.code != "already_resolved":
            raise
        person = who(error.data)
        raise CodecastError(
            error.code,
            f"It was answered already{_by(person)}.",
            "Nothing was changed by this answer.",
            data=error.data,
        ) from error
    return Answered(resolved, f"{one_line(request.get('title', ''), 60)}: {told(request, body)}")


def _by(person: str) -> str:
    return f" {person}" if person.startswith("on ") else f" by {person}" if person else ""


def _which(opened: Sequence[Json], found: Sequence[Json], words: list[str], session: str) -> Json:
    """The request that is meant; its id is taken from the head of `words` if it is there."""
    if words:
        for request in found:
            wanted = str(request["request"])
            if words[0] == wanted or (
                len(words) > 1 and len(words[0]) > 3 and wanted.startswith(words[0])
            ):
                del words[0]
                return request
    if len(opened) == 1:
        return opened[0]
    if not opened:
        raise CodecastError(
            "not_found", f"{session} asks nothing at the moment.", "`codecast requests` lists all."
        )
    listed = "; ".join(f"{r['request']}: {one_line(r.get('title', ''), 50)}" for r in opened)
    raise CodecastError(
        "bad_request",
        f"{session} has {len(opened)} open requests: which one?",
        f"codecast answer {session} REQUEST CHOICE, where REQUEST is one of {listed}",
    )


COMMANDS = (
    Command(
        "requests",
        "List what waits for an answer",
        requests,
        (positional("session", "of this session only", required=False, complete="session"),),
        ("inbox",),
        (("requests", "of all sessions"),),
        family=FAMILY,
    ),
    Command(
        "answer",
        "Answer a permission request or a question",
        answer,
        (
            SESSION,
            positional(
                "choice",
                "a number, y (once), a (always), n (no), a label, or own words; an id of a request"
                " may stand before it",
                required=False,
                many=True,
                text=True,
                metavar="[REQUEST] CHOICE",
                complete="choice",
            ),
            option("message", "words for the agent beside the answer", short="m", metavar="TEXT"),
            flag("decline", "tell the agent that you will not answer"),
        ),
        (),
        (
            ("answer brave-otter y", "allow it this once"),
            ("answer brave-otter n use pytest instead", "refuse, and say why"),
            ("answer brave-otter 1,3", "several choices of a question"),
        ),
        "The first valid answer counts, wherever it is given.",
        FAMILY,
    ),
)
