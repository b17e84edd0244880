"""Events to a strict Discord and back, `SPEED` times faster than the real one."""

from __future__ import annotations

from pathlib import Path

from codecast_bots.platforms import discord as platform
from codecast_bots.platforms.contract import Adapter, Place
from codecast_bots.settings import PlatformSettings
from tests.bots.servers.discord import THREAD, TOKEN, DiscordServer
from tests.bots.stage import Stage

KINDS = ("429", "503", "close", "close_after")


class DiscordStage(Stage):
    """A thread of its own."""

    def __init__(self, server: DiscordServer, directory: Path) -> None:
        self.discord, self.directory = server, directory
        guild = server.guild()
        self.parent = server.channel(guild, "agents")
        self.thread = server.channel(guild, "session", THREAD, self.parent)
        self.chat = int(self.thread)
        self.known = 0

    def made(self) -> Adapter:
        return platform.make(PlatformSettings("discord", TOKEN, url=self.discord.url))

    def placed(self, account: str) -> Place:
        return Place("discord", account, self.parent, self.thread, "group")

    def texts(self) -> list[str]:
        return [message["content"] for message in self.discord.messages[self.thread].values()]
