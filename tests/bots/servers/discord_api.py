"""The doors of our Discord: REST paths with tokens, rates and faults."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, web

if TYPE_CHECKING:
    from tests.bots.servers.discord import DiscordServer

Json = dict[str, Any]
GLOBAL = 50  # calls a second
PER_CHANNEL, SECONDS = 5, 5.0  # calls of one route, in so many seconds


class Refused(Exception):
    def __init__(self, status: int, code: int, words: str, retry_after: float = 0.0) -> None:
        super().__init__(words)
        self.status, self.code, self.words, self.retry_after = status, code, words, retry_after


class Rates:
    """Buckets by route and channel; `limit` tells the headers of a call, or refuses it."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._windows: dict[str, tuple[float, int]] = {}  # since when, calls in it
        self.floods: list[str] = []
        self.whole_until = 0.0

    def take(self, what: str, most: int, seconds: float) -> tuple[int, float]:
        """What is left, and when it is whole again. Raises Refused."""
        now, seconds = time.monotonic(), seconds / self._speed
        begun, count = self._windows.get(what, (now, 0))
        if now - begun >= seconds:
            begun, count = now, 0
        if count >= most:
            self.floods.append(what)
            raise Refused(429, 0, "You are being rate limited.", seconds - (now - begun))
        self._windows[what] = (begun, count + 1)
        return most - count - 1, seconds - (now - begun)

    def everything(self) -> None:
        now = time.monotonic()
        if now < self.whole_until:
            self.floods.append("global")
            raise Refused(429, -1, "You are being rate limited.", self.whole_until - now)
        self.take("global", GLOBAL, 1.0)


def answered(status: int, value: Any, headers: dict[str, str] | None = None) -> web.Response:
    body = b"" if status == 204 else json.dumps(value).encode()
    more = {} if status == 204 else {"Content-Type": "application/json"}
    return web.Response(
        body=body, status=status, headers={"Via": "1.1 us", **more, **(headers or {})}
    )


class Doors:
    def __init__(self, server: DiscordServer) -> None:
        self.server = server

    async def call(self, request: web.Request) -> web.StreamResponse:
        server = self.server
        parts = request.path.removeprefix("/api/v10").strip("/").split("/")
        if parts[0] == "attachments":
            found = server.files.get(parts[-2])
            return (
                web.Response(body=found, status=200)
                if found is not None
                else web.Response(status=404)
            )
        what = f"{request.method} /" + "/".join("*" if p.isdigit() else p for p in parts)
        if parts[0] in ("interactions", "webhooks"):
            what = f"{request.method} /{parts[0]}"
        body, files = await self._body(request)
        if server.keep_calls:
            server.calls.append((what, body))
        fault = server.fault(what)
        if fault == "close":
            return self._drop(request)
        if fault.isdigit():
            return self._failed(int(fault))
        headers: dict[str, str] = {}
        try:
            if request.headers.get("Authorization") != f"Bot {server.token}":
                raise Refused(401, 0, "401: Unauthorized")
            if parts[0] != "interactions":
                server.rates.everything()
            if parts[0] == "channels" and len(parts) > 2:
                major = f"{what} {parts[1]}"
                left, reset = server.rates.take(major, PER_CHANNEL, SECONDS)
                headers = {
                    "X-RateLimit-Limit": str(PER_CHANNEL), "X-RateLimit-Remaining": str(left),
                    "X-RateLimit-Reset": str(time.time() + reset),
                    "X-RateLimit-Reset-After": f"{reset:.3f}",
                    "X-RateLimit-Bucket": uuid.uuid5(uuid.NAMESPACE_OID, what).hex,
                }  # fmt: skip
            found = self._do(request, parts, body, files)
        except Refused as error:
            return self._refused(error, headers)
        if fault == "close_after":
            return self._drop(request)
        return answered(204 if found is None else 200, found, headers)

    def _drop(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    def _failed(self, status: int) -> web.Response:
        if status == 30046:
            words = "Maximum number of edits to messages older than 1 hour reached."
            return answered(429, {"message": words, "code": status})
        if status in (429, 4290):  # out of the blue, as sub-limits are; for long
            wait = self.server.refused_for if status == 429 else 400.0
            return self._refused(Refused(429, 0, "You are being rate limited.", wait), {})
        return web.Response(status=status, text="upstream error")

    def _refused(self, error: Refused, headers: dict[str, str]) -> web.Response:
        value: Json = {"message": error.words, "code": error.code}
        if error.status == 429:
            value = {
                "message": error.words,
                "retry_after": round(error.retry_after, 3),
                "global": error.code == -1,
            }
            headers = {**headers, "Retry-After": str(int(error.retry_after) + 1)}
        return answered(error.status, value, headers)

    async def _body(self, request: web.Request) -> tuple[Any, dict[str, bytes]]:
        if request.content_type.startswith("multipart/"):
            body, files = {}, {}
            async for part in await request.multipart():
                assert isinstance(part, BodyPartReader)
                data = await part.read()
                if part.name == "payload_json":
                    body = json.loads(data)
                else:
                    files[str(part.filename)] = bytes(data)
            return body, files
        raw = await request.read()
        return (json.loads(raw) if raw else {}), {}

    def _do(
        self, request: web.Request, parts: list[str], body: Any, files: dict[str, bytes]
    ) -> Any:
        server, method = self.server, request.method
        match method, parts:
            case "GET", ["users", "@me"]:
                return server.me
            case "GET", ["oauth2", "applications", "@me"]:
                return server.application()
            case "GET", ["gateway"] | ["gateway", "bot"]:
                return {"url": server.gateway, "shards": 1}
            case _, ["applications", app, "commands"] if app == server.me["id"]:
                return server.do_commands(body if method == "PUT" else None)
            case "POST", ["interactions", id, token, "callback"]:
                return server.do_answer(id, token, body)
            case _, ["channels", id, *rest]:
                return self._channel(request, id, rest, body, files)
        raise Refused(404, 0, "404: Not Found")

    def _channel(
        self, request: web.Request, id: str, rest: list[str], body: Any, files: dict[str, bytes]
    ) -> Any:
        server, method = self.server, request.method
        channel = server.channels.get(id)
        if channel is None:
            raise Refused(404, 10003, "Unknown Channel")
        if id in server.hidden:
            raise Refused(403, 50001, "Missing Access")
        match method, rest:
            case "GET", []:
                return server.seen_channel(channel)
            case "PATCH", []:
                return server.do_change(channel, body)
            case "POST", ["typing"]:
                server.typed.append(id)
                return None
            case "GET", ["messages"]:
                query = request.query
                return server.do_history(
                    id, int(query.get("after", 0)), int(query.get("limit", 50))
                )
            case "POST", ["messages"]:
                return server.do_send(channel, body, files)
            case "POST", ["threads"]:
                return server.do_thread(channel, body, None)
            case "POST", ["messages", message, "threads"]:
                return server.do_thread(channel, body, message)
            case "PUT", ["thread-members", user]:
                channel["members"].add(user)
                return None
            case "GET", ["messages", message]:
                return server.outside(server.message(id, message))
            case "PATCH", ["messages", message]:
                return server.do_edit(channel, server.message(id, message), body)
            case "DELETE", ["messages", message]:
                return server.do_delete(channel, server.message(id, message))
        raise Refused(404, 0, "404: Not Found")
