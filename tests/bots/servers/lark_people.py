"""What people do with our Lark, and see there; one of them in a chat."""

from __future__ import annotations

import html
import json
import time
import uuid
from abc import ABC
from typing import Any

from tests.bots.servers.lark_api import BOT
from tests.bots.servers.lark_events import Events
from tests.bots.servers.lark_rules import walk
from tests.bots.servers.watching import Watcher
from tests.fixtures.live import until

Json = dict[str, Any]


class People(Events, ABC):
    def __init__(self) -> None:
        super().__init__()
        self.chats: dict[str, Json] = {}
        self.messages: dict[str, Json] = {}  # in order
        self.cards: dict[str, Json] = {}
        self.files: dict[str, bytes] = {}

    def private(self, chat: str) -> str:
        self.chats[chat] = {"type": "p2p"}
        return chat

    def group(self, chat: str) -> str:
        self.chats[chat] = {"type": "group"}
        return chat

    def says(self, chat: str, text: str, user: str, thread: str = "", reply_to: str = "",
             mention: bool = False) -> str:  # fmt: skip
        """The id of the message. `thread` is its root."""
        content = {"text": f"@_user_1 {text}" if mention else text}
        mentions = [{"key": "@_user_1", "id": {"open_id": BOT}, "name": "Codecast"}]
        more = {"mentions": mentions} if mention else {}
        return self._said(chat, user, "text", content, thread, reply_to, more)

    def sends(self, chat: str, name: str, data: bytes, user: str, kind: str = "file") -> str:
        key = f"{kind}_v3_{uuid.uuid4().hex}"
        self.files[key] = data
        content = {"file_key": key, "file_name": name} if kind == "file" else {"image_key": key}
        return self._said(chat, user, kind, content, "", "", {})

    def _said(self, chat: str, user: str, kind: str, content: Json, thread: str, reply_to: str,
              more: Json) -> str:  # fmt: skip
        id = f"om_{uuid.uuid4().hex}"
        message = {
            "message_id": id, "chat_id": chat, "chat_type": self.chats[chat]["type"],
            "message_type": kind, "content": json.dumps(content),
            "create_time": str(int(time.time() * 1000)), **more,
        }  # fmt: skip
        if thread:
            message.update(thread_id=f"omt_{thread[3:]}", root_id=thread, parent_id=thread)
        if reply_to:
            message.update(parent_id=reply_to)
            message.setdefault("root_id", reply_to)
        sender = {"sender_id": {"open_id": user}, "sender_type": "user", "tenant_key": "t1"}

        def keep() -> None:
            self.messages[id] = {"id": id, "chat": chat, "thread": thread, "mine": False}
            self._event("im.message.receive_v1", {"sender": sender, "message": message})

        self.on_loop(keep)
        return id

    def presses(self, message: str, label: str, user: str) -> str:
        """The id of the press. `label` is the beginning of the button's."""

        def press() -> str:
            button = next(
                e
                for e, _, form in walk(self._shown_card(message)["body"]["elements"])
                if e["tag"] == "button" and not form and e["text"]["content"].startswith(label)
            )
            action = {"tag": "button", "value": button["behaviors"][0]["value"]}
            return self._pressed(message, user, action)

        return self.on_loop(press)

    def chooses(self, message: str, option: str, user: str) -> str:
        """From a list outside of forms."""

        def press() -> str:
            elements = walk(self._shown_card(message)["body"]["elements"])
            chosen = next(e for e, *_ in elements if e["tag"] == "select_static")
            values = {o["text"]["content"]: o["value"] for o in chosen["options"]}
            value = chosen["behaviors"][0]["value"]
            action = {"tag": "select_static", "value": value, "option": values[option]}
            return self._pressed(message, user, action)

        return self.on_loop(press)

    def _pressed(self, message: str, user: str, action: Json) -> str:
        context = {"open_message_id": message, "open_chat_id": self.messages[message]["chat"]}
        event = {
            "operator": {"open_id": user, "tenant_key": "t1"},
            "token": "c-" + uuid.uuid4().hex,
            "action": action,
            "host": "im_message",
            "context": context,
        }
        return self._event("card.action.trigger", event)

    def submits(self, message: str, label: str, value: Any, user: str) -> str:
        """Fill in the form of which a field's placeholder begins with `label`."""

        def press() -> str:
            elements = list(walk(self._shown_card(message)["body"]["elements"]))
            field, form = next(
                (e, form) for e, _, form in elements
                if e["tag"] in ("input", "multi_select_static")
                and e["placeholder"]["content"].startswith(label)
            )  # fmt: skip
            given = value
            if field["tag"] == "multi_select_static":
                values = {o["text"]["content"]: o["value"] for o in field["options"]}
                given = [values[one] for one in value]
            button = next(e for e, _, f in elements if f == form and e["tag"] == "button")
            action = {
                "tag": "button",
                "name": button["name"],
                "value": button["behaviors"][0]["value"],
                "form_value": {field["name"]: given},
            }
            return self._pressed(message, user, action)

        return self.on_loop(press)

    def removes_bot(self, chat: str, user: str) -> None:
        event = {"chat_id": chat, "operator_id": {"open_id": user}}
        self.on_loop(lambda: self._event("im.chat.member.bot.deleted_v1", event))

    def visible(self, chat: str, thread: str = "") -> list[Json]:
        """The bot's messages that stand there, oldest first: `id`, `text`, `buttons`, ..."""

        def look() -> list[Json]:
            return [
                self._seen_as(m) for m in self.messages.values()
                if m["mine"] and m["chat"] == chat and m["thread"] == thread
            ]  # fmt: skip

        return self.on_loop(look)

    def texts(self, chat: str, thread: str = "") -> list[str]:
        return [message["text"] for message in self.visible(chat, thread)]

    def _shown_card(self, message: str) -> Json:
        found: Json = self.cards[self.messages[message]["card"]]["json"]
        return found

    def _seen_as(self, message: Json) -> Json:
        seen = {key: message[key] for key in ("id", "kind", "reply_to", "file", "name")}
        seen.update(text=message["name"] or "", buttons=[], fields=[], streaming=False)
        if message["card"]:
            card = self.cards[message["card"]]
            elements = [e for e, *_ in walk(card["json"]["body"]["elements"])]
            text = elements[0].get("content") or elements[0]["text"]["content"]
            seen["text"] = html.unescape(text)
            seen["buttons"] = [e["text"]["content"] for e in elements if e["tag"] == "button"]
            seen["fields"] = [e["placeholder"]["content"] for e in elements if "placeholder" in e]
            seen["streaming"] = card["streaming"]
            seen["summary"] = card["json"]["config"]["summary"]["content"]
        return seen


class Person(Watcher):
    """Somebody in one chat (or thread)."""

    def __init__(self, server: People, user: str, chat: str, thread: str = "") -> None:
        self.server, self.user, self.chat, self.thread = server, user, chat, thread

    def says(self, text: str, **more: Any) -> str:
        return self.server.says(self.chat, text, self.user, thread=self.thread, **more)

    def seen(self) -> list[Json]:
        return self.server.visible(self.chat, self.thread)

    def told(self, event: str) -> str:
        """What the toast says of a press, once it is acknowledged."""
        until(lambda: event in self.server.acks, "the press is acknowledged")
        return str((self.server.acks[event].get("toast") or {}).get("content", ""))
