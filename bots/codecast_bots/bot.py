"""One platform: its adapter, the places that show sessions, and what people say there.

Every event is on disk before it is acted upon, and done once: a prompt by its id, which is made
of the event's; another command that was begun before a crash is not begun again, and its sender
is told. Rights are checked at each event, presses included. What a person waits for never waits
for something long.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.client import AsyncClient
from codecast_jupyter.commands.render import markdown as md
from codecast_jupyter.waiting import within

from . import commands, completing
from .access import Access
from .answering import Answering
from .conversation import Conversation
from .filing import Filing
from .handling import Handling
from .outbox import Outbox
from .pacing import Paces
from .platforms.contract import (
    ActionIn,
    Adapter,
    BadCredentials,
    Event,
    FileIn,
    GoneIn,
    MissingPermission,
    Occupied,
    Person,
    Place,
    PlatformError,
    RateLimited,
    TextIn,
    Unavailable,
)
from .replies import MOST_PARTS, Reply
from .settings import Settings
from .splitting import split
from .store import Store
from .tasks import Tasks

log = logging.getLogger(__name__)
Json = Mapping[str, Any]
SILENT_FOR = 120.0  # seconds without a sign of life after which the adapter is started anew
LOOK_EVERY = 5.0
PRESENT_WITHIN = 10.0
RETRY_FIRST, RETRY_LAST = 1.0, 60.0
TELL_STRANGERS_EVERY = 3600.0


class Bot:
    """`connect(by)` makes a client of the server's API that acts for a person (empty: itself)."""

    def __init__(
        self,
        adapter: Adapter,
        settings: Settings,
        store: Store,
        connect: Callable[[str], AsyncClient],
    ) -> None:
        self.adapter = adapter
        self.settings = settings
        self.store = store
        self.connect = connect
        self.client = connect("")
        own = settings.platforms[adapter.name]
        audit = store.directory / "audit.jsonl"
        self.access = Access(own, store, settings.step_up, audit)
        self.paces = Paces(store, adapter.name)
        self.conversations: dict[Place, Conversation] = {}
        self.problem = ""  # why it does not work now
        self.ready = asyncio.Event()
        self._outboxes: dict[Place, Outbox] = {}
        self._clients: dict[str, AsyncClient] = {}
        self._tasks = Tasks(adapter.name)
        self._told: dict[str, float] = {}
        self._taking: dict[Place, asyncio.Task[Any]] = {}  # places of before the start
        self.handling = Handling(self)
        self.filing = Filing(self)
        self.answering = Answering(self)

    # -- its life

    async def run(self) -> None:
        """Until cancelled. Raises BadCredentials or MissingPermission: somebody must act."""
        wait = RETRY_FIRST
        try:
            while True:
                begun = time.monotonic()
                try:
                    await self._serve()
                except (BadCredentials, MissingPermission):
                    raise
                except (Occupied, RateLimited, Unavailable) as error:
                    self.problem = str(error)
                    log.warning("%s: %s", self.adapter.name, error)
                finally:
                    self.ready.clear()
                    await self._rest()
                    await self.adapter.stop()
                wait = RETRY_FIRST if time.monotonic() - begun > RETRY_LAST else wait * 2
                await asyncio.sleep(min(wait, RETRY_LAST))
        finally:
            for client in [self.client, *self._clients.values()]:
                await client.close()

    async def _serve(self) -> None:
        await self.adapter.start()
        self.problem = ""
        mine = self.adapter.name, self.adapter.account
        for route in self.store.routes(*mine):
            work = self._take_up(route.place, route.session, route.style)
            self._taking[route.place] = self._tasks.spawn(work)
        for place in self.store.reply_places(*mine):
            self.outbox(place)
        self._tasks.spawn(self._publish())
        seen = {**dict.fromkeys(self._taking, ""), **self.store.seen(*mine)}
        self.adapter.catch_up(seen, self.store.made(*mine))
        for event, begun in self.store.pending(self.adapter.name):
            self._tasks.spawn(self._handle(event_from(event), begun))
        self.ready.set()
        listening = asyncio.create_task(self._listen())
        watching = asyncio.create_task(self._watch())
        try:
            done, _ = await asyncio.wait({listening, watching}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (listening, watching):
                task.cancel()
            await asyncio.wait({listening, watching})

    async def _listen(self) -> None:
        async for event in self.adapter.events():
            if self.store.take(event.id, event_to(event)):
                if isinstance(event, TextIn) and event.message and not event.edited:
                    self.store.put_seen(event.place, event.message)
                self._tasks.spawn(self._handle(event, False))
        raise Unavailable("the platform's events ended")

    async def _watch(self) -> None:
        """A connection that is silent for long is dead, whatever the library thinks of it."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            silent = time.monotonic() - self.adapter.health().heard
            if silent > SILENT_FOR:
                raise Unavailable(f"nothing was heard for {silent:.0f} s: connecting anew")

    async def _publish(self) -> None:
        try:
            await self.adapter.publish_commands(completing.menu(self))
        except PlatformError as error:
            log.warning("%s: the menu of commands was not set: %s", self.adapter.name, error)

    async def _rest(self) -> None:
        await self._tasks.end()
        for conversation in list(self.conversations.values()):
            await conversation.stop()
        for outbox in list(self._outboxes.values()):
            await outbox.stop()
        self.conversations.clear()
        self._outboxes.clear()

    def client_for(self, person: Person) -> AsyncClient:
        """The API, with what is done told as done by this person."""
        client = self._clients.get(person.name)
        if client is None:
            if len(self._clients) > 50:
                self._clients.clear()
            client = self._clients[person.name] = self.connect(person.name)
        return client

    # -- places

    def outbox(self, place: Place) -> Outbox:
        outbox = self._outboxes.get(place)
        if outbox is None:
            outbox = Outbox(place, self.adapter, self.store, self.paces, self._lost)
            self._outboxes[place] = outbox
            outbox.start()
        return outbox

    def _lost(self, place: Place, error: PlatformError) -> None:
        self._tasks.spawn(self.unroute(place))

    async def route(self, place: Place, session: Json, fresh: bool) -> Conversation:
        """From now on the place shows this session; what it showed before goes on elsewhere."""
        before = self.conversations.get(place)
        if before is not None and before.id == session["id"]:
            return before
        style = {"tool_display": self.settings.tool_display}
        if before is not None:
            style = before.style
            await self.unroute(place)
        self.store.put_route(place, str(session["id"]), style)
        return await self._converse(place, session, style, fresh)

    async def unroute(self, place: Place) -> None:
        """The place shows no session any more."""
        conversation = self.conversations.pop(place, None)
        if conversation is not None:
            await conversation.stop()
        outbox = self._outboxes.pop(place, None)
        if outbox is not None:
            await outbox.stop()
        self.store.remove_route(place)

    async def _take_up(self, place: Place, session: str, style: Json) -> None:
        """A place that showed a session when the bot was stopped."""
        while True:
            try:
                found = await self.client.session(session)
            except CodecastError as error:
                if error.code == "not_found":
                    self.store.remove_route(place)
                    self.say(place, f"gone/{session}", "The session was removed.")
                    return
                log.warning("%s: %s", self.adapter.name, error.message)
                await asyncio.sleep(LOOK_EVERY)
            else:
                await self._converse(place, found, style, fresh=False)
                return

    async def _converse(
        self, place: Place, session: Json, style: Json, fresh: bool
    ) -> Conversation:
        conversation = Conversation(
            place, session, self.client, self.adapter, self.store, self.outbox(place), style,
            self._session_ended, self.filing.after_turn,
        )  # fmt: skip
        self.conversations[place] = conversation
        await conversation.begin(fresh)
        return conversation

    def _session_ended(self, conversation: Conversation, why: str) -> None:
        async def end() -> None:
            await self.unroute(conversation.place)
            self.say(conversation.place, f"gone/{conversation.id}", why)

        self._tasks.spawn(end())

    # -- saying

    def say(self, place: Place, key: str, body: str, **more: Any) -> None:
        """A reply in Markdown; `key` says what it answers, once. Long ones come as a file too."""
        limits = self.adapter.limits(place)
        if len(split(body, limits.text, limits.size)) > MOST_PARTS:
            path = self.file(f"{key}.md")
            path.write_text(body, "utf-8", "surrogatepass")
            more["files"] = (*more.get("files", ()), ("answer.md", str(path)))
        self.outbox(place).reply(key, Reply(body, **more))

    def complain(self, place: Place, key: str, error: CodecastError, **more: Any) -> None:
        told = CodecastError(error.code, error.message, commands.in_chat(error.hint), error.detail)
        self.say(place, key, "✗ " + md.failure(told), **more)

    def file(self, name: str) -> Path:
        """A path of our own for what is on its way."""
        return self.store.spool.path(name)

    # -- what comes in

    async def _handle(self, event: Event, begun: bool) -> None:
        await self._present(event.place)
        try:
            if isinstance(event, ActionIn):
                await self.answering.press(event)
            elif isinstance(event, TextIn):
                await self._text(event, begun)
            elif isinstance(event, GoneIn):
                await self._gone(event)
        except CodecastError as error:
            self.complain(event.place, event.id, error, reply_to=getattr(event, "message", None))
        except Exception:  # one bad message must not stop those that follow
            log.exception("%s: an event could not be handled", self.adapter.name)
            self.say(
                event.place, event.id, "✗ The bot met an error of its own; its log tells more."
            )
        self.store.done(event.id)

    async def _present(self, place: Place) -> None:
        """Until the place shows what it showed before a restart, if that can be had soon."""
        taking = self._taking.get(place)
        if taking is not None:
            await asyncio.wait({taking}, timeout=PRESENT_WITHIN)
        here = self.conversations.get(place)
        if here is not None:
            with contextlib.suppress(asyncio.TimeoutError):
                await within(here.caught_up.wait(), PRESENT_WITHIN)

    async def _gone(self, event: GoneIn) -> None:
        here = [p for p in self.conversations if p == event.place or p.outer == event.place]
        for place in here:
            old = self.conversations[place]
            await self.unroute(place)
            if event.moved:
                moved = Place(place.platform, place.account, event.moved, place.thread, place.kind)
                await self.route(moved, await self.client.session(old.id), False)

    async def _text(self, event: TextIn, begun: bool) -> None:
        text = event.text.strip()
        here = self.conversations.get(event.place)
        if text.lower().startswith("/pair"):
            await self.handling.pair(event)
            return
        if not self.access.role(event.person) or not self.access.place_allowed(event.place):
            self._stranger(event)
            return
        meant = event.addressed or here is not None or text.startswith("/")
        if event.place.kind == "group" and not meant:
            return
        if event.edited:
            await self.handling.edited(event, here)
        elif await self.answering.words(event, here):
            return
        elif text.startswith("/"):
            if begun:
                self.say(
                    event.place, event.id,
                    "The bot was restarted in the midst of this: look whether it was done.",
                    reply_to=event.message,
                )  # fmt: skip
                return
            await self.handling.command(event, here, text)
        elif text or event.files:
            await self.handling.prompt(event, here, event.text)

    def _stranger(self, event: TextIn) -> None:
        """Say once in a while how to be let in; in groups only to who waits for an answer."""
        self.access.note(event.person, event.place, "text", "not allowed")
        now = time.monotonic()
        last = self._told.get(event.person.id, -TELL_STRANGERS_EVERY)
        if event.person.is_bot or (event.place.kind != "private" and not event.command):
            return
        if now - last < TELL_STRANGERS_EVERY or len(self._told) > 1000:
            return
        self._told[event.person.id] = now
        if self.access.role(event.person):
            words = "I may not speak here yet: an admin of mine can say /pair here."
            self.say(event.place, event.id, words)
            return
        words = (
            f"This bot does not know you: your id is {md.code(event.person.id)}. Who runs it can"
            " add the id to codecast.yaml, or run `codecast bots pair` and tell you the code for"
            " /pair."
        )
        self.say(event.place, event.id, words)


_KINDS: dict[str, type[Event]] = {"text": TextIn, "action": ActionIn, "gone": GoneIn}


def event_to(event: Event) -> dict[str, Any]:
    """An event as it is kept."""
    kind = next(word for word, made in _KINDS.items() if isinstance(event, made))
    values = {f.name: getattr(event, f.name) for f in fields(event) if f.name != "answer"}
    values["place"] = event.place.to_json()
    values["person"] = vars(event.person)
    if isinstance(event, TextIn):
        values["files"] = [vars(file) for file in event.files]
    return {"kind": kind, **values}


def event_from(value: Json) -> Event:
    values = dict(value)
    made = _KINDS[values.pop("kind")]
    values["place"] = Place(**values["place"])
    values["person"] = Person(**values["person"])
    if made is TextIn:
        values["files"] = tuple(FileIn(**file) for file in values["files"])
    if made is ActionIn:
        values["values"] = tuple(values["values"])
    return made(**values)
