"""What `codecast bots check` says of a Telegram bot."""

from __future__ import annotations

from telegram import Bot
from telegram import error as errors

from .contract import Check
from .rest import reason
from .telegram_bot import shut


async def checks(bot: Bot) -> list[Check]:
    """Of one that is not logged in; it is shut down."""
    try:
        await bot.initialize()
        me = bot.bot
        hook = await bot.get_webhook_info()
    except errors.InvalidToken:
        hint = "@BotFather, /mybots, your bot, API Token"
        return [Check("token", "error", "Telegram does not know it", hint)]
    except errors.TelegramError as error:
        return [Check("connection", "error", f"Telegram does not answer: {reason(error)}")]
    finally:
        await shut(bot)
    found = [Check("token", "ok", f"it is @{me.username} (id {me.id})")]
    if hook.url:
        found.append(
            Check("webhook", "error", "one is set, so no messages come here",
                  "Whoever set it must delete it (deleteWebhook).")
        )  # fmt: skip
    if not me.can_join_groups:
        hint = "@BotFather, /mybots, Bot Settings, Allow Groups? turns it on."
        found.append(Check("groups", "warning", "the bot cannot be added to groups", hint))
    if not me.can_read_all_group_messages:
        found.append(
            Check("groups", "warning", "in groups it only hears commands and replies",
                  "@BotFather, /mybots, Bot Settings, Group Privacy, Turn off; or make the bot"
                  " an admin of the group. It needs Manage Topics to open topics.")
        )  # fmt: skip
    return found
