"""Commands for sessions: start, look, watch, end."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from codecast_agent.protocol.errors import CodecastError
from codecast_agent.protocol.events import WAITING_PROMPT_STATES

from .budgets import BUDGET, given
from .context import Context, connected, on_machine, waiting
from .results import Done, Follow, Result, Session, Sessions, Started, Stream
from .table import MODES, SESSION, Command, Values, flag, nearest, option, positional
from .words import name, one_line

Json = Mapping[str, Any]
FAMILY = "Sessions"
ENDED = ("stopped", "failed")  # statuses that lists leave out
ANSWER_WITHIN = 3.0  # seconds in which a CLI says whether it takes a setting
TAIL = 200  # events shown before the live ones
NO_SKILLS = flag("no-skills", "leave your instructions and skills out of the project")


def place(context: Context, machine: str, directory: str | None) -> tuple[str, str]:
    """`(machine, directory)` from `MACHINE DIRECTORY` or `MACHINE:DIRECTORY`.

    A relative directory on `local` counts from where the person stands. A shell expands `~`
    before we see it, so this computer's home is turned back into `~` for other machines.
    """
    if directory is None and ":" in machine:
        machine, _, directory = machine.partition(":")
    if machine == "local":
        directory = context.cwd if directory is None else directory
        if not directory.startswith(("/", "~")):
            directory = context.cwd.rstrip("/") + "/" + directory
        return machine, directory
    if not directory:
        raise CodecastError(
            "bad_request",
            f"In which directory of {machine} shall it work?",
            f"codecast start {machine} ~/project",
        )
    home = context.home.rstrip("/")
    if home and (directory == home or directory.startswith(home + "/")):
        directory = "~" + directory[len(home) :]
    return machine, directory


async def find(context: Context, session: str) -> Json:
    """The session of that name or id.

    Raises CodecastError("not_found") that names the nearest one.
    """
    try:
        return await context.client.session(session)
    except CodecastError as error:
        if error.code != "not_found":
            raise
        known = await context.client.sessions(all=True)
        near = nearest(session, [str(s["name"]) for s in known if s.get("name")])
        raise CodecastError(
            "not_found",
            f"There is no session {one_line(session)!r}."
            + (f" Did you mean {near!r}?" if near else ""),
            "`codecast ls --all` lists them.",
        ) from None


async def ready_machine(context: Context, machine: str) -> Json:
    """The machine, connected if it can be; what stands in the way is asked about.

    A machine that cannot be reached now is returned as it is: its sessions wait for it.
    Raises CodecastError for what waiting will not heal.
    """

    found = await context.client.machine(machine)
    if found.get("state") == "online":
        return found
    try:
        return await connected(context, machine)
    except CodecastError as error:
        if error.code in ("unreachable", "link_lost"):
            return await context.client.machine(machine)
        raise


async def start(context: Context, values: Values) -> Result:
    machine, directory = place(context, values["machine"], values["directory"])
    now = await ready_machine(context, machine)

    async def create() -> Json:
        body: dict[str, Any] = {
            key: values[key] for key in ("cli", "mode", "model", "name", "prompt") if values[key]
        }
        limits = given(values)
        if limits:
            body["budget"] = limits
        if values["no_skills"]:
            body["skills"] = False
        text = f"starting {values['cli'] or 'the CLI'} in {directory} on {machine} ..."
        async with waiting(context, text, machine, identity):
            return await context.client.start(
                machine, directory, id=identity, create_directory=values["create"], **body
            )

    identity = str(uuid.uuid4())
    session = await on_machine(context, machine, create)
    words = skills_words(session)
    if now.get("state") != "online" and session.get("delivery") == "stored":
        words = f"{machine} is {now.get('state')}: it starts when the machine returns."
    if values["attach"]:
        return Follow(session, 0, words)
    return Started(session, words)


def skills_words(session: Json) -> str:
    """What became of the person's instructions and skills at a start; empty for nothing."""
    report = session.get("skills") or {}
    added, skipped = report.get("added") or [], report.get("skipped") or []
    words = [f"added {', '.join(added) if len(added) < 4 else f'{len(added)} files'}"] * bool(added)
    words += [f"skipped {one_line(each['path'])} ({each['reason']})" for each in skipped[:5]]
    words += [f"skipped {len(skipped) - 5} more"] * (len(skipped) > 5)
    if report.get("problem"):
        words.append(str(report["problem"].get("message", "")).rstrip("."))
    return f"Skills: {'; '.join(words)}." if words else ""


