"""People, servers and channels of our Discord, as it tells them."""

from __future__ import annotations

import itertools
import time
from datetime import datetime, timezone
from typing import Any

Json = dict[str, Any]
EPOCH = 1420070400000
TEXT, PRIVATE, THREAD, FORUM = 0, 1, 11, 15  # types of channels
RIGHTS = {"view": 1 << 10, "send": 1 << 11, "history": 1 << 16, "files": 1 << 15,
          "threads": 1 << 35, "in_threads": 1 << 38, "manage_threads": 1 << 34}  # fmt: skip


class Things:
    me: Json
    rights: int
    content_intent: bool
    endpoint_url: str | None
    guilds: dict[str, Json]
    channels: dict[str, Json]
    messages: dict[str, dict[str, Json]]
    _count: itertools.count[int]

    def snowflake(self) -> str:
        return str((int(time.time() * 1000) - EPOCH << 22) + (next(self._count) & 0xFFF))

    def user(self, name: str, bot: bool = False) -> Json:
        return {"id": self.snowflake(), "username": name.lower(), "global_name": name,
                "discriminator": "0", "avatar": None, "bot": bot}  # fmt: skip

    def guild(self, name: str = "Lab") -> str:
        id = self.snowflake()
        self.guilds[id] = {"id": id, "name": name}
        return id

    def channel(self, guild: str, name: str, kind: int = TEXT, parent: str | None = None) -> str:
        id = self.snowflake()
        self.channels[id] = {
            "id": id, "type": kind, "guild_id": guild, "parent_id": parent, "name": name,
            "owner_id": self.me["id"], "archived": False, "members": set(), "of": None,
        }  # fmt: skip
        self.messages.setdefault(id, {})
        return id

    def private(self, user: Json) -> str:
        """The channel of a private talk."""
        id = self.snowflake()
        self.channels[id] = {"id": id, "type": PRIVATE, "guild_id": None, "recipients": [user],
                             "members": set(), "archived": False, "name": ""}  # fmt: skip
        self.messages[id] = {}
        return id

    def seen_channel(self, channel: Json) -> Json:
        """As Discord tells it."""
        kind = channel["type"]
        found: Json = {"id": channel["id"], "type": kind, "last_message_id": None, "flags": 0}
        if kind == PRIVATE:
            return {**found, "recipients": channel["recipients"]}
        found.update(
            guild_id=channel["guild_id"], name=channel["name"], parent_id=channel["parent_id"],
            rate_limit_per_user=0, position=0, permission_overwrites=[], nsfw=False, topic=None,
        )  # fmt: skip
        if kind == THREAD:
            found.update(
                owner_id=channel["owner_id"], message_count=1, member_count=1,
                thread_metadata={
                    "archived": channel["archived"], "auto_archive_duration": 10080,
                    "archive_timestamp": now(), "locked": False, "create_timestamp": now(),
                },
            )  # fmt: skip
        if kind == FORUM:
            found.update(available_tags=[], default_reaction_emoji=None, default_sort_order=None,
                         default_forum_layout=0)  # fmt: skip
        return found

    def whole_guild(self, id: str) -> Json:
        role = {"id": id, "name": "@everyone", "permissions": str(self.rights), "position": 0,
                "color": 0, "hoist": False, "managed": False, "mentionable": False, "flags": 0,
                "icon": None, "unicode_emoji": None,
                "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
                }  # fmt: skip
        here = [self.seen_channel(c) for c in self.channels.values() if c["guild_id"] == id]
        threads = [c for c in here if c["type"] == THREAD]
        awake = [c for c in threads if not c["thread_metadata"]["archived"]]
        return {
            "id": id, "name": self.guilds[id]["name"], "owner_id": "1", "roles": [role],
            "emojis": [], "stickers": [], "features": [], "premium_tier": 0, "large": False,
            "channels": [c for c in here if c["type"] != THREAD], "threads": awake,
            "members": [self.member(self.me)], "member_count": 2, "unavailable": False,
            "verification_level": 0, "default_message_notifications": 1, "presences": [],
            "explicit_content_filter": 0, "mfa_level": 0, "nsfw_level": 0, "voice_states": [],
            "afk_timeout": 300, "preferred_locale": "en-US", "system_channel_flags": 0,
            "stage_instances": [], "guild_scheduled_events": [], "joined_at": now(),
            "premium_progress_bar_enabled": False, "icon": None, "banner": None, "splash": None,
            "discovery_splash": None, "description": None, "vanity_url_code": None,
            "soundboard_sounds": [],
        }  # fmt: skip

    def member(self, user: Json) -> Json:
        return {"user": user, "nick": None, "roles": [], "joined_at": now(), "deaf": False,
                "mute": False, "flags": 0, "permissions": "0", "avatar": None}  # fmt: skip

    def application(self) -> Json:
        flags = (1 << 18 | 1 << 19) if self.content_intent else 0
        return {"id": self.me["id"], "name": "Codecast", "icon": None, "description": "",
                "bot_public": True, "bot_require_code_grant": False, "owner": self.user("Owner"),
                "team": None, "verify_key": "0", "rpc_origins": [], "flags": flags,
                "interactions_endpoint_url": self.endpoint_url, "tags": []}  # fmt: skip


def now() -> str:
    return datetime.now(timezone.utc).isoformat()
