"""What was promised while a machine was away: prompts to deliver, sessions to remove.

One task a session sends its stored prompts one after the other, in the order they were
stored, each until the machine has said that it is in the journal; the machine knows a
repeated id, hence every prompt arrives exactly once whatever dies in between. A prompt that
the machine refuses is `failed`, with the reason. What was sent and not confirmed (`tried`)
may be there: it can be changed only together with the machine.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from codecast_agent.protocol.errors import CodecastError

from . import prompts, rows
from .actor import Actor
from .prompts import Content
from .rows import Found

if TYPE_CHECKING:
    from .hub import Hub

log = logging.getLogger(__name__)

DELIVERY_LIMIT = 180.0  # seconds: a dead supervisor is started again by a prompt
PATIENCE = 20.0  # seconds a change of a prompt waits for the machine


class Outbox:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()

    def kick(self, session: str) -> None:
        """There may be something to deliver."""
        task = self._tasks.get(session)
        if task is not None and not task.done():
            self._again.add(session)
            return
        self._tasks[session] = asyncio.get_running_loop().create_task(self._run(session))

    async def close(self) -> None:
        tasks = [task for task in self._tasks.values() if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, session: str) -> None:
        try:
            while True:
                self._again.discard(session)
                async with self._lock(session):
                    while await self._deliver_next(session):
                        pass
                if session not in self._again:
                    return
        except CodecastError as error:
            log.debug("session %s: delivery waits: %s", session, error.message)
        except Exception:
            log.exception("session %s: delivery failed", session)
        finally:
            self._tasks.pop(session, None)

    async def _deliver_next(self, session: str) -> bool:
        """Deliver the oldest stored prompt; False when there is none or the machine is away."""
        row = await self._hub.store.read(lambda db: _oldest(db, session))
        if row is None or row["delivery"] != "started":
            return False
        link = self._hub.link_of(row["machine"])
        if link is None:
            return False
        num, prompt = row["session"], row["id"]
        if not row["tried"]:
            await self._hub.store.write(lambda db: _tried(db, num, prompt))
        content = json.loads(row["content"])
        params = {
            "session": session,
            "prompt": prompt,
            "content": content,
            "by": row["by"],
            "where": row["where"],
            **({"steer": True} if row["steer"] else {}),
        }
        state, problem = "delivered", None
        try:
            await self._hub.attachments.deliver(link, row["machine"], session, content)
            await link.call("session/prompt", params, timeout=DELIVERY_LIMIT)
        except CodecastError as error:
            if error.code == "link_lost":
                return not link.closed.done() and self._hub.link_of(row["machine"]) is not None
            state, problem = "failed", error.to_json()
        changed = await self._hub.store.write(
            lambda db: prompts.set_state(db, num, prompt, state, problem),
            durable=problem is not None,
        )
        if changed:
            self._hub.feed.changed(("prompt", prompt), ("session", session))
        if problem is None:
            await self._hub.attachments.delivered(session, content)
        return True

    async def change(
        self, found: Found, prompt: str, actor: Actor, content: Content | None
    ) -> None:
        """New content for a waiting prompt, or None: take it back. What was changed so already
        is no conflict: somebody may ask again who heard no answer.

        Raises CodecastError `not_found`, `conflict` (it no longer waits), or what keeps away
        the machine that may have it already.
        """

        def here(db: sqlite3.Connection) -> bool:
            if stands(db):
                return True
            row = prompts.waiting(db, found.num, prompt)
            if not prompts.is_ours(row):
                return False
            if content is None:
                prompts.set_state(db, found.num, prompt, "cancelled")
            else:
                prompts.edit(db, found.num, prompt, content)
            return True

        def stands(db: sqlite3.Connection) -> bool:
            return prompts.ended_so(prompts.find(db, found.num, prompt), content)

        if await self._here(found, here, [prompt]):
            return
        verb = "cancel_prompt" if content is None else "edit_prompt"
        params = {"prompt": prompt, **actor.fields()}
        if content is not None:
            params["content"] = content
        seen = await self._hub.store.read(lambda db: prompts.find(db, found.num, prompt))
        try:
            await self._there(found, verb, params, content)
        except CodecastError as error:
            if error.code != "conflict":
                raise
            # asked again after the answer got lost: what it was then begun with may be ours
            await self._settled(found, lambda db: not prompts.is_waiting(db, found.num, prompt))
            if not await self._hub.store.read(stands):
                raise
            return

        def settled(db: sqlite3.Connection) -> bool:
            row = prompts.find(db, found.num, prompt)
            return (row["state"], row["content"]) != (seen["state"], seen["content"])

        await self._settled(found, settled)

    async def move(
        self, found: Found, prompt: str, before: str | None, move: str, actor: Actor
    ) -> None:
        """Put a waiting prompt in front of another one, or to the end; once for each `move`.

        Raises CodecastError `not_found`, `conflict` (one of them no longer waits), `not_supported`
        (an old supervisor), or what keeps away the machine that may have them already.
        """
        touched: list[str] = []

        def here(db: sqlite3.Connection) -> bool:
            if prompts.is_moved(db, found.num, move):
                return True
            both = [prompts.waiting(db, found.num, prompt)]
            if before is not None:
                both.append(prompts.waiting(db, found.num, before))
            if not all(map(prompts.is_ours, both)):
                return False
            touched.extend(prompts.put_before(db, found.num, prompt, before, move))
            return True

        if await self._here(found, here, touched):
            return
        params = {"prompt": prompt, "before": before, "move": move, **actor.fields()}
        seq = int((await self._there(found, "move_prompt", params)).get("seq", 0))
        await self._settled(found, lambda db: rows.has_come(db, found.num, seq))

    async def _here(
        self, found: Found, job: Callable[[sqlite3.Connection], bool], touched: list[str]
    ) -> bool:
        """Change what only we have, and tell of `touched`; False where the machine must."""
        async with self._lock(found.id):
            done = await self._hub.store.write(job, durable=True)
        if done:
            self._hub.feed.changed(*(("prompt", prompt) for prompt in touched))
        return done

    async def _there(
        self, found: Found, verb: str, params: dict[str, Any], content: Content | None = None
    ) -> Any:
        """Ask the machine, once it has all that waits here; its answer."""

        async def call(link: Any) -> Any:
            # first let it be there: one that was sent without an answer may not be
            async with self._lock(found.id):
                while await self._deliver_next(found.id):
                    pass
            if content is not None:
                await self._hub.attachments.deliver(link, found.machine, found.id, content)
            asked = {"session": found.id, **params}
            return await link.call(f"session/{verb}", asked, timeout=PATIENCE)

        return await self._hub.sessions.over_link(found.machine, call, PATIENCE)

    async def _settled(self, found: Found, done: Callable[[sqlite3.Connection], bool]) -> None:
        """The machine's word on the change is stored, or some seconds have passed."""
        async for _ in self._hub.feed.heads(found.id, 5.0):
            if await self._hub.store.read(done):
                return

    # -- removals

    async def remove(self, link: Any, found: Found) -> bool:
        """Remove a session that is marked gone; False when the link is lost meanwhile."""
        try:
            await link.call("session/remove", {"session": found.id}, timeout=60.0)
        except CodecastError as error:
            if error.code == "link_lost":
                return False
            if error.code != "not_found":
                log.warning("session %s could not be removed: %s", found.id, error.message)
                return False
        await self.purge(found.num)
        self._locks.pop(found.id, None)
        self._hub.keep(found.machine)
        return True

    async def discard(self, found: Found) -> None:
        """A start came through after its session was destroyed."""
        link = self._hub.link_of(found.machine)
        if link is not None:
            await self.remove(link, found)

    async def purge(self, num: int) -> None:
        """Delete the rows of a removed session, in slices."""
        store = self._hub.store
        await store.write(lambda db: rows.change(db, num, gone=2), durable=True)
        while await store.write(lambda db: rows.purge(db, num)):
            pass

    def _lock(self, session: str) -> asyncio.Lock:
        return self._locks.setdefault(session, asyncio.Lock())


def _oldest(db: sqlite3.Connection, session: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute(
        "SELECT prompts.*, machine, delivery FROM prompts JOIN sessions ON sessions.num = session"
        " WHERE sessions.id = ? AND gone = 0 AND prompts.state = 'stored'"
        " ORDER BY prompts.num LIMIT 1",
        (session,),
    ).fetchone()
    return row


def _tried(db: sqlite3.Connection, session: int, prompt: str) -> None:
    db.execute("UPDATE prompts SET tried = 1 WHERE session = ? AND id = ?", (session, prompt))
