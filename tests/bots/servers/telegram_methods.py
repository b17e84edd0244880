"""Methods of the Bot API, and what they refuse."""

from __future__ import annotations

import time
from abc import ABC
from typing import Any

from tests.bots.servers.telegram_rules import Refused, check, problem_of, units_of
from tests.bots.servers.telegram_things import BOT, Things, shown

Json = dict[str, Any]


class Methods(Things, ABC):
    def do_getMe(self, given: Json, files: Any) -> Json:
        return {"id": BOT, "is_bot": True, "first_name": "Codecast", "username": "codecast_bot",
                "can_join_groups": True, "can_read_all_group_messages": False,
                "supports_inline_queries": False}  # fmt: skip

    def do_getWebhookInfo(self, given: Json, files: Any) -> Json:
        return {"url": "", "has_custom_certificate": False, "pending_update_count": 0}

    def do_getMyCommands(self, given: Json, files: Any) -> Any:
        return self.commands

    def do_setMyCommands(self, given: Json, files: Any) -> bool:
        commands = given["commands"]
        check(len(commands) <= 100, "too many commands")
        for command in commands:
            name = command["command"]
            plain = name.replace("_", "").isalnum() and name.islower() and len(name) <= 32
            check(plain, "BOT_COMMAND_INVALID")
            check(1 <= len(command["description"]) <= 256, "BOT_COMMAND_DESCRIPTION_INVALID")
        self.commands = commands
        return True

    def do_sendMessage(self, given: Json, files: Any) -> Json:
        text, entities = self._text(given, "text", "entities", 4096)
        check(bool(text), "Bad Request: message text is empty")
        return self._new(given, text=text, entities=entities)

    def _new(self, given: Json, **content: Any) -> Json:
        chat = self._chat(given)
        thread = int(given.get("message_thread_id") or 0)
        if thread and thread not in self.chats[chat].get("topics", ()):
            raise Refused(400, "Bad Request: message thread not found")
        id = self.next_id(chat)
        message = {
            "message_id": id, "date": int(time.time()), "chat": self.chats[chat],
            "from": self.user(BOT), "mine": True, "silent": bool(given.get("disable_notification")),
            "edits": 0, "reply_markup": self._markup(given), **content,
        }  # fmt: skip
        if thread:
            message.update(message_thread_id=thread, is_topic_message=True)
        reply = given.get("reply_parameters")
        if reply and int(reply["message_id"]) in self.messages[chat]:
            message["reply_to"] = int(reply["message_id"])
        self.messages[chat][id] = message
        for key in list(self.drafts):
            if key[0] == chat:
                del self.drafts[key]
        return shown(message)

    def _chat(self, given: Json) -> int:
        chat = int(given["chat_id"])
        if chat not in self.chats:
            raise Refused(400, "Bad Request: chat not found")
        if self.chats[chat].get("blocked"):
            raise Refused(403, "Forbidden: bot was blocked by the user")
        return chat

    def _mine(self, given: Json) -> Json:
        message = self.messages[self._chat(given)].get(int(given["message_id"]))
        if message is None:
            raise Refused(400, "Bad Request: message to edit not found")
        if not message["mine"]:
            raise Refused(400, "Bad Request: message can't be edited")
        return message

    def do_editMessageText(self, given: Json, files: Any) -> Json:
        message = self._mine(given)
        if "document" in message or "photo" in message:
            raise Refused(400, "Bad Request: there is no text in the message to edit")
        text, entities = self._text(given, "text", "entities", 4096)
        check(bool(text), "Bad Request: message text is empty")
        return self._changed(message, given, text=text, entities=entities)

    def do_editMessageCaption(self, given: Json, files: Any) -> Json:
        message = self._mine(given)
        if "document" not in message and "photo" not in message:
            raise Refused(400, "Bad Request: there is no caption in the message to edit")
        text, entities = self._text(given, "caption", "caption_entities", 1024)
        return self._changed(message, given, caption=text, entities=entities)

    def _changed(self, message: Json, given: Json, **content: Any) -> Json:
        content["reply_markup"] = self._markup(given)
        if all(message.get(key) == value for key, value in content.items()):
            self.unchanged += 1
            raise Refused(
                400,
                "Bad Request: message is not modified: specified new message content"
                " and reply markup are exactly the same as a current content",
            )
        message.update(content)
        message["edits"] += 1
        return shown(message)

    def do_deleteMessage(self, given: Json, files: Any) -> bool:
        chat = self._chat(given)
        if self.messages[chat].pop(int(given["message_id"]), None) is None:
            raise Refused(400, "Bad Request: message to delete not found")
        return True

    def do_sendMessageDraft(self, given: Json, files: Any) -> bool:
        chat = self._chat(given)
        check(self.chats[chat]["type"] == "private", "Bad Request: method is for private chats")
        check(int(given["draft_id"]) != 0, "Bad Request: DRAFT_ID_INVALID")
        text, _ = self._text(given, "text", "entities", 4096)
        self.drafts[chat, int(given["draft_id"])].append(text)
        return True

    def do_sendChatAction(self, given: Json, files: Any) -> bool:
        self.actions.append((self._chat(given), given["action"]))
        return True

    def do_answerCallbackQuery(self, given: Json, files: Any) -> bool:
        text = given.get("text") or ""
        check(len(text) <= 200, "Bad Request: MESSAGE_TOO_LONG")
        self.answers.append((str(given["callback_query_id"]), text))
        return True

    def do_createForumTopic(self, given: Json, files: Any) -> Json:
        chat = self._chat(given)
        check(bool(self.chats[chat].get("is_forum")), "Bad Request: the chat is not a forum")
        check(1 <= len(given["name"]) <= 128, "Bad Request: TOPIC_TITLE_INVALID")
        self._topic += 1
        self.chats[chat].setdefault("topics", {})[self._topic] = given["name"]
        return {"message_thread_id": self._topic, "name": given["name"], "icon_color": 7322096}

    def do_editForumTopic(self, given: Json, files: Any) -> bool:
        topics = self.chats[self._chat(given)].get("topics", {})
        thread, name = int(given["message_thread_id"]), given["name"]
        check(thread in topics, "Bad Request: message thread not found")
        check(1 <= len(name) <= 128, "Bad Request: TOPIC_TITLE_INVALID")
        check(topics[thread] != name, "Bad Request: TOPIC_NOT_MODIFIED")
        topics[thread] = name
        return True

    def do_sendDocument(self, given: Json, files: dict[str, list[Any]]) -> Json:
        return self._file_message(given, files, "document", 50 << 20)

    def do_sendPhoto(self, given: Json, files: dict[str, list[Any]]) -> Json:
        return self._file_message(given, files, "photo", 10 << 20)

    def _file_message(self, given: Json, files: Any, kind: str, most: int) -> Json:
        sent = next(iter(files.values()))[0]
        if len(sent["body"]) > most:
            raise Refused(413, "Request Entity Too Large")
        check(bool(sent["body"]), "Bad Request: file must be non-empty")
        text, entities = self._text(given, "caption", "caption_entities", 1024)
        name = sent["filename"]
        self.files[name] = sent["body"]
        document = {"file_id": name, "file_unique_id": name, "file_name": name}
        shown = document if kind == "document" else [{**document, "width": 1, "height": 1}]
        return self._new(given, caption=text, entities=entities, **{kind: shown})

    def do_sendMediaGroup(self, given: Json, files: dict[str, list[Any]]) -> list[Json]:
        media = given["media"]
        check(2 <= len(media) <= 10, "Bad Request: wrong number of media")
        made = []
        for item in media:
            name = item["media"].removeprefix("attach://")
            one = {**given, **{k: v for k, v in item.items() if k.startswith("caption")}}
            made.append(self._file_message(one, {name: files[name]}, "document", 50 << 20))
        return made

    def do_getFile(self, given: Json, files: Any) -> Json:
        data = self.files[given["file_id"]]
        if len(data) > 20 << 20:
            raise Refused(400, "Bad Request: file is too big")
        return {"file_id": given["file_id"], "file_unique_id": "u", "file_size": len(data),
                "file_path": f"documents/{given['file_id']}"}  # fmt: skip

    # -- rules

    def _markup(self, given: Json) -> Json | None:
        markup: Json | None = given.get("reply_markup")
        if markup is None:
            return None
        rows = markup.get("inline_keyboard")
        if rows is not None:
            check(sum(map(len, rows)) <= 100, "Bad Request: reply markup is too long")
            for row in rows:
                check(len(row) <= 8, "Bad Request: too many buttons in a row")
                for button in row:
                    data = button.get("callback_data", "").encode()
                    if not 1 <= len(data) <= 64:
                        self.violations.append(f"callback_data of {len(data)} bytes")
                        raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
                    check(bool(button["text"].strip()), "Bad Request: BUTTON_TEXT_INVALID")
        return markup

    def _text(self, given: Json, name: str, entities: str, most: int) -> tuple[str, list[Json]]:
        """The text as it is kept, with its entities; refuses what the rules refuse."""
        text = str(given.get(name) or "")
        if given.get("parse_mode"):
            self.violations.append("parse_mode")
        if self.refuses and self.refuses in text:
            raise Refused(400, "Bad Request: it is not taken")
        units = units_of(text.strip())
        if units > most or len(text.encode()) > 32768:
            self.violations.append(f"{name} of {units}")
            raise Refused(400, "Bad Request: message is too long")
        found = given.get(entities) or []
        problem = problem_of(text, found)
        if problem:
            self.violations.append(problem)
            raise Refused(400, f"Bad Request: can't parse entities: {problem}")
        return text.strip(), found
