"""Telegram, by python-telegram-bot's `Bot`.

Updates are polled by a loop of our own: an update counts as taken only when the core has it on
disk, albums come as one message, a silent or doubled poll is noticed. Messages are text with
entities, so none is refused for its formatting. Telegram has no key for a message: one that may
or may not have been sent is looked for by editing the ids behind the last known one to the very
same words ("not modified" proves it).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path

from telegram import BotCommand, Update, User
from telegram import error as errors

from ..markdown import telegram_size
from ..settings import PlatformSettings
from ..tasks import Tasks
from . import telegram_messages as messages
from .contract import (
    BadCredentials,
    Check,
    Event,
    FileIn,
    Gone,
    GoneIn,
    Health,
    Limits,
    MenuCommand,
    MessageRef,
    Occupied,
    Outgoing,
    Place,
    Rejected,
    TooBig,
    Unavailable,
)
from .rest import reason
from .showing import Showing
from .telegram_answers import ChatLock, Unchanged, seconds_of, translated
from .telegram_bot import POLL, bot_of, shut
from .telegram_check import checks
from .telegram_objects import CAPTIONED, entities_of, rich_of, topic_of
from .telegram_updates import Reader, Seen

log = logging.getLogger(__name__)
os.environ.setdefault("PTB_TIMEDELTA", "true")  # else times come with a warning each
PRIVATE_GAP, GROUP_GAP = 1.1, 3.2  # seconds between calls: measured, more are refused
PRIVATE_MOST, GROUP_MOST = (8, 6.5), (20, 61.0)  # calls in so many seconds, the quick ones too
UPDATES = ["message", "edited_message", "callback_query", "my_chat_member"]
ALBUM = 0.8  # seconds in which the rest of an album comes
CONFLICTS = 3  # in a row, until another poller is believed in
AFTER_CONFLICT = 2.0  # seconds
TYPING = 4.0
PROBES, MISSES = 12, 3  # ids tried for a lost message; that are nothing, in a row
BEHIND = 60  # ids in which it is looked for, those of other messages counted


def make(settings: PlatformSettings) -> TelegramAdapter:
    return TelegramAdapter(settings)


class TelegramAdapter:
    name = "telegram"

    def __init__(self, settings: PlatformSettings) -> None:
        self.settings = settings
        self.account = ""
        self._bot = bot_of(self.settings)
        self._me: User | None = None
        self._offset = 0
        self._heard = time.monotonic()
        self._error = ""
        self._connected = False
        self._seen = Seen()
        self._reader: Reader | None = None
        self._chats: dict[str, ChatLock] = {}
        self._tasks = Tasks(self.name)
        self._typing = Showing(self._tasks, self._type, TYPING)
        self._moved: list[GoneIn] = []

    # -- its life

    async def start(self) -> None:
        self._bot = bot_of(self.settings)
        try:
            await self._bot.initialize()
        except errors.InvalidToken:
            await shut(self._bot)
            raise BadCredentials(
                "Telegram does not know this token. @BotFather, /mybots, API Token shows it."
            ) from None
        except errors.TelegramError as error:
            await shut(self._bot)
            raise Unavailable(f"Telegram does not answer: {reason(error)}") from None
        self._me = self._bot.bot
        self.account = str(self._bot.id)
        self._reader = Reader(self._bot, self._seen, self._tasks.spawn)
        self._heard = time.monotonic()
        self._connected = True

    async def stop(self) -> None:
        self._connected = False
        await self._tasks.end()
        await shut(self._bot)

    def health(self) -> Health:
        return Health(self._connected, self._heard, self._error)

    # -- in

    def catch_up(self, seen: Mapping[Place, str], made: Mapping[Place, str]) -> None:
        for place, message in [*seen.items(), *made.items()]:  # updates it keeps for a day
            if message:
                self._seen.message(place.chat, int(message.removesuffix(CAPTIONED)))

    async def events(self) -> AsyncIterator[Event]:
        conflicts, wait = 0, 1.0
        assert self._reader is not None, "it was started"
        while True:
            try:
                updates = await self._poll(POLL)
                if any(u.message is not None and u.message.media_group_id for u in updates):
                    await asyncio.sleep(ALBUM)
                    updates = await self._poll(0)  # the same again, and the rest of the album
            except errors.Conflict as error:
                conflicts += 1
                self._error = reason(error)
                if conflicts >= CONFLICTS:
                    raise Occupied(
                        "another program receives this bot's messages (or a webhook is set):"
                        f" end it, or make a bot of its own ({reason(error)})"
                    ) from None
                await asyncio.sleep(AFTER_CONFLICT)
                continue
            except errors.InvalidToken:
                raise BadCredentials("Telegram does not take this token any more.") from None
            except errors.RetryAfter as error:
                await asyncio.sleep(seconds_of(error) + 0.1)
                continue
            except errors.TelegramError as error:
                self._error, self._connected = reason(error), False
                await asyncio.sleep(wait)
                wait = min(wait * 2, 15.0)
                continue
            conflicts, wait = 0, 1.0
            self._heard, self._error, self._connected = time.monotonic(), "", True
            for event in self._reader.read(updates):
                yield event
            if updates:
                self._offset = updates[-1].update_id + 1
            while self._moved:
                yield self._moved.pop()

    async def _poll(self, timeout: int) -> tuple[Update, ...]:
        return await self._bot.get_updates(
            offset=self._offset or None, timeout=timeout, allowed_updates=UPDATES, read_timeout=15
        )

    # -- out

    def limits(self, place: Place) -> Limits:
        private = place.kind == "private"
        topics = bool(self._me is not None and self._me.has_topics_enabled)
        own = self.settings.url != ""  # an own server takes and gives 2 GB
        most, within = PRIVATE_MOST if private else GROUP_MOST
        return Limits(
            text=4096,
            size=telegram_size,
            budget=place.chat,
            gap=PRIVATE_GAP if private else GROUP_GAP,
            most=most,
            within=within,
            caption=messages.CAPTION,
            file_up=50 << 20,
            file_down=(2000 if own else 20) << 20,
            threads=topics if private else place.chat in self._seen.forums,
            drafts=private and self.settings.drafts,
        )

    async def send(self, place: Place, out: Outgoing, key: str) -> MessageRef:
        chat = self._chats.setdefault(place.chat, ChatLock())
        async with chat.sending(), translated(self._moved, place):
            message = await messages.send(self._bot, place, out)
            chat.sent[str(message.message_id)] = None
        self._seen.message(place.chat, message.message_id)
        return MessageRef(place, f"{message.message_id}{CAPTIONED if out.files else ''}")

    async def edit(self, ref: MessageRef, out: Outgoing) -> None:
        try:
            async with translated(self._moved, ref.place):
                await messages.edit(self._bot, int(ref.place.chat), ref.id, out)
        except Unchanged:
            return

    async def delete(self, ref: MessageRef) -> None:
        with contextlib.suppress(Gone):
            async with translated(self._moved, ref.place):
                await self._bot.delete_message(
                    int(ref.place.chat), int(ref.id.removesuffix(CAPTIONED))
                )

    async def draft(self, place: Place, out: Outgoing, key: str) -> bool:
        rich = rich_of(out)
        if not rich.text:
            return True
        try:
            async with translated(self._moved, place):
                await self._bot.send_message_draft(
                    int(place.chat),
                    int.from_bytes(key.encode()[:7], "big") % (1 << 31) or 1,
                    rich.text,
                    message_thread_id=topic_of(place),
                    entities=entities_of(rich),
                )
        except Rejected as error:
            log.info("drafts do not work here: %s", error)
            return False
        return True

    def mark(self, place: Place) -> str:
        # private chats count their messages together
        private = [newest for chat, newest in self._seen.newest.items() if not chat.startswith("-")]
        own = self._seen.newest.get(place.chat)
        return str(max(private) if place.kind == "private" and own else own or "")

    async def recover(
        self, place: Place, out: Outgoing, key: str, mark: str, known: Collection[str]
    ) -> MessageRef | None:
        if not mark:
            return None
        several, ending = len(out.files) > 1, CAPTIONED if out.files else ""
        if several:  # the first of them has no words
            out = Outgoing("", files=out.files)
        taken = {id.removesuffix(CAPTIONED) for id in known}
        chat, gap = self._chats.setdefault(place.chat, ChatLock()), self.limits(place).gap
        misses = probes = 0
        for id in range(int(mark) + 1, int(mark) + 1 + BEHIND):
            if misses == MISSES or probes == PROBES:
                break
            async with chat.alone():  # what is sent meanwhile is known when it is left
                if str(id) in taken or str(id) in chat.sent:
                    continue
                probes += 1
                there = await self._is(place, f"{id}{ending}", out)
            if there is None:
                misses += 1
            elif there == "same" or (there == "other" and not several):
                id += len(out.files) - 1 if several else 0
                self._seen.message(place.chat, id)
                return MessageRef(place, f"{id}{ending}")
            else:
                misses = 0
            await asyncio.sleep(gap)
        return None

    async def _is(self, place: Place, id: str, out: Outgoing) -> str | None:
        """Whether the message of an id is `out`: same, other (it is now), another kind of message
        or person, or None for nothing."""
        try:
            async with translated(self._moved, place):
                await messages.edit(self._bot, int(place.chat), id, out)
        except Unchanged:
            return "same"
        except Gone as error:
            return "not ours" if "can't be edited" in str(error) else None
        except Rejected:
            return "not ours"
        return "other"

    async def working(self, place: Place, on: bool) -> None:
        await self._typing.turn(place, on)

    async def _type(self, place: Place) -> None:
        with contextlib.suppress(errors.TelegramError):
            await self._bot.send_chat_action(
                int(place.chat),
                "typing",
                message_thread_id=topic_of(place),
            )

    # -- threads, files, the menu

    async def open_thread(self, place: Place, title: str, on: str | None) -> Place:
        async with translated(self._moved, place):
            topic = await self._bot.create_forum_topic(int(place.chat), title[:128] or "session")
        return Place(self.name, self.account, place.chat, str(topic.message_thread_id), place.kind)

    async def rename_thread(self, place: Place, title: str, before: str = "") -> None:
        if place.thread:
            with contextlib.suppress(errors.TelegramError):
                await self._bot.edit_forum_topic(
                    int(place.chat), int(place.thread), name=title[:128]
                )

    async def close_thread(self, place: Place) -> None:
        if place.thread:
            with contextlib.suppress(errors.TelegramError):
                await self._bot.close_forum_topic(int(place.chat), int(place.thread))

    async def fetch(self, file: FileIn, to: Path, limit: int) -> None:
        nowhere = Place(self.name, self.account, "0")
        async with translated(self._moved, nowhere):
            found = await self._bot.get_file(file.id)
            if (found.file_size or 0) > limit:
                raise TooBig(f"it has {found.file_size} bytes, of {limit} allowed")
            await found.download_to_drive(to)

    async def publish_commands(self, commands: Sequence[MenuCommand]) -> None:
        wanted = [
            BotCommand(command.name.replace("-", "_")[:32], command.help[:256])
            for command in commands[:100]
        ]
        async with translated(self._moved, Place(self.name, self.account, "0")):
            if list(await self._bot.get_my_commands()) != wanted:
                await self._bot.set_my_commands(wanted)

    async def check(self) -> list[Check]:
        return await checks(bot_of(self.settings))
