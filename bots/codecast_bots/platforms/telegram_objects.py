"""Telegram's objects and ours: people, files, text with entities, keyboards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from telegram import (
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
    MessageEntity,
    ReplyParameters,
    User,
)

from ..markdown import MOST_ENTITIES, Rich, clean, telegram
from .contract import Button, Control, FileIn, Outgoing, Person, Place, TextIn

CAPTIONED = "c"  # at the end of a ref's id: a file with a caption
STYLES = {"good": "success", "danger": "danger"}


def kind_of(chat: Any) -> Any:
    return "private" if chat.type == "private" else "group"


def topic_of(place: Place) -> int | None:
    return int(place.thread) if place.thread else None


def person_of(user: User | None) -> Person:
    if user is None:
        return Person("", "somebody")
    return Person(str(user.id), user.full_name or user.username or str(user.id), user.is_bot)


def files_of(message: Message) -> tuple[FileIn, ...]:
    found: list[FileIn] = []
    photo = message.photo[-1] if message.photo else None
    if photo is not None:
        found.append(FileIn(photo.file_id, "photo.jpg", photo.file_size, "image/jpeg"))
    for kind, ending in _KINDS.items():
        file = getattr(message, kind)
        if file is not None and not (kind == "document" and message.animation):
            file_name = getattr(file, "file_name", None) or f"{kind}{ending}"
            mime = getattr(file, "mime_type", None)
            found.append(FileIn(file.file_id, file_name, file.file_size, mime))
    return tuple(found)


_KINDS = {
    "document": "", "audio": ".mp3", "voice": ".ogg", "video": ".mp4", "video_note": ".mp4",
    "animation": ".mp4",
}  # fmt: skip


def joined(first: TextIn, more: TextIn) -> TextIn:
    """Two messages of an album; the caption may be on any of them."""
    values = {**vars(first), "files": first.files + more.files, "text": first.text or more.text}
    return TextIn(**values)


def rich_of(out: Outgoing) -> Rich:
    return Rich(clean(out.body).strip(), ()) if out.plain else telegram(out.body)


def entities_of(rich: Rich) -> list[MessageEntity] | None:
    found = []
    for entity in rich.entities[:MOST_ENTITIES]:
        more: dict[str, Any] = {}
        if entity.type == "text_link":
            more["url"] = entity.more
        elif entity.type == "pre" and entity.more:
            more["language"] = entity.more
        found.append(MessageEntity(entity.type, entity.offset, entity.length, **more))
    return found or None


def reply_of(out: Outgoing) -> ReplyParameters | None:
    if out.reply_to is None:
        return None
    id = int(out.reply_to.removesuffix(CAPTIONED))
    return ReplyParameters(id, allow_sending_without_reply=True)


def markup_of(out: Outgoing) -> InlineKeyboardMarkup | ForceReply | None:
    if out.controls:
        return InlineKeyboardMarkup(keyboard(out.controls))
    return ForceReply(selective=True) if out.asks_text else None


def keyboard(controls: Sequence[Control]) -> list[list[InlineKeyboardButton]]:
    """Short labels stand two in a row, options of a choice one below the other."""
    rows: list[list[InlineKeyboardButton]] = []
    for control in controls:
        if isinstance(control, Button):
            made = button(control.label, control.token, control.style)
            beside = rows and len(rows[-1]) == 1 and ":" not in str(rows[-1][0].callback_data)
            if beside and len(control.label) <= 16 and len(rows[-1][0].text) <= 16:
                rows[-1].append(made)
            else:
                rows.append([made])
            continue
        for number, option in enumerate(control.options[:90]):
            mark = ("☑ " if number in control.picked else "☐ ") if control.many else ""
            value = f"{control.token}:{'+' if control.many else ''}{number}"
            rows.append([button(mark + option.label, value, "plain")])
        if control.many:
            rows.append([button("Done", f"{control.token}:ok", "good")])
    return rows[:100]


def button(label: str, data: str, style: str) -> InlineKeyboardButton:
    return InlineKeyboardButton(label[:60] or "?", callback_data=data, style=STYLES.get(style))
