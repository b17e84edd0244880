"""A person's private chat with the bots on each strict platform, by the same few words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from codecast_bots.markdown import telegram
from codecast_bots.platforms.contract import Limits, Place
from codecast_bots.platforms.discord_markdown import discord
from codecast_bots.settings import PlatformSettings
from tests.bots.lark_stage import read
from tests.bots.servers import lark_api, telegram_http
from tests.bots.servers.discord import TOKEN as DISCORD_TOKEN
from tests.bots.servers.discord import DiscordServer
from tests.bots.servers.discord_people import Person
from tests.bots.servers.lark import LarkServer
from tests.bots.servers.telegram import TelegramServer

Json = dict[str, Any]
USER = 4711


class Chat(Protocol):
    """`settings` and `secret` let the bots in; `kinds` of faults that its server can make.
    `speed` is how many times faster than the real platform its server counts."""

    name: str
    settings: Json
    secret: Mapping[str, str]
    server: Any
    kinds: tuple[str, ...]

    def joined(self) -> object: ...

    def says(self, text: str) -> None: ...

    def texts(self) -> list[str]:
        """What the bots say there, without messages that are only files."""

    def files(self) -> list[str]:
        """The names of the files that the bots sent."""

    def presses(self, label: str) -> bool:
        """The newest button whose label begins so, if there is one."""

    def shown(self, body: str) -> str:
        """As `texts` tells it."""

    def polls(self, what: str) -> bool:
        """Whether a call only asks for news."""

    def stop(self) -> None: ...


class TelegramChat:
    name = "telegram"
    kinds = ("429", "500", "close", "close_after")

    def __init__(self, speed: float) -> None:
        self.server = TelegramServer(speed)
        self.server.keep_calls = False
        self.server.private(USER)
        # drafts are no messages: what is edited can be counted
        self.settings = {"admins": [USER], "url": self.server.url, "drafts": False}
        self.secret = {"CODECAST_TELEGRAM_TOKEN": telegram_http.TOKEN}

    def joined(self) -> object:
        return self.server.commands

    def says(self, text: str) -> None:
        self.server.says(USER, text)

    def texts(self) -> list[str]:
        return [text for text in self.server.texts(USER) if text]

    def files(self) -> list[str]:
        found = [m.get("document") for m in self.server.visible(USER)]
        return [str(file["file_name"]) for file in found if file]

    def presses(self, label: str) -> bool:
        for message in reversed(self.server.visible(USER)):
            if any(button.startswith(label) for button in self.server.buttons(message)):
                self.server.presses(USER, message["message_id"], label)
                return True
        return False

    def shown(self, body: str) -> str:
        return telegram(body).text

    def polls(self, what: str) -> bool:
        return what == "getUpdates"

    def stop(self) -> None:
        self.server.stop()


class DiscordChat:
    name = "discord"
    kinds = ("429", "503", "close", "close_after")

    def __init__(self, speed: float) -> None:
        self.server = DiscordServer(speed)
        self.server.keep_calls = False
        self.server.patience = 20.0  # this machine may be slow
        user = self.server.user("Olga")
        self.channel = self.server.private(user)
        self.person = Person(self.server, user, self.channel)
        self.settings = {"admins": [user["id"]], "url": self.server.url}
        self.secret = {"CODECAST_DISCORD_TOKEN": DISCORD_TOKEN}

    def joined(self) -> object:
        return self.server.registered

    def says(self, text: str) -> None:
        self.person.says(text)

    def _mine(self) -> list[Json]:
        def look() -> list[Json]:
            found = self.server.messages[self.channel].values()
            return [m for m in found if m["author"]["bot"] and not m.get("_for")]

        mine: list[Json] = self.server.on_loop(look)
        return mine

    def texts(self) -> list[str]:
        return [m["content"] for m in self._mine() if m["content"]]

    def files(self) -> list[str]:
        return [file["filename"] for m in self._mine() for file in m["attachments"]]

    def presses(self, label: str) -> bool:
        for message in reversed(self._mine()):
            parts = [part for row in message["components"] for part in row["components"]]
            if any(str(part.get("label", "")).startswith(label) for part in parts):
                self.person.presses(message, label)
                return True
        return False

    def shown(self, body: str) -> str:
        return discord(body)

    def polls(self, what: str) -> bool:
        return "interactions" in what or "webhooks" in what

    def stop(self) -> None:
        self.server.stop()


class LarkChat:
    name = "lark"
    kinds = ("429", "500", "close", "close_after")
    chat, user = "oc_private", "ou_olga"

    def __init__(self, speed: float) -> None:
        self.server = LarkServer(speed)
        self.server.keep_calls = False
        self.server.private(self.chat)
        self.server.names[self.user] = "Olga"
        own = {"admins": [self.user], "app_id": lark_api.APP, "url": self.server.url}
        self.settings: Json = own
        self.secret = {"CODECAST_LARK_SECRET": lark_api.SECRET}

    def joined(self) -> object:
        return self.server.connections

    def says(self, text: str) -> None:
        self.server.says(self.chat, text, self.user)

    def texts(self) -> list[str]:
        return [m["text"] for m in self.server.visible(self.chat) if not m["file"]]

    def files(self) -> list[str]:
        return [m["name"] for m in self.server.visible(self.chat) if m["file"]]

    def presses(self, label: str) -> bool:
        for message in reversed(self.server.visible(self.chat)):
            if any(button.startswith(label) for button in message["buttons"]):
                self.server.presses(message["id"], label, self.user)
                return True
        return False

    def shown(self, body: str) -> str:
        return read(body)

    def polls(self, what: str) -> bool:
        return False

    def stop(self) -> None:
        self.server.stop()


CHATS: Mapping[str, Callable[[float], Chat]] = {
    "telegram": TelegramChat,
    "discord": DiscordChat,
    "lark": LarkChat,
}


def limits_of(chat: Chat) -> Limits:
    """What the bots know of the chat, by the platform's own adapter."""
    from importlib import import_module

    platform = import_module(f"codecast_bots.platforms.{chat.name}")
    made = platform.make(PlatformSettings(chat.name, "secret", url=chat.server.url))
    found: Limits = made.limits(Place(chat.name, "bot", "1"))
    return found
