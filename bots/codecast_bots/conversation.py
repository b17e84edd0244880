"""One place that shows one session: events in, wanted messages out.

Follows the session by a cursor that is kept with the view, so a restart takes up where the last
one was. Rendering is done at most every `EVERY` seconds; the outbox sends what is newest.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.client import AsyncClient
from codecast_jupyter.commands.words import name
from codecast_jupyter.waiting import within

from .outbox import Outbox
from .platforms.contract import Adapter, Place
from .rendering import Style, render
from .requests import Action, Picks, actions
from .store import Store
from .view import Block, View

log = logging.getLogger(__name__)
Json = Mapping[str, Any]
EVERY = 0.05  # seconds between two renderings
TICK = 10.0  # seconds after which a timer moves on
AGAIN = 5.0  # seconds before a server that failed is asked again
AFTER_TURN = Callable[["Conversation", Block], Awaitable[None]]


class Conversation:
    """`ended(conversation, why)` is called when the session is gone; `after_turn` at each end of
    a turn, once even over restarts as far as its end was not settled."""

    def __init__(
        self,
        place: Place,
        session: Json,
        client: AsyncClient,
        adapter: Adapter,
        store: Store,
        outbox: Outbox,
        style: Json,
        ended: Callable[[Conversation, str], None],
        after_turn: AFTER_TURN,
    ) -> None:
        self.place = place
        self.id = str(session["id"])
        self.name = name(session)
        self.machine = str(session.get("machine") or "")
        self.client = client
        self.adapter = adapter
        self.store = store
        self.outbox = outbox
        self.style = dict(style)
        self.view = View()
        self._ended = ended
        self._after_turn = after_turn
        self._changed = asyncio.Event()
        self._known = 0
        self.caught_up = asyncio.Event()  # with what was known at the start
        self._working: bool | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self, fresh: bool) -> None:
        """Take up where it was; else from its first event when `fresh`, or from now on."""
        kept = self.store.snapshot(self.place)
        now = await self.client.session(self.id)
        # what stands there may show events that are read again: until then nothing is changed
        self._known = int(now.get("last_seq") or 0)
        if kept is not None and kept[0] == self.id:
            self.view = View.from_json(kept[1])
            before = str(self.view.state["name"] or self.name)
            if before != self.name:  # it was renamed while the bots were away
                self.name, title = before, self.name
                await self._named(title)
        elif not fresh:
            self.view = View(now["state"], int(now.get("last_seq") or 0))
            found = await self.client.requests(self.id)
            self.view.add_open_requests([r for r in found if r.get("outcome", "open") == "open"])
        self.store.put_snapshot(self.place, self.id, self.view.to_json())
        self._changed.set()
        self._tasks = [
            asyncio.create_task(run()) for run in (self._follow, self._flow, self._clear)
        ]

    async def stop(self) -> None:
        mine = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not mine]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._tasks = []
        if self._working:
            await self._work(False)

    def changed(self) -> None:
        """Something outside of the events did: what was picked, the style, a name."""
        self._changed.set()

    @property
    def picks(self) -> Picks:
        return self.store.picks(self.id)

    def requests(self) -> list[Block]:
        """Blocks of requests that are open, the oldest first."""
        return [b for b in self.view.blocks if b["kind"] == "request" and not b["done"]]

    def find(self, token: str) -> tuple[Block, Action] | None:
        """The request and what the control does; also of one that is decided."""
        for block in self.view.blocks:
            if block["kind"] == "request":
                action = actions(self.id, block["request"]).get(token)
                if action is not None:
                    return block, action
        return None

    def request_of(self, ref: str) -> Block | None:
        """The request that a message shows."""
        head = self.outbox.key(ref).partition("/")[0]
        return next((b for b in self.view.blocks if b["id"] == head and "request" in b), None)

    # -- tasks

    async def _follow(self) -> None:
        while True:
            try:
                async for event in self.client.events(self.id, after=self.view.seq):
                    self.view.apply(event)
                    if self.view.state["name"]:
                        await self._named(str(self.view.state["name"]))
                    self._changed.set()
                    if event.get("type") == "turn_ended":
                        await self._turn_ended()
                self._ended(self, f"{self.name} was removed.")
                return
            except CodecastError as error:
                if error.code == "not_found":
                    self._ended(self, f"{self.name} does not exist any more.")
                    return
                log.warning("following %s: %s", self.name, error.message)
            await asyncio.sleep(AGAIN)

    async def _named(self, name: str) -> None:
        """A thread's title follows the session's name."""
        before, self.name = self.name, name
        if before != name and self.place.thread is not None:
            await self.adapter.rename_thread(self.place, name, before)

    async def _turn_ended(self) -> None:
        end = next((b for b in reversed(self.view.blocks) if b["kind"] == "end"), None)
        if end is None:
            return
        try:
            await self._after_turn(self, end)
        except CodecastError as error:
            log.warning("after a turn of %s: %s", self.name, error.message)

    async def _flow(self) -> None:
        while True:
            timers = self.style["tool_display"] == "timer" and self.view.running
            with contextlib.suppress(asyncio.TimeoutError):
                await within(self._changed.wait(), TICK if timers else None)
            self._changed.clear()
            self._want()
            if self._working != self.view.running:
                await self._work(self.view.running)
            await asyncio.sleep(EVERY)

    def _want(self) -> None:
        if self.view.seq < self._known:
            return
        self.caught_up.set()
        style = Style(
            self.id, self.name, self.machine, self.place.platform, self.style["tool_display"]
        )
        self.outbox.want(render(self.view, style, self.outbox.limits, time.time(), self.picks))

    async def _work(self, on: bool) -> None:
        self._working = on
        try:
            await self.adapter.working(self.place, on)
        except Exception as error:  # only a sign that something is done
            log.info("typing: %s", error)

    async def _clear(self) -> None:
        """Forget what stands there for good, on disk and in memory at once."""
        while True:
            await self.outbox.delivered()
            ended = any(block["kind"] in ("end", "note") for block in self.view.blocks)
            if not ended or self.view.seq < self._known:
                continue
            self._want()
            complete = self.outbox.complete()
            shown = self.outbox.blocks()
            complete |= {str(b["id"]) for b in self.view.blocks if b["id"] not in shown}
            dropped = self.view.settle(complete)
            if dropped:
                with self.store.together():
                    keys = self.outbox.forget(dropped)
                    self.store.remove_sent(self.place, keys)
                    self.store.put_snapshot(self.place, self.id, self.view.to_json())
