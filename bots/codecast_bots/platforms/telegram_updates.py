"""What Telegram tells, as the core's events: messages, albums as one, presses, being removed."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from telegram import Bot, Message, Update

from ..tasks import Spawn
from .contract import ActionIn, Event, GoneIn, Place, TextIn
from .telegram_answers import QueryAnswer
from .telegram_objects import CAPTIONED, files_of, joined, kind_of, person_of

log = logging.getLogger(__name__)
NAME = "telegram"


@dataclass
class Seen:
    """What is known of chats, over every connection: those with topics, and the newest message."""

    forums: set[str] = field(default_factory=set)
    newest: dict[str, int] = field(default_factory=dict)

    def message(self, chat: str, id: int) -> None:
        self.newest[chat] = max(self.newest.get(chat, 0), id)


class Reader:
    """Reads for one bot that is logged in. `spawn` runs what acknowledges a press in time."""

    def __init__(self, bot: Bot, seen: Seen, spawn: Spawn) -> None:
        self._bot, self._seen, self._spawn = bot, seen, spawn
        self._name = f"@{bot.username}"
        self._account = str(bot.id)

    def read(self, updates: Sequence[Update]) -> list[Event]:
        """Events of updates; an album is one. A broken update is left out, not all of them."""
        found: list[Event] = []
        albums: dict[str, int] = {}
        for update in updates:
            try:
                event = self._event(update)
            except Exception:
                log.exception("an update of Telegram could not be read")
                continue
            if event is None:
                continue
            group = update.message.media_group_id if update.message else None
            if group and isinstance(event, TextIn):
                if group in albums:
                    first = found[albums[group]]
                    assert isinstance(first, TextIn)
                    found[albums[group]] = joined(first, event)
                    continue
                albums[group] = len(found)
            found.append(event)
        return found

    def _event(self, update: Update) -> Event | None:
        id = f"telegram {self._account} {update.update_id}"
        if update.callback_query is not None:
            return self._press(id, update)
        member = update.my_chat_member
        if member is not None:
            if member.new_chat_member.status not in ("left", "kicked"):
                return None
            place = Place(NAME, self._account, str(member.chat.id), None, kind_of(member.chat))
            return GoneIn(
                id, place, person_of(member.from_user), time.time(), "the bot was removed"
            )
        message = update.message or update.edited_message
        if message is None:
            return None
        self._seen.message(str(message.chat.id), message.message_id)
        if message.chat.is_forum:
            self._seen.forums.add(str(message.chat.id))
        place = self._place(message)
        person = person_of(message.from_user)
        if message.migrate_to_chat_id:
            moved = str(message.migrate_to_chat_id)
            return GoneIn(id, place, person, time.time(), "it is a supergroup now", moved)
        text, files = message.text or message.caption or "", files_of(message)
        if message.from_user is None or not (text.strip() or files):
            return None
        return TextIn(
            id,
            place,
            person,
            message.date.timestamp(),
            self._unmentioned(text),
            str(message.message_id),
            files,
            self._replied(message),
            edited=update.message is None,
            addressed=self._addressed(message, text),
        )

    def _place(self, message: Any) -> Place:
        thread = getattr(message, "message_thread_id", None)
        topic = thread if getattr(message, "is_topic_message", None) else None
        return Place(
            NAME,
            self._account,
            str(message.chat.id),
            str(topic) if topic else None,
            kind_of(message.chat),
        )

    def _replied(self, message: Message) -> str | None:
        to = message.reply_to_message
        if to is None or to.forum_topic_created is not None:
            return None
        return str(to.message_id) + (CAPTIONED if to.document or to.photo else "")

    def _unmentioned(self, text: str) -> str:
        """Without the bot's own name at the front."""
        if text.lower().startswith(self._name.lower()):
            return text[len(self._name) :].lstrip()
        return text

    def _addressed(self, message: Message, text: str) -> bool:
        if message.chat.type == "private":
            return True
        to = message.reply_to_message
        if to is not None and to.from_user is not None and str(to.from_user.id) == self._account:
            return to.forum_topic_created is None
        return self._name.lower() in text.lower()

    def _press(self, id: str, update: Update) -> Event | None:
        query = update.callback_query
        if query is None or query.message is None or not query.data:
            return None
        token, _, value = query.data.partition(":")
        message = query.message
        ref = str(message.message_id)
        if isinstance(message, Message) and (message.document or message.photo):
            ref += CAPTIONED
        answer = QueryAnswer(self._bot, query.id)
        self._spawn(answer.in_time())
        return ActionIn(
            id,
            self._place(message),
            person_of(query.from_user),
            time.time(),
            token,
            ref,
            values=(value.removeprefix("+"),) if value and value != "ok" else (),
            partial=value.startswith("+"),
            answer=answer,
        )
