"""Slash commands, presses, modals: each is answered once, in three seconds."""

from __future__ import annotations

import asyncio
import base64
import time
import uuid
from collections.abc import Callable
from typing import Any

from tests.bots.servers import discord_rules as rules
from tests.bots.servers.discord_api import Refused

Json = dict[str, Any]
ACK = 3.0  # seconds


class Interactions:
    me: Json
    rights: int
    channels: dict[str, Json]
    interactions: dict[str, Json]
    failed: list[str]
    registered: list[Json]
    publications: int
    patience: float
    violations: list[str]
    _loop: asyncio.AbstractEventLoop
    _bad: Callable[[str], Refused]
    snowflake: Callable[[], str]
    seen_channel: Callable[[Json], Json]
    member: Callable[[Json], Json]
    emit: Callable[[str, Json], None]
    outside: Callable[[Json], Json]
    add: Callable[..., Json]

    def do_commands(self, listed: list[Json] | None) -> list[Json]:
        if listed is not None:
            found = rules.commands(listed)
            if found:
                raise self._bad(found)
            self.publications += 1
            self.registered = [
                {"id": self.snowflake(), "application_id": self.me["id"], "version": "1",
                 "default_member_permissions": None, "nsfw": False, "integration_types": [0],
                 **command, "options": [_trimmed(o) for o in command.get("options") or []]}
                for command in listed
            ]  # fmt: skip
        return self.registered

    def interact(self, kind: int, channel: str, user: Json, data: Json, **more: Any) -> str:
        """Begun by a person; told to the bot. On the loop."""
        place = self.channels[channel]
        id = self.snowflake()
        token = base64.urlsafe_b64encode(f"interaction:{id}:{uuid.uuid4().hex}".encode()).decode()
        told: Json = {
            "id": id, "application_id": self.me["id"], "type": kind, "data": data, "token": token,
            "version": 1, "channel_id": channel, "channel": self.seen_channel(place),
            "app_permissions": str(self.rights), "locale": "en-US", "entitlements": [],
            "attachment_size_limit": rules.FILE, "authorizing_integration_owners": {}, **more,
        }  # fmt: skip
        if place["guild_id"]:
            partial = {"id": place["guild_id"], "locale": "en-US", "features": []}
            told.update(guild_id=place["guild_id"], member=self.member(user), guild=partial)
            told["context"] = 0
        else:
            told.update(user=user, context=1)
        self.interactions[id] = {"told": told, "at": time.monotonic(), "answer": None,
                                 "user": user}  # fmt: skip
        self.emit("INTERACTION_CREATE", told)
        self._loop.call_later(self.patience, self._overdue, id)
        return id

    def _overdue(self, id: str) -> None:
        if self.interactions[id]["answer"] is None:
            self.failed.append(id)

    def do_answer(self, id: str, token: str, body: Json) -> Json | None:
        found = self.interactions.get(id)
        if found is None or found["told"]["token"] != token:
            raise Refused(404, 10062, "Unknown interaction")
        if found["answer"] is not None:
            self.violations.append("an interaction is answered twice")
            raise Refused(400, 40060, "Interaction has already been acknowledged.")
        if time.monotonic() - found["at"] > self.patience:
            raise Refused(404, 10062, "Unknown interaction")
        kind, asked, data = body["type"], found["told"]["type"], body.get("data") or {}
        fits = {4: (2, 3, 5), 5: (2, 3, 5), 6: (3, 5), 7: (3, 5), 8: (4,), 9: (2, 3)}
        if asked not in fits.get(kind, ()):
            raise self._bad(f"an answer of type {kind} to one of {asked}")
        made: Json | None = None
        if kind == 4:
            made = self._answer_message(found, data)
        elif kind == 8 and rules.choices(data["choices"]):
            raise self._bad(rules.choices(data["choices"]))
        elif kind == 9 and rules.modal(data):
            raise self._bad(rules.modal(data))
        found["answer"] = body
        if made is None:
            return {"interaction": {"id": id, "type": asked}}
        resource = {"type": 4, "message": self.outside(made)}
        return {"interaction": {"id": id, "type": asked}, "resource": resource}

    def _answer_message(self, interaction: Json, data: Json) -> Json:
        content = data.get("content") or ""
        if not 1 <= len(content.strip()) <= rules.TEXT:
            raise self._bad("content")
        if data.get("allowed_mentions") != {"parse": [], "replied_user": False}:
            raise self._bad("somebody may be called by what the bot says")
        told = interaction["told"]
        flags = data.get("flags", 0)
        meta = {"id": told["id"], "type": told["type"], "user": interaction["user"],
                "authorizing_integration_owners": {}}  # fmt: skip
        more = {"flags": flags, "type": 20, "interaction_metadata": meta,
                "_for": interaction["user"]["id"] if flags & rules.EPHEMERAL else ""}  # fmt: skip
        if flags & rules.EPHEMERAL:  # told to one person alone, and kept nowhere
            return {"id": self.snowflake(), "content": content, **more}
        return self.add(told["channel_id"], self.me, content.strip(), **more)


def _trimmed(option: Json) -> Json:
    """Discord leaves out what is false."""
    return {key: value for key, value in option.items() if value not in (False, [])}