async def ls(context: Context, values: Values) -> Result:
    found = await context.client.sessions(machine=values["machine"], all=True)
    shown = found if values["all"] else [s for s in found if _status(s) not in ENDED]
    return Sessions(shown, len(found) - len(shown))


def _status(session: Json) -> str:
    return str((session.get("state") or {}).get("status", ""))


async def show(context: Context, values: Values) -> Result:
    session = await find(context, values["session"])
    last = int(session.get("last_seq") or 0)
    count = TAIL // 5 if values["events"] is None else values["events"]
    events = await history(context, session["id"], max(0, last - count), last) if count else []
    prompts = await context.client.prompts(session["id"])
    requests = await context.client.requests(session["id"])
    return Session(
        session,
        events,
        [p for p in prompts if p.get("state") in WAITING_PROMPT_STATES],
        [r for r in requests if r.get("outcome", "open") == "open"],
    )


async def history(context: Context, session: str, after: int, until: int) -> Sequence[Json]:
    """Events `after` < seq <= `until`, read page by page."""
    events: list[Json] = []
    while after < until:
        page = await context.client.history(session, after=after)
        found = [event for event in page["events"] if event["seq"] <= until]
        events.extend(found)
        if not found or not page.get("more"):
            break
        after = found[-1]["seq"]
    return events


async def attach(context: Context, values: Values) -> Result:
    return Follow(await find(context, values["session"]), values["from"])


async def logs(context: Context, values: Values) -> Result:
    session = await find(context, values["session"])
    last = int(session.get("last_seq") or 0)
    after = values["after"]
    if after is None:
        after = max(0, last - values["last"]) if values["last"] else 0
    if values["follow"]:
        return Stream(session, context.client.events(session["id"], after=after), values["raw"])

    async def pages() -> Any:
        position = after
        while True:
            page = await context.client.history(session["id"], after=position)
            for event in page["events"]:
                yield event
            if not page["events"] or not page.get("more"):
                return
            position = page["events"][-1]["seq"]

    return Stream(session, pages(), values["raw"])


async def stop(context: Context, values: Values) -> Result:
    session = await find(context, values["session"])
    session = await context.client.stop(session["id"])
    return Done(
        f"Stopped {name(session)}. A prompt or `codecast resume {name(session)}` starts it again.",
        {"session": session},
    )


async def resume(context: Context, values: Values) -> Result:
    session = await find(context, values["session"])
    await ready_machine(context, session["machine"])
    session = await context.client.resume(session["id"])
    return Done(f"Resumed {name(session)}: {_status(session)}.", {"session": session})


async def rm(context: Context, values: Values) -> Result:
    removed, words = [], []
    for wanted in values["session"]:
        session = await find(context, wanted)
        busy = not values["force"] and _status(session) in ("running", "waiting")
        if busy and not await context.ask.confirm(
            f"{name(session)} is {_status(session)}. End it and delete its history?",
            "",
            f"codecast rm --force {name(session)}",
        ):
            continue
        await context.client.remove(session["id"])
        removed.append(session["id"])
        away = f" (on {session.get('machine')}: when it returns)"
        words.append(name(session) + (away if session.get("link") == "offline" else ""))
    return Done(
        "Removed " + ", ".join(words) + "." if words else "Nothing removed.", {"removed": removed}
    )


