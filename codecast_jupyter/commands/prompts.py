"""Commands for prompts: send, interrupt, the queue."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from codecast_agent.protocol.budget import words as over_words
from codecast_agent.protocol.errors import CodecastError
from codecast_agent.protocol.events import TERMINAL_PROMPT_STATES, WAITING_PROMPT_STATES
from codecast_agent.protocol.events import text as text_block

from .context import Context, waiting
from .files import attached
from .results import Done, Prompted, Prompts, Result, Stream
from .sessions import find
from .table import SESSION, Command, Values, flag, option, positional
from .words import name, one_line

Json = Mapping[str, Any]
FAMILY = "Prompts"
PLACES = ("up", "down", "first", "last")


def _text(context: Context, values: Values) -> str:
    """The prompt's text: words, a file's content, or what was piped in (`-`)."""
    words = " ".join(values["text"])
    parts = []
    if words == "-" or values["file"] == "-":
        if context.read_input is None:
            raise CodecastError(
                "bad_request", "There is no standard input here.", "Give the text itself."
            )
        parts.append(context.read_input())
        words = "" if words == "-" else words
    if values["file"] and values["file"] != "-":
        try:
            parts.append(Path(values["file"]).expanduser().read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise CodecastError(
                "bad_request",
                f"{values['file']} cannot be read: {error}.",
                "It must be a text file in UTF-8.",
            ) from error
    if words:
        parts.insert(0, words)
    text = "\n\n".join(part.rstrip("\n") for part in parts)
    if not text.strip() and not values["attach"]:
        raise CodecastError(
            "bad_request",
            "The prompt is empty.",
            "codecast send SESSION TEXT, or `-` to read it from a pipe.",
        )
    return text


async def send(context: Context, values: Values) -> Result:
    text = _text(context, values)
    session = await find(context, values["session"])
    after = int(session.get("last_seq") or 0)
    identity = str(uuid.uuid4())
    content: str | list[dict[str, Any]] = text
    if values["attach"]:
        blocks = await attached(context, session, values["attach"])
        content = [*([text_block(text)] if text.strip() else []), *blocks]
    prompt = await context.client.prompt(session["id"], content, id=identity, steer=values["steer"])
    state = session.get("state") or {}
    over = state.get("over_budget")
    if over or not values["wait"]:  # nobody can tell how long it would wait
        waiting, away = state.get("prompts") or {}, session.get("link") == "offline"
        return Prompted(prompt, name(session), len(waiting), away, over_words(over) if over else "")
    problem: dict[str, Any] = {}
    events = until_done(context, session["id"], identity, after, problem)
    return Stream(session, _waited_for(context, session, events), problem=problem)


async def _waited_for(
    context: Context, session: Json, events: AsyncIterator[Json]
) -> AsyncIterator[Json]:
    """The events, and until the first one comes what is done meanwhile."""
    machine, id = str(session["machine"]), str(session["id"])
    async with waiting(context, f"waiting for {machine} ...", machine, id):
        first = await anext(events, None)
    if first is not None:
        yield first
        async for event in events:
            yield event


async def until_done(
    context: Context, session: str, prompt: str, after: int, problem: dict[str, Any]
) -> AsyncIterator[Json]:
    """The session's events until this prompt has ended; `problem` is filled when it ended badly,
    or waits for a larger budget, which nobody can tell the end of."""
    turn = None
    over: Json | None = None  # the last `budget_reached` that was not raised since
    async for event in context.client.events(session, after=after):
        yield event
        kind = event.get("type")
        ours = kind == "prompt_state" and event.get("prompt") == prompt
        if kind == "budget_reached":
            over = event
        elif kind == "budget_update":
            over = None
        # that it once waited may be the past, which is read from its beginning
        here = turn is None and (kind == "budget_reached" or ours)
        if over is not None and here and await _held(context, session, prompt):
            problem.update(_paused(over))
            return
        if kind == "turn_started" and prompt in event.get("prompts", []):
            turn = event.get("turn")
        elif kind == "budget_reached" and turn is not None:
            problem.update(_paused(event))
        elif kind == "turn_ended" and turn is not None and event.get("turn") == turn:
            problem.update(event.get("error") or {})
        elif kind == "session_state" and event.get("state") == "failed":
            problem.update(
                event.get("error") or {"code": "cli_failed", "message": "The CLI did not start."}
            )
            return
        elif ours and event.get("state") in TERMINAL_PROMPT_STATES:
            if event["state"] != "done" and not problem:
                problem.update(event.get("error") or _ended(event["state"]))
            return


async def _held(context: Context, session: str, prompt: str) -> bool:
    """Whether the prompt waits for a larger budget."""
    known = await context.client.session(session)
    if not (known.get("state") or {}).get("over_budget"):
        return False
    sent = {found["id"]: found["state"] for found in await context.client.prompts(session)}
    return sent.get(prompt) in WAITING_PROMPT_STATES


def _paused(over: Json) -> Json:
    """The error of a prompt that waits for a larger budget; `over` is the limit reached."""
    return {
        "code": "conflict",
        "message": f"The session is paused: its budget is reached ({over_words(over)}).",
        "hint": "What waits goes on when it is raised: codecast budget SESSION",
    }


def _ended(state: str) -> Json:
    words = {
        "cancelled": ("The prompt was cancelled.", ""),
        "failed": ("The prompt failed.", "`codecast logs SESSION` tells more."),
        "unknown": (
            "Nobody can tell whether the CLI took this prompt before it ended.",
            "Look at the files it may have changed, then send it again or not.",
        ),
    }
    message, hint = words.get(state, (f"The prompt is {state}.", ""))
    return {"code": "cli_failed", "message": message, "hint": hint}


async def interrupt(context: Context, values: Values) -> Result:
    session = await find(context, values["session"])
    running = (session.get("state") or {}).get("turn") is not None
    session = await context.client.interrupt(session["id"], cancel_queue=values["queue"])
    words = f"Interrupted {name(session)}." if running else f"{name(session)} was not running."
    return Done(words, {"session": session, "interrupted": running})


async def queue(context: Context, values: Values) -> Result:
    session = await find(context, values["session"])
    prompts = await context.client.prompts(session["id"])
    waiting = [p for p in prompts if p.get("state") in WAITING_PROMPT_STATES]
    if values["action"] is None:
        return Prompts(name(session), waiting)
    if not values["prompt"]:
        raise CodecastError(
            "bad_request",
            f"Which prompt shall I {values['action']}?",
            f"`codecast queue {name(session)}` lists them.",
        )
    prompt = _waiting(waiting, values["prompt"], name(session))
    if values["action"] == "cancel":
        await context.client.cancel_prompt(session["id"], prompt["id"])
        return Done(f"Cancelled: {one_line(prompt.get('text', ''), 60)}", {"prompt": prompt["id"]})
    if values["action"] == "move":
        return await _move(context, session, waiting, prompt, " ".join(values["text"]))
    text = " ".join(values["text"])
    if text == "-" and context.read_input is not None:
        text = context.read_input().rstrip("\n")
    if not text.strip():
        raise CodecastError(
            "bad_request",
            "What shall it say instead?",
            f"codecast queue {name(session)} edit {values['prompt']} NEW TEXT",
        )
    changed = await context.client.edit_prompt(session["id"], prompt["id"], text)
    return Done(f"It says now: {one_line(text, 60)}", {"prompt": changed})


async def _move(
    context: Context, session: Json, waiting: Sequence[Json], prompt: Json, place: str
) -> Result:
    ids = [str(each["id"]) for each in waiting]
    before = in_front_of(ids, str(prompt["id"]), place)
    moved = await context.client.move_prompt(session["id"], prompt["id"], before)
    order = [id for id in ids if id != prompt["id"]]
    number = (order.index(before) if before else len(order)) + 1
    text = one_line(prompt.get("text", ""), 60)
    return Done(f"Place {number} of {len(ids)}: {text}", {"prompt": moved, "place": number})


def in_front_of(waiting: Sequence[str], prompt: str, place: str) -> str | None:
    """Which of `waiting` a prompt of them goes in front of to have a place, a number from 1 on or
    one of PLACES; None is the end. Raises CodecastError("bad_request")."""
    now = waiting.index(prompt)
    others = [id for id in waiting if id != prompt]
    named = dict(zip(PLACES, (now - 1, now + 1, 0, len(others)), strict=True))
    if place.isdecimal() and int(place) > 0:
        wanted = int(place) - 1
    elif place.lower() in named:
        wanted = max(0, named[place.lower()])
    else:
        raise CodecastError(
            "bad_request",
            "Which place shall it have?" if not place else f"{one_line(place)!r} is no place.",
            f"A number of the list, or {', '.join(PLACES[:-1])} or {PLACES[-1]}.",
        )
    return others[wanted] if wanted < len(others) else None


def _waiting(waiting: Sequence[Json], wanted: str, session: str) -> Json:
    """By number in the queue, or by id or its beginning."""
    if wanted.isdecimal() and 1 <= int(wanted) <= len(waiting):
        return waiting[int(wanted) - 1]
    matching = [p for p in waiting if str(p["id"]).startswith(wanted)]
    if len(matching) == 1:
        return matching[0]
    raise CodecastError(
        "not_found",
        f"No prompt {one_line(wanted)!r} waits in {session}.",
        f"`codecast queue {session}` lists them: a number or the first letters of an id do.",
    )


COMMANDS = (
    Command(
        "send",
        "Send a prompt; while a turn runs it waits in the queue",
        send,
        (
            SESSION,
            positional(
                "text", "the prompt; `-` reads standard input", required=False, many=True, text=True
            ),
            flag("wait", "print the answer as it comes, end with its turn", short="w"),
            flag("steer", "put it into the running turn"),
            option("file", "add this file's text", short="f", metavar="FILE", complete="file"),
            option(
                "attach",
                "send this file too, of any type; may be repeated",
                short="a",
                many=True,
                metavar="FILE",
                complete="file",
            ),
        ),
        ("prompt",),
        (
            ("send brave-otter run the tests", "no quotes needed"),
            (
                "send brave-otter --wait explain this failure -f test.log",
                "with a file; wait for the answer",
            ),
            ("send brave-otter what is this -a plot.png -a data.csv", "with files"),
            ("send brave-otter -", "text from a pipe"),
        ),
        "A machine that is off gets its prompt once, when it returns.",
        FAMILY,
    ),
    Command(
        "interrupt",
        "Stop the running turn; the session goes on",
        interrupt,
        (SESSION, flag("queue", "cancel the waiting prompts too")),
        ("int",),
        (("interrupt brave-otter", ""),),
        family=FAMILY,
    ),
    Command(
        "queue",
        "List, edit, move or cancel prompts that wait",
        queue,
        (
            SESSION,
            positional(
                "action",
                "edit, move or cancel",
                required=False,
                choices=("edit", "move", "cancel"),
            ),
            positional(
                "prompt",
                "its number in the list, or its id",
                required=False,
                metavar="ID",
                complete="prompt",
            ),
            positional(
                "text",
                "what it shall say instead, or its new place",
                required=False,
                many=True,
                text=True,
            ),
        ),
        examples=(
            ("queue brave-otter", "what waits"),
            ("queue brave-otter cancel 2", "forget the second"),
            ("queue brave-otter edit 1 run only the fast tests", ""),
            ("queue brave-otter move 3 1", "the third is next; also up, down, first, last"),
        ),
        family=FAMILY,
    ),
)
