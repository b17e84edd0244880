"""The library's `Bot`: made, and shut down whole."""

from __future__ import annotations

import contextlib

from telegram import Bot
from telegram import error as errors
from telegram.request import HTTPXRequest

from ..settings import PlatformSettings

POLL = 25  # seconds a poll waits


def bot_of(settings: PlatformSettings) -> Bot:
    url = settings.url.rstrip("/") or "https://api.telegram.org"
    return Bot(
        settings.secret,
        base_url=f"{url}/bot",
        base_file_url=f"{url}/file/bot",
        request=HTTPXRequest(
            connection_pool_size=16, read_timeout=20, write_timeout=20, pool_timeout=20
        ),
        get_updates_request=HTTPXRequest(connection_pool_size=2, read_timeout=POLL + 15),
    )


async def shut(bot: Bot) -> None:
    with contextlib.suppress(errors.TelegramError):
        await bot.shutdown()
    # what was never initialized is left open by shutdown
    for request in bot._request:
        await request.shutdown()
