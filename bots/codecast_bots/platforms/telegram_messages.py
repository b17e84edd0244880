"""One message made or changed by Telegram's calls. Raises the library's errors."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from telegram import Bot, InlineKeyboardMarkup, InputMediaDocument, LinkPreviewOptions, Message
from telegram import error as errors

from ..markdown import Rich, utf16
from .contract import FileOut, Outgoing, Place, TooBig
from .telegram_objects import (
    CAPTIONED,
    entities_of,
    markup_of,
    reply_of,
    rich_of,
    topic_of,
)

CAPTION, ALBUM_MOST = 1024, 10  # units below a file; files of one message
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


async def send(bot: Bot, place: Place, out: Outgoing) -> Message:
    """The message that has the words. Raises TooBig."""
    rich, markup = rich_of(out), markup_of(out)
    common: dict[str, Any] = {
        "chat_id": int(place.chat),
        "message_thread_id": topic_of(place),
        "disable_notification": not out.notify,
        "reply_parameters": reply_of(out),
    }
    if out.files:
        if utf16(rich.text) > CAPTION or len(out.files) > ALBUM_MOST:
            raise TooBig(f"words of {utf16(rich.text)} units below {len(out.files)} files")
        return await _send_files(bot, out.files, rich, markup, common)
    return await bot.send_message(
        text=rich.text,
        entities=entities_of(rich),
        reply_markup=markup,
        link_preview_options=NO_PREVIEW,
        **common,
    )


async def _send_files(
    bot: Bot, files: Sequence[FileOut], rich: Rich, markup: Any, common: dict[str, Any]
) -> Message:
    caption: dict[str, Any] = {
        "caption": rich.text or None,
        "caption_entities": entities_of(rich),
    }
    if len(files) > 1:  # at once, so that all are there or none
        media = [
            InputMediaDocument(
                file.path.read_bytes(),
                filename=file.name,
                **(caption if number == len(files) - 1 else {}),
            )
            for number, file in enumerate(files)
        ]
        return (await bot.send_media_group(media=media, **common))[-1]
    file = files[0]
    data = file.path.read_bytes()
    if file.name.lower().endswith(PICTURES) and len(data) < 10 << 20:
        with contextlib.suppress(errors.BadRequest):  # not every picture is one to Telegram
            return await bot.send_photo(
                photo=data, filename=file.name, reply_markup=markup, **caption, **common
            )
    return await bot.send_document(
        document=data, filename=file.name, reply_markup=markup, **caption, **common
    )


async def edit(bot: Bot, chat: int, id: str, out: Outgoing) -> None:
    """`id` is a MessageRef's."""
    rich, markup = rich_of(out), markup_of(out)
    keyboard = markup if isinstance(markup, InlineKeyboardMarkup) else None
    if id.endswith(CAPTIONED):
        await bot.edit_message_caption(
            chat_id=chat,
            message_id=int(id.removesuffix(CAPTIONED)),
            caption=rich.text or None,
            caption_entities=entities_of(rich),
            reply_markup=keyboard,
        )
    else:
        await bot.edit_message_text(
            chat_id=chat,
            message_id=int(id),
            text=rich.text,
            entities=entities_of(rich),
            reply_markup=keyboard,
            link_preview_options=NO_PREVIEW,
        )
