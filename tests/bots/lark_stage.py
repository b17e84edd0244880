"""Events to a strict Lark and back, `SPEED` times faster than the real one."""

from __future__ import annotations

import html
import itertools
from pathlib import Path

from codecast_bots.platforms import lark as platform
from codecast_bots.platforms.contract import Adapter, Kind, Outgoing, Place
from codecast_bots.platforms.lark_card import words_of
from codecast_bots.settings import PlatformSettings
from tests.bots.servers.lark import LarkServer
from tests.bots.servers.lark_api import APP, SECRET
from tests.bots.stage import Stage

chats = itertools.count(1)


class LarkStage(Stage):
    """A private chat, or a thread in a group, of its own."""

    def __init__(self, server: LarkServer, directory: Path, group: bool = False) -> None:
        self.lark, self.directory = server, directory
        self.chat = next(chats)
        self.name = f"oc_{self.chat}"
        (server.group if group else server.private)(self.name)
        self.thread = server.says(self.name, "begin", "ou_alice") if group else ""
        self.known = 0

    def made(self) -> Adapter:
        settings = PlatformSettings("lark", SECRET, app_id=APP, url=self.lark.url)
        return platform.make(settings)

    def placed(self, account: str) -> Place:
        kind: Kind = "group" if self.thread else "private"
        return Place("lark", account, self.name, self.thread or None, kind)

    def texts(self) -> list[str]:
        found = self.lark.visible(self.name, self.thread)
        return [message["text"] for message in found if not message["file"]]


def read(body: str) -> str:
    """As a person reads it in a card."""
    return html.unescape(words_of(Outgoing(body)))
