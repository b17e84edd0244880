"""Lark (Feishu), by its cards.

Every message of ours is a card: words are streamed into it without a limit of edits, controls
stand below them. Events come by the long connection, so nothing of this computer is reachable
from outside. A message has a key, by which it is made once. There is no typing: a reaction on
the person's message says that it is worked on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..recent import Recent
from ..settings import PlatformSettings
from ..tasks import Tasks
from .contract import (
    ActionIn,
    BadCredentials,
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
    TextIn,
    TooBig,
)
from .lark_cards import Cards
from .lark_check import checks
from .lark_connection import Connection, Delivery, DeliveryAnswer
from .lark_events import Reader
from .lark_http import Http
from .lark_markdown import size
from .lark_people import People

log = logging.getLogger(__name__)
TEXT = 12_000  # of `size`; a card takes 30 KB
GAP = 0.3  # seconds
MOST = (5, 1.1)  # messages in so many seconds that are taken in a chat, of all bots together
FILE_UP, PICTURE_UP, FILE_DOWN = 30 << 20, 10 << 20, 100 << 20
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")
WORKING = "OnIt"  # a reaction
SEEN = 2000  # events of which a repetition is known


def make(settings: PlatformSettings) -> LarkAdapter:
    return LarkAdapter(settings)


class LarkAdapter:
    name = "lark"

    def __init__(self, settings: PlatformSettings) -> None:
        self.settings = settings
        self.account = settings.app_id
        self._http = self._connected_to()
        self._cards = Cards(self._http)
        self._connection = Connection(self._http.endpoint)
        self._reader = Reader(self.account, "", People(self._http))
        self._seen: Recent[str, None] = Recent(SEEN)
        self._latest: Recent[Place, str] = Recent(SEEN)  # what somebody said there last
        self._working: dict[Place, asyncio.Task[str]] = {}
        self._tasks = Tasks(self.name)

    def _connected_to(self) -> Http:
        return Http(self.settings.url, self.settings.app_id, self.settings.secret)

    # -- its life

    async def start(self) -> None:
        if not self.account:
            raise BadCredentials("Lark needs the app's id: app_id in codecast.yaml (cli_...).")
        self._http = self._connected_to()
        self._cards = Cards(self._http)
        self._connection = Connection(self._http.endpoint)
        try:
            found = await self._http.call("GET", "/bot/v3/info")
            own = str((found.get("bot") or {}).get("open_id") or "")
            self._reader = Reader(self.account, own, People(self._http))
            await self._connection.open()
        except PlatformError:
            await self._http.close()
            raise

    async def stop(self) -> None:
        await self._connection.close()
        await self._tasks.end(patience=1.0)  # reactions are being taken back
        self._working.clear()
        await self._http.close()

    def health(self) -> Health:
        connection = self._connection
        return Health(connection.connected, connection.heard, connection.error)

    # -- in

    def catch_up(self, seen: Mapping[Place, str], made: Mapping[Place, str]) -> None:
        return  # Lark delivers again what was not acknowledged

    async def events(self) -> AsyncIterator[Event]:
        while True:
            delivery = await self._connection.next()
            event = await self._read(delivery)
            if event is None:
                await delivery.ack()
                continue
            if isinstance(event, TextIn):
                self._latest[event.place] = event.message
            yield event
            self._seen[event.id] = None
            if not isinstance(event, ActionIn):
                await delivery.ack()

    async def _read(self, delivery: Delivery) -> Event | None:
        try:
            event = await self._reader.read(delivery.payload)
        except (KeyError, TypeError, ValueError, AttributeError):
            log.exception("an event of Lark could not be read")
            return None
        if event is None or event.id in self._seen:
            return None
        if not isinstance(event, ActionIn):
            return event
        answer = DeliveryAnswer(delivery)
        self._tasks.spawn(answer.in_time())
        return ActionIn(**{**vars(event), "answer": answer})

    # -- out

    def limits(self, place: Place) -> Limits:
        return Limits(
            text=TEXT,
            size=size,
            budget=place.chat,
            gap=GAP,
            most=MOST[0],
            within=MOST[1],
            file_up=FILE_UP,
            file_down=FILE_DOWN,
            threads=place.kind == "group",
            unique=True,
            closes=True,
        )

    async def send(self, place: Place, out: Outgoing, key: str) -> MessageRef:
        id = ""
        if out.body.strip() or out.controls or not out.files:

            async def post(content: str) -> tuple[str, float]:
                return await self._post(place, "interactive", content, key, out.reply_to)

            id = await self._cards.send(place, out, key, post)
        for number, file in enumerate(out.files):
            sent = await self._send_file(place, file, f"{key}-{number}", out.reply_to)
            id = id or sent
        return MessageRef(place, id)

    async def _post(
        self, place: Place, kind: str, content: str, key: str, reply_to: str | None = None
    ) -> tuple[str, float]:
        """The id of the message and when it was made; of an earlier one that had the key."""
        body: dict[str, Any] = {"msg_type": kind, "content": content, "uuid": key[:50]}
        to = reply_to or place.thread
        if to is None:
            path, body["receive_id"] = "/im/v1/messages", place.chat
            found = await self._http.call("POST", path, body, {"receive_id_type": "chat_id"})
        else:
            body["reply_in_thread"] = place.thread is not None
            try:
                found = await self._http.call("POST", f"/im/v1/messages/{to}/reply", body)
            except Gone:
                if to == place.thread:
                    raise
                return await self._post(place, kind, content, key)
        data = found["data"]
        return str(data["message_id"]), int(data.get("create_time") or 0) / 1000

    async def _send_file(self, place: Place, file: FileOut, key: str, to: str | None) -> str:
        data = await asyncio.to_thread(file.path.read_bytes)
        if not data:
            raise Rejected(f"{file.name} is empty, which Lark does not take")
        if len(data) > FILE_UP:
            raise TooBig(f"{file.name} has {len(data)} bytes, of {FILE_UP}")
        if file.name.lower().endswith(PICTURES) and len(data) <= PICTURE_UP:
            with contextlib.suppress(Rejected):  # not every picture is one to Lark
                found = await self._http.call(
                    "POST", "/im/v1/images", {"image_type": "message"},
                    files={"image": (file.name, data)},
                )  # fmt: skip
                content = f'{{"image_key":"{found["data"]["image_key"]}"}}'
                return (await self._post(place, "image", content, key, to))[0]
        found = await self._http.call(
            "POST", "/im/v1/files", {"file_type": "stream", "file_name": file.name},
            files={"file": (file.name, data)},
        )  # fmt: skip
        content = f'{{"file_key":"{found["data"]["file_key"]}"}}'
        return (await self._post(place, "file", content, key, to))[0]

    async def edit(self, ref: MessageRef, out: Outgoing) -> None:
        await self._cards.change(ref.id, out, ref.place)

    async def delete(self, ref: MessageRef) -> None:
        with contextlib.suppress(Gone):
            await self._http.call("DELETE", f"/im/v1/messages/{ref.id}")

    async def draft(self, place: Place, out: Outgoing, key: str) -> bool:
        return False

    def mark(self, place: Place) -> str:
        return ""

    async def recover(
        self, place: Place, out: Outgoing, key: str, mark: str, known: Collection[str]
    ) -> MessageRef | None:
        return None  # the key finds it

    async def working(self, place: Place, on: bool) -> None:
        before = self._working.pop(place, None)
        if before is not None:
            self._tasks.spawn(self._take_back(before))
        message = self._latest.get(place)
        if on and message is not None:
            self._working[place] = self._tasks.spawn(self._react(message))

    async def _react(self, message: str) -> str:
        """The path of the reaction; empty where it could not be made."""
        path = f"/im/v1/messages/{message}/reactions"
        with contextlib.suppress(PlatformError):
            found = await self._http.call("POST", path, {"reaction_type": {"emoji_type": WORKING}})
            return f"{path}/{found['data']['reaction_id']}"
        return ""

    async def _take_back(self, made: asyncio.Task[str]) -> None:
        path = await made
        if path:
            with contextlib.suppress(PlatformError):
                await self._http.call("DELETE", path)

    # -- threads, files, the menu

    async def open_thread(self, place: Place, title: str, on: str | None) -> Place:
        """At the message, which becomes its root; the first reply makes the thread."""
        key = f"thread-{time.time_ns():x}"
        content = Outgoing(f"🧵 {title}", plain=True)
        root = on or (await self.send(place, content, key)).id
        thread = Place(self.name, self.account, place.chat, root, place.kind)
        if on is not None:
            await self.send(thread, content, key)
        return thread

    async def rename_thread(self, place: Place, title: str, before: str = "") -> None:
        return  # Lark's have no names

    async def close_thread(self, place: Place) -> None:
        return

    async def fetch(self, file: FileIn, to: Path, limit: int) -> None:
        message, kind, key = file.id.split("/", 2)
        path = f"/im/v1/messages/{message}/resources/{key}"
        await self._http.download(path, {"type": kind}, to, limit)

    async def publish_commands(self, commands: Sequence[MenuCommand]) -> None:
        return  # Lark has no menu that an app could fill

    async def check(self) -> list[Check]:
        http = self._connected_to()
        try:
            return await checks(http)
        finally:
            await http.close()
