"""What comes from Discord, in order, each once; and what was said while nobody listened."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from ..tasks import Spawn
from .contract import (
    Event,
    Forbidden,
    Gone,
    GoneIn,
    Person,
    Place,
    PlatformError,
    RateLimited,
    TextIn,
    Unavailable,
)
from .discord_gateway import Gateway
from .discord_http import Rest
from .discord_objects import (
    addressed,
    channel_of,
    edited_at,
    files_of,
    first_id,
    person_of,
    reply_of,
    sent_at,
    text_of,
    written,
)
from .discord_places import Places
from .discord_presses import Presses
from .discord_threads import Threads

log = logging.getLogger(__name__)
Json = dict[str, Any]
NOT_OLDER = 86400.0  # seconds: what was said earlier while nobody listened is not done any more
PAGE, MOST = 100, 500  # messages read back, at once and in all of one place
TRIES = 5
AT_ONCE = 4  # places read at a time


class Inbox:
    def __init__(
        self,
        gateway: Gateway,
        rest: Rest,
        places: Places,
        threads: Threads,
        spawn: Spawn,
    ) -> None:
        self._gateway = gateway
        self._rest = rest
        self._places = places
        self._threads = threads
        self.presses = Presses(gateway, rest, self._deliver, spawn)
        self._queue: asyncio.Queue[tuple[str, Json] | Event | PlatformError] = asyncio.Queue()
        self._seen: dict[str, int] = {}  # the newest message taken, by channel
        self._since: dict[str, int] = {}  # older ones are not missed, where none was taken
        self._newest: dict[str, int] = {}  # heard of, by channel

    def _deliver(self, event: Event) -> None:
        if isinstance(event, TextIn) and event.message:
            self._threads.wrote(event.message, event.person.id)
            self.watch(event.place, event.message)
        self._queue.put_nowait(event)

    def end(self, error: PlatformError) -> None:
        self._queue.put_nowait(error)

    def catch_up(self, seen: Mapping[Place, str], made: Mapping[Place, str]) -> None:
        for place, message in made.items():
            self.saw(channel_of(place), message)
        for place, message in seen.items():
            self._places.remember(place)
            if message.isdigit():
                self._seen[channel_of(place)] = int(message)
            elif place.thread:
                self.watch(place, place.thread)

    def watch(self, place: Place, message: str) -> None:
        """What is said there from now on must not be missed."""
        self._since.setdefault(channel_of(place), int(message))

    def mark(self, place: Place) -> str:
        """The newest message there; empty where none is known, and a nonce must do."""
        return str(self._newest.get(channel_of(place)) or "")

    def saw(self, channel: str, message: str) -> None:
        self._newest[channel] = max(self._newest.get(channel, 0), int(message))

    def hear(self, kind: str, data: Json) -> None:
        """From the gateway; what must not wait is begun at once."""
        if kind == "INTERACTION_CREATE":
            channel = data.get("channel") or {"id": data["channel_id"]}
            self.presses.take(data, self._places.of_partial(channel, data.get("guild_id")))
        elif kind == "GUILD_DELETE":
            if not data.get("unavailable"):
                self._queue.put_nowait((kind, {"places": self._places.of_guild(data["id"])}))
        elif kind in _READ:
            if kind == "MESSAGE_CREATE":
                self.saw(str(data["channel_id"]), str(data["id"]))
            self._queue.put_nowait((kind, data))

    # -- what the core gets

    async def events(self) -> AsyncIterator[Event]:
        while True:
            item = await self._queue.get()
            if isinstance(item, PlatformError):
                raise item
            if isinstance(item, Event):
                yield item
                continue
            kind, data = item
            if kind == "READY":  # a new session: the old one's events are lost
                for event in await self._all_missed():
                    yield event
                continue
            for event in await self._patiently(kind, data):
                yield event

    async def _patiently(self, kind: str, data: Json) -> list[Event]:
        """What is not known of its channel has to be asked for, which may fail for a while."""
        for attempt in range(TRIES):
            try:
                return await self._read(kind, data)
            except (RateLimited, Unavailable) as error:
                log.warning("an event of Discord waits: %s", error)
                await asyncio.sleep(1 + attempt)
            except PlatformError as error:
                log.warning("an event of Discord is lost: %s", error)
                break
            except (KeyError, TypeError, ValueError, AttributeError):
                log.exception("an event of Discord could not be read")
                break
        return []

    async def _read(self, kind: str, data: Json) -> list[Event]:
        if kind == "MESSAGE_CREATE":
            return self._message(data, await self._place(data))
        if kind == "MESSAGE_UPDATE":
            edited = edited_at(data)
            return self._edited(data, await self._place(data), edited) if edited else []
        if kind == "GUILD_DELETE":
            return [self._gone(place, "the bot was removed") for place in data["places"]]
        parent = str(data["parent_id"]) if kind == "THREAD_DELETE" else None
        return [self._gone(self._places.made(str(data["id"]), False, parent), "it was deleted")]

    async def _place(self, message: Json) -> Place:
        return await self._places.of(str(message["channel_id"]), message.get("guild_id"))

    def _message(self, data: Json, place: Place) -> list[Event]:
        channel, id = str(data["channel_id"]), int(data["id"])
        if id <= self._seen.get(channel, 0) or not written(data):
            return []
        self._seen[channel] = id
        return self._text(data, place, "")

    def _edited(self, data: Json, place: Place, edited: str) -> list[Event]:
        return self._text(data, place, edited) if written(data) else []

    def _text(self, data: Json, place: Place, edited: str) -> list[Event]:
        own = self._gateway.own
        text, files = text_of(data, own), files_of(data)
        if not (text.strip() or files):
            return []
        id = f"discord {own} {data['id']}" + (f" {edited}" if edited else "")
        person = person_of(data["author"], data.get("member"))
        self._threads.wrote(str(data["id"]), person.id)
        return [
            TextIn(
                id,
                place,
                person,
                sent_at(data),
                text,
                str(data["id"]),
                files,
                reply_of(data),
                edited=bool(edited),
                addressed=place.kind == "private" or addressed(data, own),
            )
        ]

    def _gone(self, place: Place, why: str) -> GoneIn:
        id = f"discord gone {place.chat} {place.thread} {time.time_ns()}"
        self._forget(channel_of(place))
        return GoneIn(id, place, Person("", ""), time.time(), why)

    def _forget(self, channel: str) -> None:
        for known in (self._seen, self._since, self._newest):
            known.pop(channel, None)

    # -- what was missed

    async def _all_missed(self) -> list[Event]:
        """In the order in which it was said."""
        few = asyncio.Semaphore(AT_ONCE)

        async def of(channel: str) -> list[Event]:
            async with few:
                return await self._missed(channel)

        found = await asyncio.gather(*map(of, {**self._since, **self._seen}))
        return sorted((event for each in found for event in each), key=lambda event: event.at)

    async def _missed(self, channel: str) -> list[Event]:
        """Behind the last message that was taken there."""
        place = self._places.known(channel)
        if place is None:
            return []
        found: list[Event] = []
        after = self._seen.get(channel) or self._since.get(channel, 0)
        after = max(after, first_id(time.time() - NOT_OLDER))
        for _ in range(MOST // PAGE):
            page = await self._page(channel, after)
            for message in page:
                self.saw(channel, str(message["id"]))
                found += self._message(message, place)
            if len(page) < PAGE:
                break
            after = int(page[-1]["id"])
        if found:
            log.info("%d messages were said meanwhile in %s", len(found), channel)
        return found

    async def _page(self, channel: str, after: int) -> list[Json]:
        """The oldest first; nothing where it cannot be had."""
        for attempt in range(TRIES):
            try:
                return await self._rest.history(channel, after, PAGE)
            except (Gone, Forbidden) as error:
                log.info("what was said in %s cannot be read: %s", channel, error)
                self._forget(channel)
                return []
            except RateLimited as error:
                await asyncio.sleep(error.retry_after)
            except PlatformError as error:
                log.warning("what was said in %s cannot be read yet: %s", channel, error)
                await asyncio.sleep(1 + attempt)
        return []


_READ = {"READY", "MESSAGE_CREATE", "MESSAGE_UPDATE", "CHANNEL_DELETE", "THREAD_DELETE"}
