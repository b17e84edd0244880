"""What Lark tells, as the core's events.

A thread is named by its root message, which is what is replied to in it. The words of people
hold their mentions as `@_user_1`; the bot's own is taken away, and means that it is spoken to.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from .contract import ActionIn, Event, FileIn, GoneIn, Person, Place, TextIn
from .lark_card import PICKED, WORDS
from .lark_people import People

Json = Mapping[str, Any]
MESSAGE, PRESS = "im.message.receive_v1", "card.action.trigger"
GONE = {
    "im.chat.member.bot.deleted_v1": "the bot was removed",
    "im.chat.disbanded_v1": "the chat was disbanded",
}
NEEDED = (MESSAGE, *GONE)  # events to subscribe to; presses are a callback


class Reader:
    """`own` is the bot's own open_id."""

    def __init__(self, account: str, own: str, people: People) -> None:
        self.account = account
        self.own = own
        self._people = people

    async def read(self, payload: Json) -> Event | None:
        """None for what is not for us. Raises KeyError, TypeError or ValueError for nonsense."""
        header, event = payload["header"], payload.get("event") or {}
        kind, id = str(header["event_type"]), f"lark {self.account} {header['event_id']}"
        at = int(header.get("create_time") or 0) / 1000 or time.time()
        if kind == MESSAGE:
            return await self._message(id, at, event)
        if kind == PRESS:
            return await self._press(id, at, event)
        if kind in GONE:
            place = self._place(str(event["chat_id"]), None, "group")
            return GoneIn(id, place, Person("", ""), at, GONE[kind])
        return None

    def _place(self, chat: str, thread: str | None, kind: Any) -> Place:
        return Place("lark", self.account, chat, thread or None, kind)

    async def _message(self, id: str, at: float, event: Json) -> Event | None:
        message, sender = event["message"], event["sender"]
        if sender.get("sender_type") not in (None, "user"):
            return None
        own = str(message["message_id"])
        private = message.get("chat_type") == "p2p"
        thread = (message.get("root_id") or own) if message.get("thread_id") else None
        place = self._place(str(message["chat_id"]), thread, "private" if private else "group")
        text, files = _content(own, message)
        mentions = message.get("mentions") or []
        for mention in mentions:
            mine = (mention.get("id") or {}).get("open_id") == self.own
            name = "" if mine else f"@{mention.get('name', '')}"
            text = text.replace(str(mention["key"]), name, 1 if mine else -1)
        if not text.strip() and not files:
            return None
        parent = message.get("parent_id")
        return TextIn(
            id,
            place,
            await self._people.person((sender.get("sender_id") or {})["open_id"]),
            at,
            text.strip(),
            own,
            files,
            reply_to=parent if parent and parent != thread else None,
            addressed=private or any(self._is_own(mention) for mention in mentions),
        )

    def _is_own(self, mention: Json) -> bool:
        return bool(self.own) and (mention.get("id") or {}).get("open_id") == self.own

    async def _press(self, id: str, at: float, event: Json) -> Event | None:
        action, context = event["action"], event.get("context") or {}
        value = action.get("value") or {}
        if not isinstance(value, dict) or not value.get("t"):
            return None
        chat = str(context.get("open_chat_id") or value.get("c"))
        if value.get("c") != chat:  # a forwarded copy of the card
            return None
        kind = "private" if value.get("k") == "private" else "group"
        form = action.get("form_value") or {}
        chosen = form.get(PICKED, action.get("option", value.get("v")))
        if isinstance(chosen, str):
            chosen = [chosen]
        text = form.get(WORDS)
        return ActionIn(
            id,
            self._place(chat, value.get("r"), kind),
            self._people.known(str(event["operator"]["open_id"])),
            at,
            str(value["t"]),
            str(context.get("open_message_id") or ""),
            values=tuple(str(one) for one in chosen or ()),
            text=str(text) if text is not None else None,
        )


def _content(id: str, message: Json) -> tuple[str, tuple[FileIn, ...]]:
    """The words and the files of a message of any kind."""
    kind, content = message["message_type"], json.loads(message["content"])
    if kind == "text":
        return str(content.get("text") or ""), ()
    if kind == "post":
        return _post(id, content)
    if kind == "image":
        return "", (_picture(id, content),)
    if kind in ("file", "audio", "media", "video"):
        name = content.get("file_name") or ("voice.opus" if kind == "audio" else f"{kind}.mp4")
        return "", (FileIn(f"{id}/file/{content['file_key']}", str(name)),)
    return "", ()


def _picture(id: str, content: Json) -> FileIn:
    key = str(content["image_key"])
    return FileIn(f"{id}/image/{key}", f"image-{key[-8:]}.png", None, "image/png")


def _post(id: str, content: Json) -> tuple[str, tuple[FileIn, ...]]:
    """Rich text: lines of pieces, perhaps by language."""
    if "content" not in content:
        content = next((c for c in content.values() if isinstance(c, dict)), {})
    lines = [str(content["title"])] if content.get("title") else []
    files: list[FileIn] = []
    for row in content.get("content") or []:
        words = ""
        for piece in row:
            tag = piece.get("tag")
            if tag == "img":
                files.append(_picture(id, piece))
            elif tag == "media":
                files.append(FileIn(f"{id}/file/{piece['file_key']}", "video.mp4"))
            elif tag == "at":
                words += str(piece.get("user_id", ""))
            elif tag == "a":
                words += f"{piece.get('text', '')} ({piece.get('href', '')})"
            elif tag == "code_block":
                code = str(piece.get("text", "")).rstrip("\n")
                words += f"```{str(piece.get('language', '')).lower()}\n{code}\n```"
            else:
                words += str(piece.get("text", ""))
        lines.append(words)
    return "\n".join(lines), tuple(files)
