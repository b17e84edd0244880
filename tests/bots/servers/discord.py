"""A Discord of our own: strict as the real one's rules are published, failing where a test says.

Refuses bad messages, components and commands; keeps rates by route and channel; forgets an
interaction that is not answered in three seconds; makes a message of one nonce once; can lose
sessions, pull cables, and answer 429, 500, `close` (nothing was done) or `close_after` (it was
done, nobody is told): `fault(what)`, with `what` as `POST /channels/*/messages`.

Runs on a thread of its own. What a person sees is `visible`; what a person does are `says`,
`presses`, `chooses`, `writes`, `commands`, `completes`: `discord_people.Person` has them.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.bots.servers import discord_rules as rules
from tests.bots.servers.discord_api import Doors, Rates, Refused
from tests.bots.servers.discord_interactions import ACK, Interactions
from tests.bots.servers.discord_things import FORUM, RIGHTS, THREAD, Things, now
from tests.bots.servers.discord_wire import MESSAGE_CONTENT, Session, Socket
from tests.bots.servers.strict import OwnThread

Json = dict[str, Any]
TOKEN = "MTE5ODYyMjQ4MzQ3MTkyNTI0OA.Gx7k2Q.fake-token-of-our-own-discord-0123456789"
NONCE_LIVES = 120.0  # seconds


class DiscordServer(Interactions, Things, OwnThread):
    """`speed`: how many times faster its rates are than the real ones'."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self.token = TOKEN
        self.content_intent = True
        self.endpoint_url: str | None = None
        self.rights = sum(RIGHTS.values())
        self.beat = 41.25  # seconds
        self.mute = False  # heartbeats are not answered
        self.patience = ACK  # seconds an interaction waits
        self.refused_for = 0.3 if speed == 1 else 2 / speed  # seconds, by a 429 out of the blue
        self.beats = self.connections = self.identified = self.resumed = self.refused_resumes = 0
        self.guilds: dict[str, Json] = {}
        self.channels: dict[str, Json] = {}
        self.hidden: set[str] = set()  # channels that the bot may not see
        self.messages: dict[str, dict[str, Json]] = {}  # by channel
        self.files: dict[str, bytes] = {}
        self.interactions: dict[str, Json] = {}
        self.failed: list[str] = []  # interactions of which the person was told that they failed
        self.registered: list[Json] = []  # commands
        self.publications = 0
        self.typed: list[str] = []
        self.calls: list[tuple[str, Any]] = []
        self.keep_calls = True
        self.violations: list[str] = []
        self.unchanged = 0
        self.fault: Callable[[str], str] = lambda what: ""
        self.rates = Rates(speed)
        self.sessions: dict[str, Session] = {}
        self.sockets: list[Socket] = []
        self._nonces: dict[str, tuple[float, str]] = {}
        self._count = itertools.count()
        self.me = self.user("Codecast", bot=True)
        self.run()
        self.gateway = f"ws://127.0.0.1:{self.port}/gateway"

    @property
    def floods(self) -> int:
        return len(self.rates.floods)

    # -- its life

    async def _begin(self) -> int:
        app = web.Application(client_max_size=100 << 20)
        app.router.add_get("/gateway/", lambda request: Socket(self, request).run())
        app.router.add_get("/gateway", lambda request: Socket(self, request).run())
        doors = Doors(self)
        app.router.add_route("*", "/api/v10/{rest:.*}", doors.call)
        app.router.add_get("/attachments/{rest:.*}", doors.call)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def _end(self) -> None:
        self._abort()
        await self._runner.cleanup()

    # -- faults

    def drop_connections(self) -> None:
        """As a cable that is pulled: sessions can be taken up again."""
        self.on_loop(self._abort)

    def lose_sessions(self) -> None:
        """Nothing can be taken up: what was told meanwhile is lost."""

        def lose() -> None:
            self.sessions.clear()
            self._abort()

        self.on_loop(lose)

    def _abort(self) -> None:
        for socket in list(self.sockets):
            socket.abort()

    def ask_to_reconnect(self) -> None:
        def ask() -> None:
            for socket in self.sockets:
                socket.send({"op": 7, "d": None})

        self.on_loop(ask)

    def again(self, kind: str, data: Json) -> None:
        """An event once more, with the next number."""
        self.on_loop(lambda: self.emit(kind, data))

    def remove_bot(self, guild: str) -> None:
        def leave() -> None:
            self.emit("GUILD_DELETE", {"id": guild})
            del self.guilds[guild]

        self.on_loop(leave)

    # -- the gateway

    def ready(self, session: Session) -> Json:
        guilds = [{"id": id, "unavailable": True} for id in self.guilds]
        return {"v": 10, "user": self.me, "guilds": guilds, "session_id": session.id,
                "resume_gateway_url": self.gateway, "private_channels": [],
                "application": {"id": self.me["id"], "flags": 1 << 18}}  # fmt: skip

    def tell(self, session: Session, kind: str, data: Json) -> None:
        text = json.dumps({"op": 0, "t": kind, "s": len(session.told) + 1, "d": data})
        session.told.append(text)
        if session.socket is not None:
            session.socket.send_text(text)

    def emit(self, kind: str, data: Json) -> None:
        for session in list(self.sessions.values()):
            hides = not session.intents & MESSAGE_CONTENT and data.get("guild_id")
            if kind.startswith("MESSAGE_") and hides:
                data = {**data, "content": "", "attachments": [], "components": []}
            self.tell(session, kind, data)

    # -- messages

    def add(self, channel: str, author: Json, content: str, **more: Any) -> Json:
        """A message that is there from now on, told to all."""
        place = self.channels[channel]
        id = more.pop("id", None) or self.snowflake()
        message: Json = {
            "id": id, "channel_id": channel, "author": author, "content": content,
            "timestamp": now(), "edited_timestamp": None, "tts": False, "mention_everyone": False,
            "mentions": [], "mention_roles": [], "attachments": [], "embeds": [], "pinned": False,
            "type": 0, "components": [], "flags": 0, **more,
        }  # fmt: skip
        self.messages[channel][id] = message
        if place["type"] == THREAD and place["archived"]:
            place["archived"] = False
            self.emit("THREAD_UPDATE", self.seen_channel(place))
        self.emit("MESSAGE_CREATE", self.told(message))
        return message

    def told(self, message: Json) -> Json:
        """With what only the gateway tells."""
        guild = self.channels[message["channel_id"]]["guild_id"]
        more = {"guild_id": guild, "member": self.member(message["author"])} if guild else {}
        more.get("member", {}).pop("user", None)
        return {**self.outside(message), **more}

    def outside(self, message: Json) -> Json:
        return {key: value for key, value in message.items() if not key.startswith("_")}

    def message(self, channel: str, id: str) -> Json:
        found = self.messages[channel].get(id)
        if found is None:
            raise Refused(404, 10008, "Unknown Message")
        return found

    def attach(self, name: str, data: bytes) -> Json:
        id = self.snowflake()
        self.files[id] = data
        return {"id": id, "filename": name, "size": len(data), "proxy_url": "",
                "content_type": "text/plain; charset=utf-8",
                "url": f"{self.url}/attachments/1/{id}/{name}?ex=1&is=2&hm=3"}  # fmt: skip

    def _bad(self, words: str) -> Refused:
        self.violations.append(words)
        return Refused(400, 50035, f"Invalid Form Body: {words}")

    def do_send(self, channel: Json, body: Json, files: dict[str, bytes]) -> Json:
        kind = "in_threads" if channel["type"] == THREAD else "send"
        if channel["guild_id"] and not self.rights & RIGHTS[kind]:
            raise Refused(403, 50013, "Missing Permissions")
        if channel["type"] == FORUM:
            raise Refused(400, 50008, "Cannot send messages in a non-text channel")
        found = rules.message(body, files)
        if found:
            raise self._bad(found)
        if any(len(data) > rules.FILE for data in files.values()):
            raise Refused(413, 40005, "Request entity too large")
        nonce = f"{channel['id']} {body['nonce']}" if body.get("enforce_nonce") else ""
        at, id = self._nonces.get(nonce, (-1e9, ""))
        if nonce and time.monotonic() - at < NONCE_LIVES:
            return {**self.outside(self.messages[channel["id"]][id]), "nonce": body["nonce"]}
        more: Json = {}
        reference = body.get("message_reference")
        if reference is not None:
            to = self.messages[channel["id"]].get(str(reference["message_id"]))
            if to is None and reference.get("fail_if_not_exists", True):
                raise self._bad("message_reference: Unknown message")
            if to is not None:
                more.update(type=19, message_reference={**reference}, referenced_message=None)
        made = self.add(
            channel["id"], self.me, (body.get("content") or "").strip(),
            components=body.get("components") or [], flags=body.get("flags", 0),
            attachments=[self.attach(name, data) for name, data in files.items()], **more,
        )  # fmt: skip
        if nonce:
            self._nonces[nonce] = (time.monotonic(), made["id"])
        return {**self.outside(made), "nonce": body.get("nonce")}

    def do_edit(self, channel: Json, message: Json, body: Json) -> Json:
        if message["author"]["id"] != self.me["id"]:
            raise Refused(403, 50005, "Cannot edit a message authored by another user")
        if channel["archived"]:
            raise Refused(400, 50083, "Thread is archived")
        found = rules.message(body, {}, edit=True)
        if found:
            raise self._bad(found)
        content = (body.get("content") or "").strip()
        if not content and not message["attachments"]:
            raise Refused(400, 50006, "Cannot send an empty message")
        components = body.get("components") or []
        self.unchanged += (content, components) == (message["content"], message["components"])
        message.update(content=content, components=components, edited_timestamp=now())
        self.emit("MESSAGE_UPDATE", self.told(message))
        return self.outside(message)

    def do_delete(self, channel: Json, message: Json) -> None:
        del self.messages[channel["id"]][message["id"]]
        guild = {"guild_id": channel["guild_id"]} if channel["guild_id"] else {}
        told = {"id": message["id"], "channel_id": channel["id"], **guild}
        self.emit("MESSAGE_DELETE", told)

    def do_history(self, channel: str, after: int, limit: int) -> list[Json]:
        if self.channels[channel]["guild_id"] and not self.rights & RIGHTS["history"]:
            raise Refused(403, 50013, "Missing Permissions")
        if not 1 <= limit <= 100:
            raise self._bad("limit")
        found = [m for id, m in self.messages[channel].items() if int(id) > after and shown(m)]
        part = found[:limit] if after else found[-limit:]
        return [self.outside(message) for message in reversed(part)]

    # -- channels

    def do_thread(self, channel: Json, body: Json, on: str | None) -> Json:
        if not self.rights & RIGHTS["threads"]:
            raise Refused(403, 50013, "Missing Permissions")
        if not 1 <= len(body.get("name") or "") <= 100:
            raise self._bad("name")
        if body.get("auto_archive_duration") not in (60, 1440, 4320, 10080):
            raise self._bad("auto_archive_duration")
        if (channel["type"] == FORUM) != ("message" in body):
            raise self._bad("a forum's thread begins with a message, others do not")
        if on is not None:
            self.message(channel["id"], on)
            if on in self.channels:
                raise Refused(400, 160004, "A thread has already been created for this message")
        id = self.channel(channel["guild_id"], body["name"], THREAD, channel["id"])
        if on is not None:  # it has the id of its message
            self.channels[on] = {**self.channels.pop(id), "id": on}
            self.messages[on] = self.messages.pop(id)
            id = on
        made = self.channels[id]
        self.emit("THREAD_CREATE", {**self.seen_channel(made), "newly_created": True})
        if "message" in body:
            self.add(id, self.me, body["message"]["content"], id=id)
        return self.seen_channel(made)

    def do_change(self, channel: Json, body: Json) -> Json:
        if "name" in body:
            self.rates.take(f"rename {channel['id']}", 2, 600.0)
            if not 1 <= len(body["name"]) <= 100:
                raise self._bad("name")
        channel.update(body)
        self.emit("THREAD_UPDATE", self.seen_channel(channel))
        return self.seen_channel(channel)


def shown(message: Json) -> bool:
    return not message.get("_for")
