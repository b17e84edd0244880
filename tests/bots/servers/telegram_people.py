"""What people do with our Telegram, and see there."""

from __future__ import annotations

import time
from abc import ABC
from typing import Any

from tests.bots.servers.telegram_things import Things, shown

Json = dict[str, Any]


class People(Things, ABC):
    def private(self, user: int) -> int:
        self.chats[user] = {"id": user, "type": "private", "first_name": f"User {user}"}
        return user

    def group(self, chat: int, forum: bool = False) -> int:
        self.chats[chat] = {"id": chat, "type": "supergroup", "title": "Group",
                            **({"is_forum": True} if forum else {})}  # fmt: skip
        return chat

    def says(self, chat: int, text: str, user: int = 0, reply_to: int = 0, thread: int = 0,
             **more: Any) -> int:  # fmt: skip
        """The id of the message."""
        return self.on_loop(lambda: self._says(chat, text, user, reply_to, thread, more))

    def _says(self, chat: int, text: str, user: int, reply_to: int, thread: int, more: Json) -> int:
        id = self.next_id(chat)
        message: Json = {"message_id": id, "date": int(time.time()), "chat": self.chats[chat],
                         "from": self.user(user or chat), **more}  # fmt: skip
        message["caption" if more else "text"] = text
        if not text:
            message.pop("caption" if more else "text")
        if thread:
            message.update(message_thread_id=thread, is_topic_message=True)
        if reply_to:
            target = self.messages[chat][reply_to]
            message["reply_to_message"] = shown(target)
        self.messages[chat][id] = {**message, "mine": False}
        self._update("message", message)
        return id

    def edits(self, chat: int, id: int, text: str) -> None:
        def edit() -> None:
            message = self.messages[chat][id]
            message["text"] = text
            shown = {key: value for key, value in message.items() if key != "mine"}
            self._update("edited_message", {**shown, "edit_date": int(time.time())})

        self.on_loop(edit)

    def presses(self, chat: int, id: int, label: str, user: int = 0) -> str:
        """The id of the press. `label` is the beginning of the button's."""

        def press() -> str:
            message = self.messages[chat][id]
            buttons = [b for row in message["reply_markup"]["inline_keyboard"] for b in row]
            button = next(b for b in buttons if b["text"].startswith(label))
            return self._press(message, button["callback_data"], user or chat)

        return self.on_loop(press)

    def presses_data(self, chat: int, id: int, data: str, user: int = 0) -> str:
        return self.on_loop(lambda: self._press(self.messages[chat][id], data, user or chat))

    def _press(self, message: Json, data: str, user: int) -> str:
        query = str(self._update_id + 1)
        self._update(
            "callback_query",
            {
                "id": query,
                "from": self.user(user),
                "data": data,
                "chat_instance": "1",
                "message": shown(message),
            },
        )
        return query

    def file(self, name: str, data: bytes) -> Json:
        """A document for `says(..., document=...)`."""
        self.files[name] = data
        return {"file_id": name, "file_unique_id": name, "file_name": name, "file_size": len(data)}

    def visible(self, chat: int, thread: int = 0) -> list[Json]:
        """The bot's messages that stand there, oldest first."""
        return self.on_loop(lambda: [
            dict(m) for _, m in sorted(self.messages[chat].items())
            if m["mine"] and m.get("message_thread_id", 0) == thread
        ])  # fmt: skip

    def texts(self, chat: int, thread: int = 0) -> list[str]:
        return [m.get("text") or m.get("caption") or "" for m in self.visible(chat, thread)]

    def buttons(self, message: Json) -> list[str]:
        rows = (message.get("reply_markup") or {}).get("inline_keyboard") or []
        return [button["text"] for row in rows for button in row]
