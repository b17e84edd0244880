"""Threads: opened at a message or as a forum's post, named by their session, put away.

Discord takes two renames of a channel in ten minutes, and then refuses for minutes: they are
counted here, wait in a task of their own, and the newest title wins. A title that a person gave
stays.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from ..recent import Recent
from ..tasks import Spawn
from .contract import Gone, Place, PlatformError, RateLimited
from .discord_http import HAS_THREAD, Rest
from .rest import Refused

log = logging.getLogger(__name__)
Json = dict[str, Any]
NAME = 100  # characters
RENAMES, PERIOD = 2, 600.0  # so many, in so many seconds
ARCHIVE_AFTER = 10080  # minutes without a message
PUBLIC = 11  # a type of channel
KEEP = 1000


def cut(title: str) -> str:
    return " ".join(title.split())[:NAME] or "session"


class Threads:
    def __init__(self, rest: Rest, spawn: Spawn) -> None:
        self._rest = rest
        self._spawn = spawn
        self.authors: Recent[str, str] = Recent(KEEP)  # of messages, to join their threads
        self._renamed: dict[str, list[float]] = {}
        self._wanted: dict[str, tuple[str, str]] = {}  # title, and the one it had, by thread

    def wrote(self, message: str, person: str) -> None:
        self.authors[message] = person

    async def open(self, place: Place, title: str, on: str | None, forum: bool) -> str:
        """The id of the new thread."""
        body: Json = {"name": cut(title), "auto_archive_duration": ARCHIVE_AFTER}
        path = "/channels/{channel_id}/threads"
        person = self.authors.get(on or "")
        if forum:
            message = {"content": f"🧵 {cut(title)}", "allowed_mentions": {"parse": []}}
            made = await self._rest.call(
                "POST", path, {**body, "message": message}, channel_id=place.chat
            )
        elif on:
            at = "/channels/{channel_id}/messages/{message_id}/threads"
            try:
                made = await self._rest.call("POST", at, body, channel_id=place.chat, message_id=on)
            except Refused as error:
                if error.code != HAS_THREAD:
                    raise
                made = {"id": on}
            except Gone:
                return await self.open(place, title, None, forum)
        else:
            made = await self._rest.call(
                "POST", path, {**body, "type": PUBLIC}, channel_id=place.chat
            )
        thread = str(made["id"])
        if person is not None:
            self._spawn(self._join(thread, person))
        return thread

    async def _join(self, thread: str, person: str) -> None:
        """Else its person would not hear of what is said there."""
        try:
            await self._rest.call(
                "PUT", "/channels/{channel_id}/thread-members/{user_id}",
                channel_id=thread, user_id=person,
            )  # fmt: skip
        except PlatformError as error:
            log.info("a person could not be added to a thread: %s", error)

    def rename(self, thread: str, title: str, before: str) -> None:
        """Soon, if it still has the title `before` (empty: whatever it has)."""
        pending = self._wanted.get(thread)
        self._wanted[thread] = (cut(title), pending[1] if pending else before and cut(before))
        if pending is None:
            self._spawn(self._rename(thread))

    async def _rename(self, thread: str) -> None:
        """Until the newest title stands there."""
        try:
            while True:
                await self._allowed(thread)
                before = self._wanted[thread][1]
                if before:
                    path = "/channels/{channel_id}"
                    found = await self._rest.call("GET", path, channel_id=thread)
                    if found.get("name") != before:
                        return  # somebody named it
                title = self._wanted[thread][0]
                self._renamed[thread].append(time.monotonic())
                try:
                    await self.change(thread, {"name": title})
                except RateLimited as error:  # others renamed it
                    again = time.monotonic() - PERIOD + error.retry_after
                    self._renamed[thread] = [again] * RENAMES
                    continue
                newest = self._wanted[thread][0]
                if newest == title:
                    return
                self._wanted[thread] = (newest, title)
        except PlatformError as error:
            log.info("a thread keeps its title: %s", error)
        finally:
            self._wanted.pop(thread, None)

    async def _allowed(self, thread: str) -> None:
        """Wait until it may be renamed."""
        while True:
            now = time.monotonic()
            done = [at for at in self._renamed.get(thread, []) if now - at < PERIOD]
            self._renamed[thread] = done
            if len(done) < RENAMES:
                return
            await asyncio.sleep(PERIOD - (now - done[0]))

    async def change(self, thread: str, values: Json) -> None:
        await self._rest.call("PATCH", "/channels/{channel_id}", values, channel_id=thread)
