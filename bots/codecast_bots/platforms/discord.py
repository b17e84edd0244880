"""Discord, by discord.py's gateway and its keeper of rates.

Sessions have threads; presses and lists carry all they mean in their ids, so they work after a
restart; a message has a nonce, by which it is made once within minutes, and is looked for in the
channel's history after that. Discord repeats nothing of what was said while nobody listened: after
a lost session, and after a restart, it is read from the history behind the last message known.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..settings import PlatformSettings
from ..tasks import Tasks
from .contract import (
    Check,
    Event,
    FileIn,
    FileOut,
    Gone,
    Health,
    Limits,
    MenuCommand,
    MessageRef,
    Outgoing,
    Place,
    PlatformError,
    Rejected,
    TooBig,
)
from .discord_check import checks
from .discord_commands import menu, same
from .discord_gateway import Gateway
from .discord_http import ARCHIVED, Rest, download
from .discord_inbox import Inbox
from .discord_markdown import size
from .discord_objects import FORUMS, NO_EMBEDS, NOBODY, SILENT, channel_of, payload
from .discord_places import Places
from .discord_recovery import MOST_FILES, find
from .discord_threads import Threads
from .rest import Refused
from .showing import Showing

Json = dict[str, Any]
TEXT = 2000
GAP = 1.1  # seconds between calls in a channel: measured, more would have to wait
FILE_UP, FILE_DOWN = 10 << 20, 500 << 20
TOGETHER = 25 << 20  # bytes of files in one message
KEEP = 2000  # messages of ours that are known to be ours
TYPING = 8.0  # seconds; it is shown for ten


def make(settings: PlatformSettings) -> DiscordAdapter:
    return DiscordAdapter(settings)


class DiscordAdapter:
    name = "discord"

    def __init__(self, settings: PlatformSettings) -> None:
        self.settings = settings
        self.account = ""
        self._tasks = Tasks(self.name)
        self._typing = Showing(self._tasks, self._type, TYPING)
        self._sent: deque[str] = deque(maxlen=KEEP)  # ids, of this process
        self._set_up()

    def _set_up(self) -> None:
        self._gateway = Gateway(self._hear)
        self._rest = Rest(self._gateway)
        self._places = Places(self._gateway, self._rest)
        self._threads = Threads(self._rest, self._tasks.spawn)
        spawn = self._tasks.spawn
        self._inbox = Inbox(self._gateway, self._rest, self._places, self._threads, spawn)

    # -- its life

    async def start(self) -> None:
        self._set_up()
        try:
            await self._gateway.open(self.settings.secret, self.settings.url)
        except BaseException:
            await self._gateway.shut()
            raise
        self.account = self._gateway.own
        self._gateway.ended = self._inbox.end

    async def stop(self) -> None:
        await self._tasks.end()
        await self._gateway.shut()

    def health(self) -> Health:
        return Health(self._gateway.connected, self._gateway.heard, self._gateway.error)

    # -- in

    def _hear(self, kind: str, data: Json) -> None:
        self._inbox.hear(kind, data)

    def catch_up(self, seen: Mapping[Place, str], made: Mapping[Place, str]) -> None:
        self._inbox.catch_up(seen, made)

    def events(self) -> AsyncIterator[Event]:
        return self._inbox.events()

    # -- out

    def limits(self, place: Place) -> Limits:
        return Limits(
            text=TEXT,
            size=size,
            budget=channel_of(place),
            gap=GAP,  # no `most`: none is published, answers tell it, and the library keeps it
            buttons=25,
            label=80,
            file_up=self._places.file_limit(place, FILE_UP),
            file_down=FILE_DOWN,
            threads=place.kind == "group" and place.thread is None,
        )

    async def send(self, place: Place, out: Outgoing, key: str) -> MessageRef:
        body = _fitting(out)
        most = self.limits(place).file_up
        for file in out.files:
            if not file.path.is_file():
                raise Rejected(f"{file.name} is not there any more")
            if file.path.stat().st_size > most:
                raise TooBig(f"{file.name} has {file.path.stat().st_size} bytes, of {most}")
        groups = _together(out.files)
        more: Json = {
            "nonce": key[:25],
            "enforce_nonce": True,
            "flags": NO_EMBEDS | (0 if out.notify else SILENT),
        }
        if out.reply_to:
            more["message_reference"] = {
                "message_id": out.reply_to,
                "channel_id": channel_of(place),
                "fail_if_not_exists": False,
            }
        made = await self._post(place, {**body, **more}, groups[0])
        ref = MessageRef(place, str(made["id"]))
        self._sent.append(ref.id)
        self._inbox.saw(channel_of(place), ref.id)
        if str(made.get("content") or "") != body["content"]:
            await self.edit(ref, out)  # it was made before, by a call of which nobody knew
        for number, group in enumerate(groups[1:], 1):
            nonce = f"{key[:22]}-{number}"
            plain = {**more, "content": "", "nonce": nonce, "allowed_mentions": NOBODY}
            await self._post(place, plain, group)
        return ref

    async def _post(self, place: Place, body: Json, files: Sequence[FileOut]) -> Json:
        made = await self._rest.call(
            "POST", "/channels/{channel_id}/messages", body, files=files,
            channel_id=channel_of(place),
        )  # fmt: skip
        return dict(made)

    async def edit(self, ref: MessageRef, out: Outgoing) -> None:
        await self._change(ref, "PATCH", _fitting(out))

    async def delete(self, ref: MessageRef) -> None:
        with contextlib.suppress(Gone):
            await self._change(ref, "DELETE")

    async def _change(self, ref: MessageRef, method: str, body: Json | None = None) -> None:
        """A thread that sleeps takes new messages, but no changes: it is woken."""
        path, channel = "/channels/{channel_id}/messages/{message_id}", channel_of(ref.place)
        try:
            await self._rest.call(method, path, body, channel_id=channel, message_id=ref.id)
        except Refused as error:
            if error.code != ARCHIVED or ref.place.thread is None:
                raise
            await self._threads.change(channel, {"archived": False})
            await self._rest.call(method, path, body, channel_id=channel, message_id=ref.id)

    async def draft(self, place: Place, out: Outgoing, key: str) -> bool:
        return False

    def mark(self, place: Place) -> str:
        return self._inbox.mark(place)

    async def recover(
        self, place: Place, out: Outgoing, key: str, mark: str, known: Collection[str]
    ) -> MessageRef | None:
        taken = {*known, *self._sent}
        id, content = await find(self._rest, place, out, mark, self.account, taken)
        if not id:
            return None
        ref = MessageRef(place, id)
        self._sent.append(id)
        if content != payload(out)["content"]:
            await self.edit(ref, out)
        return ref

    async def working(self, place: Place, on: bool) -> None:
        await self._typing.turn(place, on)

    async def _type(self, place: Place) -> None:
        with contextlib.suppress(PlatformError):
            await self._rest.call(
                "POST", "/channels/{channel_id}/typing", channel_id=channel_of(place)
            )

    # -- threads, files, the menu

    async def open_thread(self, place: Place, title: str, on: str | None) -> Place:
        forum = await self._places.type_of(place.chat) in FORUMS
        thread = await self._threads.open(place, title, on, forum)
        made = Place(self.name, self.account, place.chat, thread, place.kind)
        self._places.remember(made)
        self._inbox.watch(made, thread)
        return made

    async def rename_thread(self, place: Place, title: str, before: str = "") -> None:
        if place.thread:
            self._threads.rename(place.thread, title, before)

    async def close_thread(self, place: Place) -> None:
        if place.thread:
            with contextlib.suppress(PlatformError):
                await self._threads.change(place.thread, {"archived": True})

    async def fetch(self, file: FileIn, to: Path, limit: int) -> None:
        channel, message, id = file.id.split("/")
        found = await self._rest.call(
            "GET", "/channels/{channel_id}/messages/{message_id}",
            channel_id=channel, message_id=message,
        )  # fmt: skip
        for each in found.get("attachments") or []:
            if str(each["id"]) == id:
                if int(each.get("size") or 0) > limit:
                    raise TooBig(f"it has {each['size']} bytes, of {limit} allowed")
                await download(str(each["url"]), to, limit)
                return
        raise Gone("the file is not at its message any more")

    async def publish_commands(self, commands: Sequence[MenuCommand]) -> None:
        self._inbox.presses.commands = {command.name: command for command in commands}
        path, wanted = "/applications/{application_id}/commands", menu(commands)
        app = self._gateway.application_id
        if not same(await self._rest.call("GET", path, application_id=app), wanted):
            await self._rest.call("PUT", path, wanted, application_id=app)

    async def check(self) -> list[Check]:
        return await checks(self.settings)


def _fitting(out: Outgoing) -> Json:
    body = payload(out)
    if len(body["content"]) > TEXT:
        raise TooBig(f"{len(body['content'])} characters, of {TEXT}")
    return body


def _together(files: Sequence[FileOut]) -> list[list[FileOut]]:
    """The files of each message; at least one message."""
    groups: list[list[FileOut]] = [[]]
    taken = 0
    for file in files:
        length = file.path.stat().st_size
        if len(groups[-1]) == MOST_FILES or (groups[-1] and taken + length > TOGETHER):
            groups.append([])
            taken = 0
        groups[-1].append(file)
        taken += length
    return groups
