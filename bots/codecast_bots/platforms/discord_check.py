"""What `codecast bots check` says of Discord: token, intent, servers, rights, channels."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import discord

from codecast_jupyter.waiting import within

from ..settings import PlatformSettings
from .contract import BadCredentials, Check, MissingPermission, PlatformError
from .discord_gateway import PORTAL, Gateway
from .discord_objects import FORUMS

GUILDS_WITHIN = 15.0  # seconds until every server was told
NEEDED = {
    "view_channel": "View Channels",
    "send_messages": "Send Messages",
    "send_messages_in_threads": "Send Messages in Threads",
    "create_public_threads": "Create Public Threads",
    "read_message_history": "Read Message History",
    "attach_files": "Attach Files",
}
WISHED = {"manage_threads": "Manage Threads"}  # to wake and rename what others opened
RIGHTS = discord.Permissions(**dict.fromkeys([*NEEDED, *WISHED], True))


def invitation(application: int | None) -> str:
    return (
        f"https://discord.com/oauth2/authorize?client_id={application}"
        f"&scope=bot+applications.commands&permissions={RIGHTS.value}"
    )


async def checks(settings: PlatformSettings) -> list[Check]:
    gateway = Gateway(lambda kind, data: None)
    try:
        try:
            await gateway.open(settings.secret, settings.url)
        except BadCredentials as error:
            return [Check("token", "error", str(error))]
        except MissingPermission:
            hint = f"Turn on Message Content Intent, and save: {_bot_page(gateway)}"
            known = Check("token", "ok", f"it is {gateway.user} (id {gateway.own})")
            return [known, Check("intents", "error", "it may not read what people write", hint)]
        except PlatformError as error:
            return [Check("connection", "error", str(error))]
        with contextlib.suppress(asyncio.TimeoutError):
            await within(gateway.wait_until_ready(), GUILDS_WITHIN)
        return _found(gateway, settings)
    finally:
        await gateway.shut()


def _bot_page(gateway: Gateway) -> str:
    return f"{PORTAL}/{gateway.application_id}/bot"


def _found(gateway: Gateway, settings: PlatformSettings) -> list[Check]:
    found = [
        Check("token", "ok", f"it is {gateway.user} (id {gateway.own})"),
        Check("intents", "ok", "it connects, and may read what people write"),
    ]
    application = gateway.application
    if application is not None and application.interactions_endpoint_url:
        found.append(
            Check("commands", "error", "slash commands and presses are sent to a web address",
                  f"Empty Interactions Endpoint URL: {PORTAL}/{application.id}/information")
        )  # fmt: skip
    invite = invitation(gateway.application_id)
    if not gateway.guilds:
        words = "the bot is on no server, so nobody can talk with it"
        found.append(Check("servers", "error", words, f"Invite it: {invite}"))
    for guild in gateway.guilds:
        found += _rights(guild.name, guild.me.guild_permissions, invite)
    for chat in sorted(settings.chats):
        found += _channel(gateway, chat)
    return found


def _lacking(given: discord.Permissions, rights: Mapping[str, str]) -> list[str]:
    return [name for key, name in rights.items() if not getattr(given, key)]


def _rights(where: str, given: discord.Permissions, invite: str) -> list[Check]:
    missing = _lacking(given, NEEDED)
    if missing:
        hint = f"Server Settings, Roles, the bot's role; or invite it once more: {invite}"
        return [Check("rights", "error", f"missing on {where}: {', '.join(missing)}", hint)]
    wished = _lacking(given, WISHED)
    if wished:
        words = f"on {where} it cannot name threads that it did not open: {', '.join(wished)}"
        return [Check("rights", "warning", words, "Server Settings, Roles, the bot's role")]
    return [Check("rights", "ok", f"all that is used, on {where}")]


def _channel(gateway: Gateway, chat: str) -> list[Check]:
    channel: Any = gateway.get_channel(int(chat)) if chat.isdigit() else None
    if channel is None:
        hint = "Copy the id by a right click on the channel (Settings, Advanced, Developer Mode)."
        return [Check("channel", "error", f"{chat} is none that the bot sees", hint)]
    given = channel.permissions_for(channel.guild.me)
    hint = f"Edit Channel, Permissions, of #{channel.name}: add the bot's role"
    missing = _lacking(given, NEEDED)
    if missing:
        words = f"missing in #{channel.name}: {', '.join(missing)}"
        return [Check("channel", "error", words, hint)]
    kind = "a forum" if channel.type.value in FORUMS else "a channel"
    return [Check("channel", "ok", f"#{channel.name} is {kind} where it can work")]
