"""The verbs on sessions, and what reaches them from the machines.

A session is a row before anything is sent: the first prompt with it, so that no reader of
the answer can be ahead of the store (start), and whoever asks again by the same id gets the
same session. What a person may wait for is bounded; what was promised (`stored`) is kept by
the outbox however long the machine is away.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from codecast_agent.protocol import budget as budgets
from codecast_agent.protocol.errors import CodecastError

from . import names, prompts, rows, usage
from .actor import Actor
from .feed import Feed
from .ingest import state_of
from .launching import START_LIMIT, Launcher
from .prompts import Content
from .rows import Found
from .store import Store, storable

if TYPE_CHECKING:
    from .hub import Hub

T = TypeVar("T")
Listing = list[dict[str, Any]]
MODES = ("auto", "code", "plan", "ask")
CALL_LIMIT = 60.0
LINK_LIMIT = 30.0  # seconds a verb waits for a machine that is away
LIVING = ("starting", "ready")  # what `process` of a state says while there is one
SHOWN_WITHIN = 5.0  # seconds for a machine's word to be in the store


class Sessions:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.store: Store = hub.store
        self.feed: Feed = hub.feed
        self._launcher = Launcher(hub, self.over_link)

    # -- reading

    async def list(
        self, machine: str | None = None, status: str | None = None, all: bool = False
    ) -> Listing:
        """Sessions, the newest first; `all` also those that wait for their removal."""

        def job(db: sqlite3.Connection) -> Listing:
            found = db.execute(
                "SELECT * FROM sessions WHERE gone <= ? AND (? IS NULL OR machine = ?)"
                " ORDER BY created DESC",
                (int(all), machine, machine),
            )
            return [self._json(row) for row in found]

        sessions = await self.store.read(job)
        return [s for s in sessions if status in (None, s["state"]["status"])]

    async def get(self, session: str) -> dict[str, Any]:
        """By id, name or a prefix only it has. Raises CodecastError `not_found`, `conflict`."""

        def job(db: sqlite3.Connection) -> dict[str, Any]:
            row = rows.by_id(db, rows.find(db, session).id)
            assert row is not None
            return self._json(row)

        return await self.store.read(job)

    async def find(self, session: str) -> Found:
        """Likewise, without its state."""
        return await self.store.read(lambda db: rows.find(db, session))

    async def prompts(self, session: str) -> Listing:
        """All prompts of a session, in the order of sending, or that which they were moved to."""

        def job(db: sqlite3.Connection) -> Listing:
            found = rows.find(db, session)
            every = db.execute("SELECT * FROM prompts WHERE session = ? ORDER BY num", (found.num,))
            return [prompts.to_json(row, found.id) for row in every]

        return await self.store.read(job)

    async def usage(self, session: str) -> dict[str, Any]:
        """What its turns took, see `usage.of_session`; nothing of it asks the machine."""

        def job(db: sqlite3.Connection) -> dict[str, Any]:
            row = rows.by_id(db, rows.find(db, session).id)
            assert row is not None
            return usage.of_session(db, row, state_of(row), time.time())

        return await self.store.read(job)

    async def usages(self) -> Listing:
        """That of all sessions, the newest first, without the turns."""

        def job(db: sqlite3.Connection) -> Listing:
            found = db.execute("SELECT * FROM sessions WHERE gone = 0 ORDER BY created DESC")
            now = time.time()
            told = [usage.of_session(db, row, state_of(row), now) for row in found]
            return [{key: each[key] for key in each if key != "turns"} for each in told]

        return await self.store.read(job)

    def _json(self, row: sqlite3.Row) -> dict[str, Any]:
        return rows.to_json(row, self._hub.online(row["machine"]))

    # -- starting

    async def start(
        self,
        machine: str,
        cwd: str,
        cli: str | None = None,
        mode: str | None = None,
        model: str | None = None,
        name: str | None = None,
        prompt: str | Content | None = None,
        id: str | None = None,
        create_directory: bool = False,
        native: str | None = None,
        fork: bool = False,
        history: bool = False,
        budget: Mapping[str, Any] | None = None,
        put_skills: bool = True,
        *,
        actor: Actor,
    ) -> dict[str, Any]:
        """Start a session; answers when its CLI is ready. The same `id` again is the same session.

        `native` is a conversation of the CLI's own to go on with, or to `fork`; `history` brings
        what was said in it. `budget` (see `protocol.budget`) goes before what codecast.yaml says
        of each limit; None lifts one. `put_skills`: the folder of codecast.yaml is brought to the
        project first, and the answer has what became of that as `skills`, see `skills.Report`.

        Raises CodecastError and then leaves nothing behind: not here and, unless the link
        was lost at the wrong moment (removed when it returns), not on the machine.
        """
        defaults = self._hub.defaults(machine)
        cli = cli or defaults.get("cli") or "claude"
        mode = mode or defaults.get("mode") or "code"
        model = model or defaults.get("model")
        if mode not in MODES:
            raise CodecastError(
                "bad_request", f"There is no mode {mode!r}.", f"Modes are {', '.join(MODES)}."
            )
        if not cwd or "\0" in cwd:
            raise CodecastError("bad_request", "A session needs a directory to work in.")
        if storable(cwd) != cwd:
            raise CodecastError("bad_request", f"The directory {cwd!r} has a name that is no text.")
        content = prompts.content_of(prompt) if prompt is not None else None
        limits = budgets.changed(defaults, budgets.check(budget or {}))
        wanted = names.check(name) if name is not None else None
        session = _session_id(id)
        facts: dict[str, Any] = {
            "machine": machine,
            "cli": cli,
            "cwd": cwd,
            "mode": mode,
            "model": model,
        }
        if (fork or history) and not native:
            raise CodecastError(
                "bad_request",
                "There is no word of which conversation to go on with.",
                "Name it by `native`: GET /machines/{machine}/history lists them.",
            )
        spec = {
            "create_directory": create_directory,
            "native": native,
            "fork": fork,
            "history": history,
            "budget": limits,
            "put_skills": put_skills,
        }

        def job(db: sqlite3.Connection) -> tuple[Found, bool]:
            known = rows.by_id(db, session)
            if known is not None:
                _same(known, facts)
                return rows.find(db, session), False
            if wanted is not None:
                rows.free_name(db, wanted)
            now = time.time()
            found = rows.insert(
                db,
                id=session,
                name=wanted or names.invent(lambda n: rows.taken(db, n)),
                spec=spec,
                owner=actor.by,
                created=now,
                delivery="stored",
                **facts,
            )
            if content is not None:
                # one id for every repetition of this start
                first = str(uuid.uuid5(uuid.UUID(session), "first prompt"))
                prompts.add(db, found.num, first, content, actor, now)
            return found, True

        report = None
        async with self._launcher.one(session):
            found, new = await self.store.write(job, durable=True)
            if new or found.delivery == "stored":
                report = await self._launcher.launch(found)
        return {**await self.get(session), **({"skills": report} if report else {})}

    async def launch_again(self, found: Found) -> None:
        """Start a session whose hub died while it was starting: nobody waits for the answer."""
        await self._launcher.again(found)

    # -- prompts

    async def prompt(
        self,
        session: str,
        content: str | Content,
        *,
        actor: Actor,
        id: str | None = None,
        steer: bool = False,
    ) -> dict[str, Any]:
        """Store a prompt and let the outbox deliver it. The same id again is the same prompt.

        Raises CodecastError `bad_request`, `too_large`, `conflict`, `not_found`, `disk_full`.
        """
        blocks, prompt = prompts.content_of(content), prompts.check_id(id)

        def job(db: sqlite3.Connection) -> tuple[str, str, dict[str, Any], bool]:
            found = rows.find(db, session)
            if found.delivery == "failed":
                raise CodecastError(
                    "conflict",
                    f"{found.name} never started, so it cannot be prompted.",
                    "Remove it and start another.",
                )
            row, new = prompts.add(db, found.num, prompt, blocks, actor, time.time(), steer)
            return found.id, found.machine, prompts.to_json(row, found.id), new

        key, machine, out, new = await self.store.write(job, durable=True)
        if new:
            self.feed.changed(("prompt", out["id"]))
            self._hub.keep(machine)
        self._hub.outbox.kick(key)
        return out

    async def edit_prompt(
        self, session: str, prompt: str, content: str | Content, *, actor: Actor
    ) -> dict[str, Any]:
        """Change a prompt that waits. Raises CodecastError("conflict") when it no longer does."""
        blocks = prompts.content_of(content)
        found = await self.find(session)
        await self._hub.outbox.change(found, prompt, actor, blocks)
        return await self._prompt(found, prompt)

    async def cancel_prompt(self, session: str, prompt: str, *, actor: Actor) -> dict[str, Any]:
        """Take a waiting prompt back. Raises CodecastError("conflict") when it no longer waits."""
        found = await self.find(session)
        await self._hub.outbox.change(found, prompt, actor, None)
        return await self._prompt(found, prompt)

    async def move_prompt(
        self,
        session: str,
        prompt: str,
        before: str | None = None,
        *,
        id: str | None = None,
        actor: Actor,
    ) -> dict[str, Any]:
        """Put a waiting prompt in front of the waiting one `before`, or to the end; the same `id`
        again is the same move. Raises CodecastError("conflict") when one of them no longer waits.
        """
        move = prompts.check_id(id)
        if prompt == before:
            raise CodecastError("bad_request", "A prompt cannot be put in front of itself.")
        found = await self.find(session)
        await self._hub.outbox.move(found, prompt, before, move, actor)
        return await self._prompt(found, prompt)

    async def _prompt(self, found: Found, prompt: str) -> dict[str, Any]:
        return await self.store.read(
            lambda db: prompts.to_json(prompts.find(db, found.num, prompt), found.id)
        )

    # -- verbs the machine does

    async def interrupt(
        self, session: str, *, cancel_queue: bool = False, actor: Actor
    ) -> dict[str, Any]:
        """End the running turn; answers when it has ended."""
        return await self._verb(session, "interrupt", actor, cancel_queue=cancel_queue)

    async def stop(self, session: str, *, actor: Actor) -> dict[str, Any]:
        """End the CLI and everything it started; the history stays."""
        found = await self._verb(session, "stop", actor)
        return await self._shown(found, lambda state: state["process"] not in LIVING)

    async def resume(self, session: str, *, actor: Actor | None = None) -> dict[str, Any]:
        """Start the CLI again by its own id."""
        return await self._verb(session, "resume", None, limit=START_LIMIT)

    async def set_mode(self, session: str, mode: str, *, actor: Actor) -> dict[str, Any]:
        if mode not in MODES:
            raise CodecastError(
                "bad_request", f"There is no mode {mode!r}.", f"Modes are {', '.join(MODES)}."
            )
        return await self._verb(session, "set_mode", actor, limit=START_LIMIT, mode=mode)

    async def set_model(self, session: str, model: str, *, actor: Actor) -> dict[str, Any]:
        if not model:
            raise CodecastError("bad_request", "A model is named by a word.")
        return await self._verb(session, "set_model", actor, limit=START_LIMIT, model=model)

    async def set_budget(
        self, session: str, budget: Mapping[str, Any], *, actor: Actor
    ) -> dict[str, Any]:
        """Change the limits that are named, None lifts one. Raised, a paused session goes on.

        Raises CodecastError `bad_request`, `not_supported` (an old supervisor).
        """
        change = budgets.check(budget)
        found = await self._verb(session, "set_budget", actor, budget=change)
        wanted = budgets.changed(found["state"]["budget"], change)
        return await self._shown(found, lambda state: bool(state["budget"] == wanted))

    async def rename(
        self, session: str, name: str, *, actor: Actor | None = None
    ) -> dict[str, Any]:
        """Rename here and now; the machine hears of it when it can.

        Raises CodecastError `bad_request` (no name), `conflict` (in use).
        """
        names.check(name)

        def job(db: sqlite3.Connection) -> Found:
            found = rows.find(db, session)
            if found.name.lower() != name.lower():
                rows.free_name(db, name)
            rows.change(db, found.num, name=name)
            return found

        found = await self.store.write(job, durable=True)
        self.feed.changed(("session", found.id))
        self._hub.spawn(self.tell_name(found.id, found.machine, name))
        return await self.get(found.id)

    async def tell_name(self, session: str, machine: str, name: str) -> None:
        """So that other hubs, and this one after a loss, find the session by it."""
        link = self._hub.link_of(machine)
        if link is not None:
            params = {"session": session, "name": name}
            await link.call("session/rename", params, timeout=CALL_LIMIT)

    async def _verb(
        self, session: str, verb: str, actor: Actor | None, limit: float = CALL_LIMIT, **more: Any
    ) -> dict[str, Any]:
        found = await self.find(session)
        params = {"session": found.id, **more, **(actor.fields() if actor else {})}

        async def call(link: Any) -> Any:
            return await link.call(f"session/{verb}", params, timeout=limit)

        await self.over_link(found.machine, call, LINK_LIMIT)
        self._hub.keep(found.machine)
        return await self.get(found.id)

    async def _shown(
        self, session: dict[str, Any], done: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any]:
        """The session once the store has what the machine has done already."""
        async for _ in self.feed.heads(session["id"], SHOWN_WITHIN):
            if done(session["state"]):
                break
            session = await self.get(session["id"])
            if done(session["state"]):  # by an event for which nobody wakes us again
                break
        return session

    # -- ending

    async def destroy(self, session: str, *, actor: Actor) -> bool:
        """End the CLI, remove the session from its machine, and its history.

        True when that is done; False when the machine is away: the session is hidden and
        removed there when it returns.
        """
        found = await self.find(session)
        await self.store.write(lambda db: rows.change(db, found.num, gone=1), durable=True)
        await self._hub.mirror.forget(found.id)
        await self._hub.attachments.forget(found.id)
        self.feed.removed(found.id)
        self._hub.tell("destroyed", {"session": found.id, "machine": found.machine, "by": actor.by})
        self._hub.keep(found.machine)
        link = self._hub.link_of(found.machine)
        return link is not None and await self._hub.outbox.remove(link, found)

    # -- links

    async def over_link(self, machine: str, call: Callable[[Any], Awaitable[T]], limit: float) -> T:
        """`call(link)`, again over the next link when one is lost, for `limit` seconds.

        `call` must be safe to repeat. Raises its CodecastError, or what keeps the machine away.
        """
        found = self._hub.machines.get(machine)
        begun = time.monotonic()
        while True:
            link = found.current
            patience = limit
            try:
                if link is None or link.closed.done():
                    patience = min(limit, LINK_LIMIT)
                    left = begun + limit - time.monotonic()
                    link = await found.link(max(1.0, min(LINK_LIMIT, left)))
                    patience = limit
                return await call(link)
            except CodecastError as error:
                if error.code != "link_lost" or time.monotonic() > begun + patience:
                    raise
                await asyncio.sleep(0.05)


def _session_id(id: object) -> str:
    if id is None:
        return str(uuid.uuid4())
    try:
        return str(uuid.UUID(str(id)))
    except ValueError:
        raise CodecastError("bad_request", f"A session's id is a UUID, not {id!r}.") from None


def _same(row: sqlite3.Row, facts: Mapping[str, Any]) -> None:
    if row["gone"] or any(row[key] != value for key, value in facts.items()):
        raise CodecastError(
            "conflict", f"The id {row['id']} belongs to another session.", "Take a new UUID."
        )