async def rename(context: Context, values: Values) -> Result:
    session = await find(context, values["session"])
    before = name(session)
    session = await context.client.update_session(session["id"], name=values["name"])
    return Done(f"{before} is {name(session)} now.", {"session": session})


async def mode(context: Context, values: Values) -> Result:
    return await _set(context, values["session"], "mode", values["mode"])


async def model(context: Context, values: Values) -> Result:
    return await _set(context, values["session"], "model", values["model"])


async def _set(context: Context, wanted: str, what: str, value: str) -> Result:
    """Set it, and wait a moment for what the CLI says to it: its own word counts.

    Raises CodecastError when the CLI refuses.
    """
    before = await find(context, wanted)
    id = before["id"]
    change: dict[str, Any] = {what: value}
    await context.client.update_session(id, **change)
    taken = await _taken(context, before, what, value)
    session = await context.client.session(id)
    does = f"works in mode {value}" if what == "mode" else f"uses {value}"
    if taken == "asked":
        words = f"{name(session)} {does} once its CLI is started again."
    elif taken:
        words = f"{name(session)} {does} now."
    elif _setting((session.get("state") or {}), what) == value:
        taken, words = "chosen", f"{name(session)} {does}."
    else:
        words = (
            f"{name(session)} was told, but its CLI has not said yet whether it {does}:"
            f" `codecast show {name(session)}` tells later."
        )
    return Done(words, {"session": session, "taken": taken == "chosen" or None})


async def _taken(context: Context, before: Json, what: str, value: str) -> str:
    """What is said within ANSWER_WITHIN of a setting: `chosen` (the CLI took it), `asked` (its next
    start will show) or nothing. Raises what refuses it, which old supervisors tell as a notice."""
    import asyncio  # not for completion, which imports the table

    from codecast_jupyter.waiting import within

    said, lives = "", (before.get("state") or {}).get("process") in ("starting", "ready")

    async def hear() -> str:
        nonlocal said
        events: Any = context.client.events(before["id"], after=int(before.get("last_seq") or 0))
        async with contextlib.aclosing(events):
            async for event in events:
                kind = event.get("type")
                if kind == "config_option_update":
                    if (event.get("asked") or {}).get(what) == value:
                        said = "asked"  # a CLI that runs may be started again for it right now
                        if not lives:
                            return said
                        continue
                    told = (event.get("chosen") or {}).get(what, _setting(event, what))
                    if told == value:
                        return "chosen"
                if kind == "notice" and event.get("level") == "error" and value in event["text"]:
                    raise CodecastError(
                        "not_supported", str(event["text"]), "It goes on as it was."
                    )
        return ""

    try:
        return await within(hear(), ANSWER_WITHIN)
    except asyncio.TimeoutError:
        return said


def _setting(told: Json, what: str) -> Any:
    """The mode or model in an event's fields, or in a session's state."""
    if what == "mode":
        return told.get("class", told.get("mode"))
    return ((told.get("settings") or {}).get("model") or {}).get("value")


