"""Which channel is which place: threads know their channel, private talks have no server."""

from __future__ import annotations

from typing import Any

from ..recent import Recent
from .contract import Place
from .discord_gateway import Gateway
from .discord_http import Rest
from .discord_objects import THREADS, channel_of

Json = dict[str, Any]
KEEP = 5000


class Places:
    def __init__(self, gateway: Gateway, rest: Rest) -> None:
        self._gateway = gateway
        self._rest = rest
        self._known: Recent[str, Place] = Recent(KEEP)  # by channel

    def remember(self, place: Place) -> Place:
        self._known[channel_of(place)] = place
        return place

    def known(self, channel: str) -> Place | None:
        return self._known.get(channel)

    def made(self, channel: str, private: bool, parent: str | None) -> Place:
        chat, thread = (parent, channel) if parent else (channel, None)
        kind: Any = "private" if private else "group"
        return self.remember(Place("discord", self._gateway.own, chat, thread, kind))

    def of_partial(self, channel: Json, guild: Any) -> Place:
        """Of the channel that an interaction tells."""
        parent = channel.get("parent_id") if channel.get("type") in THREADS else None
        return self.made(str(channel["id"]), not guild, str(parent) if parent else None)

    async def of(self, channel: str, guild: Any) -> Place:
        """Raises PlatformError."""
        found = self._known.get(channel)
        if found is not None:
            return found
        if not guild:
            return self.made(channel, True, None)
        cached: Any = self._gateway.get_channel(int(channel))
        if cached is not None:
            parent = cached.parent_id if cached.type.value in THREADS else None
        else:  # a thread that slept when the server was told
            told = await self._rest.call("GET", "/channels/{channel_id}", channel_id=channel)
            parent = told.get("parent_id") if told.get("type") in THREADS else None
        return self.made(channel, False, str(parent) if parent else None)

    async def type_of(self, channel: str) -> int:
        cached: Any = self._gateway.get_channel(int(channel))
        if cached is not None:
            return int(cached.type.value)
        told = await self._rest.call("GET", "/channels/{channel_id}", channel_id=channel)
        return int(told.get("type") or 0)

    def of_guild(self, guild: str) -> list[Place]:
        """The channels and threads known to be of a server; ask before it is forgotten."""
        found = self._gateway.get_guild(int(guild))
        ids = {str(each.id) for each in [*found.channels, *found.threads]} if found else set()
        return [place for channel, place in self._known.items() if channel in ids]

    def file_limit(self, place: Place, least: int) -> int:
        """What the server's level allows."""
        channel: Any = self._gateway.get_channel(int(place.chat)) if place.chat.isdigit() else None
        guild = getattr(channel, "guild", None)
        return max(least, int(guild.filesize_limit)) if guild is not None else least