COMMANDS = (
    Command(
        "start",
        "Start a session of a CLI in a directory of a machine",
        start,
        (
            positional("machine", "a machine, or MACHINE:DIRECTORY", complete="place"),
            positional(
                "directory",
                "where it works; on `local` here by default",
                required=False,
                complete="directory",
            ),
            option("cli", "which CLI: see `codecast clis MACHINE`", short="c", complete="cli"),
            option("mode", "auto, code, plan or ask", choices=MODES, complete="mode"),
            option("model", "the CLI's model", complete="model"),
            option("name", "a name you can say; one is made up otherwise", short="n"),
            option("prompt", "the first prompt", short="p", metavar="TEXT"),
            *BUDGET,
            flag("create", "make the directory where it is missing"),
            NO_SKILLS,
            flag("attach", "watch it right away", short="a"),
        ),
        ("new",),
        (
            ("start gpu-1 ~/project --cli claude", "start Claude Code there"),
            ("start local . -c demo -a", "try the demo CLI here and watch it"),
            ('start gpu-1:/data/run -p "Why is the loss NaN?"', "start with a prompt"),
            ("start gpu-1 ~/project --max-cost 5 --max-minutes 60", "spend no more than that"),
        ),
        "`~` is the home directory on that machine, also where your shell has put this computer's"
        " in its place.",
        FAMILY,
    ),
    Command(
        "attach",
        "Watch a session live, answer its requests, type prompts",
        attach,
        (SESSION, option("from", "begin after this event", type=int, metavar="SEQ")),
        ("watch",),
        (
            ("attach brave-otter", "its last words, then live"),
            ("attach brave-otter --from 0", "from the beginning"),
        ),
        "Ctrl-C interrupts the running turn, or detaches when there is none; Ctrl-D detaches; /help"
        " tells more. Detaching never affects the CLI.",
        FAMILY,
    ),
    Command(
        "ls",
        "List sessions",
        ls,
        (
            flag("all", "stopped and failed ones too", short="a"),
            option("machine", "of this machine only", short="m", complete="machine"),
        ),
        ("list", "sessions"),
        (
            ("ls", "what runs, and what waits for you"),
            ("ls -a -m gpu-1 --json", "all of gpu-1, for a script"),
        ),
        family=FAMILY,
    ),
    Command(
        "show",
        "Show one session: state, queue, requests, last words",
        show,
        (SESSION, option("events", "how many events of its end", type=int, metavar="N")),
        ("status",),
        (("show brave-otter", "how it stands"),),
        family=FAMILY,
    ),
    Command(
        "logs",
        "Print a session's transcript",
        logs,
        (
            SESSION,
            flag("follow", "go on as it grows", short="f"),
            option("after", "begin after this event", type=int, metavar="SEQ"),
            option("last", "only the last N events", type=int, metavar="N"),
            flag("raw", "the events themselves, one JSON object a line"),
        ),
        ("log",),
        (
            ("logs brave-otter -f", "follow without a keyboard"),
            ("logs brave-otter --raw --after 120", "events from 121 on"),
        ),
        family=FAMILY,
    ),
    Command(
        "stop",
        "End a session's CLI and all it started; keep the session",
        stop,
        (SESSION,),
        examples=(("stop brave-otter", "it can be resumed"),),
        family=FAMILY,
    ),
    Command(
        "resume",
        "Start a stopped session's CLI again, where it was",
        resume,
        (SESSION,),
        examples=(("resume brave-otter", "by the CLI's own history"),),
        family=FAMILY,
    ),
    Command(
        "rm",
        "End sessions and delete them, here and on their machine",
        rm,
        (
            positional("session", "names or ids", many=True, complete="session", implied=True),
            flag("force", "do not ask, even while one runs", short="f"),
        ),
        ("remove", "destroy"),
        (("rm brave-otter", "its history is gone, its files stay"),),
        family=FAMILY,
    ),
    Command(
        "rename",
        "Give a session another name",
        rename,
        (SESSION, positional("name", "the new name")),
        examples=(("rename brave-otter loss-hunt", ""),),
        family=FAMILY,
    ),
    Command(
        "mode",
        "Switch a session's mode",
        mode,
        (SESSION, positional("mode", "auto, code, plan or ask", choices=MODES, complete="mode")),
        examples=(("mode brave-otter plan", "it plans and changes nothing"),),
        family=FAMILY,
    ),
    Command(
        "model",
        "Switch a session's model",
        model,
        (SESSION, positional("model", "a model of its CLI", complete="model")),
        examples=(("model brave-otter opus", ""),),
        family=FAMILY,
    ),
)


def described(session: Json) -> str:
    """`claude in ~/project on gpu-1`."""
    return f"{session.get('cli')} in {session.get('cwd')} on {session.get('machine')}"


__all__ = ["COMMANDS", "TAIL", "described", "find", "history", "place", "ready_machine"]
