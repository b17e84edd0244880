"""The doors of our Lark: its REST paths, with tokens and scopes, and the long connection."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from typing import TYPE_CHECKING, Any

from tornado.web import RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

if TYPE_CHECKING:
    from tests.bots.servers.lark import LarkServer

Json = dict[str, Any]
BOT = "ou_bot0000000000000000000000000000"
APP, SECRET = "cli_a1b2c3d4e5f60708", "9LkT0sEcReTofTheApp7yQv2WxZ4"


class Refused(Exception):
    def __init__(self, code: int, words: str, status: int = 400, reset: int = 0) -> None:
        super().__init__(words)
        self.code, self.words, self.status, self.reset = code, words, status, reset


class Call(RequestHandler):
    def initialize(self, server: LarkServer) -> None:
        self.server = server

    async def _any(self, path: str) -> None:
        server, request = self.server, self.request
        what = f"{request.method} {path.removeprefix('/open-apis')}"
        body = request.body if not request.files else b""
        given: Json = json.loads(body) if body else {}
        if server.keep_calls:
            server.calls.append((what, given))
        fault = server.fault(what)
        if fault == "close":
            self._drop()
            return
        if fault == "500":
            self._answer(500, {"code": 2200, "msg": "Internal Error"})
            return
        try:
            if fault == "429":
                raise server.too_many()
            found = self._do(path, given)
        except Refused as error:
            if error.reset:
                self.set_header("x-ogw-ratelimit-reset", str(error.reset))
            self._answer(error.status, {"code": error.code, "msg": error.words})
            return
        if fault == "close_after":
            self._drop()
        elif isinstance(found, bytes):
            self.finish(found)
        else:
            self._answer(200, {"code": 0, "msg": "success", **found})

    get = post = put = patch = delete = _any  # type: ignore[assignment]

    def _drop(self) -> None:
        self._finished = True
        assert self.request.connection is not None
        self.request.connection.stream.close()  # type: ignore[attr-defined]

    def _answer(self, status: int, value: Json) -> None:
        self.set_status(status)
        self.finish(value)

    def _do(self, path: str, given: Json) -> Any:
        server = self.server
        if path == "/callback/ws/endpoint":
            if (given.get("AppID"), given.get("AppSecret")) != (APP, SECRET):
                raise Refused(1000040344, "app_id or app_secret is invalid", 200)
            config = {"ReconnectCount": -1, "ReconnectInterval": 120, "ReconnectNonce": 30,
                      "PingInterval": 120}  # fmt: skip
            return {"data": {"URL": server.ticket(), "ClientConfig": config}}
        path = path.removeprefix("/open-apis")
        if path == "/auth/v3/tenant_access_token/internal":
            if given.get("app_id") != APP:
                raise Refused(10003, "invalid param", 200)
            if given.get("app_secret") != SECRET:
                raise Refused(10014, "app secret invalid", 200)
            return {"tenant_access_token": server.token(), "expire": 7200}
        bearer = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        if bearer not in server.tokens:
            raise Refused(99991663, "Invalid access token for authorization. Please make a test")
        server.rate(f"{self.request.method} {path}", 50)
        if path == "/bot/v3/info":
            return {"bot": {"activate_status": 2, "app_name": "Codecast", "open_id": BOT}}
        return self._data(path.strip("/").split("/"), given)

    def _data(self, parts: list[str], given: Json) -> Any:
        server, method = self.server, self.request.method
        scopes = {"im": "im:message", "cardkit": "cardkit:card:write",
                  "contact": "contact:user.base:readonly"}  # fmt: skip
        if parts[-1] == "id_convert":
            scopes["cardkit"] = "cardkit:card:read"
        need = scopes.get(parts[0])
        if need and need not in server.scopes:
            raise Refused(99991672, f"Access denied. One of the scopes is required: [{need}]")
        what = "/".join(parts[:3])
        data: Any = None
        if what == "cardkit/v1/cards":
            data = self._card(parts[3:], given)
        elif what == "im/v1/messages":
            data = self._message(parts[3:], given)
        elif what in ("im/v1/files", "im/v1/images") and method == "POST":
            texts = {k: [v.decode() for v in vs] for k, vs in self.request.body_arguments.items()}
            data = server.do_upload(what[6:-1], texts, self.request.files)
        elif what == "contact/v3/users":
            name = server.names.get(parts[3], "")
            data = {"user": {"name": name, "open_id": parts[3]}}
        elif what == "application/v6/scopes":
            granted = [{"scope_name": name, "grant_status": 1} for name in server.scopes]
            data = {"scopes": granted}
        elif parts[-1] == "app_versions":
            data = {"items": [{"status": 1, "events": server.events}]}
        if data is None:
            raise Refused(99991404, f"no such path {parts}", 404)
        return data if isinstance(data, bytes) else {"data": data}

    def _card(self, rest: list[str], given: Json) -> Any:
        server, method = self.server, self.request.method
        if method == "POST" and not rest:
            return server.do_card(given)
        if method == "POST" and rest == ["id_convert"]:
            return server.do_convert(given)
        if method == "PUT" and len(rest) == 1:
            return server.do_change(rest[0], given)
        if method == "PUT" and rest[1::2] == ["elements", "content"]:
            return server.do_content(rest[0], rest[2], given)
        if method == "PATCH" and rest[1:] == ["settings"]:
            return server.do_settings(rest[0], given)
        return None

    def _message(self, rest: list[str], given: Json) -> Any:
        server, method = self.server, self.request.method
        if method == "POST" and not rest:
            if self.get_query_argument("receive_id_type") != "chat_id":
                raise Refused(230001, "receive_id_type")
            return server.do_message(given, given["receive_id"])
        if method == "POST" and rest[1:] == ["reply"]:
            return server.do_reply(rest[0], given)
        if method == "DELETE" and len(rest) == 1:
            if server.messages.pop(rest[0], None) is None:
                raise Refused(230011, "The message was withdrawn.")
            return {}
        if method == "GET" and rest[1:2] == ["resources"]:
            if rest[2] not in server.files:
                raise Refused(234003, "File not in msg.")
            return server.files[rest[2]]
        if rest[1:2] == ["reactions"]:
            if method == "DELETE":
                server.reactions.pop(rest[2])
                return {}
            id = uuid.uuid4().hex
            server.reactions[id] = rest[0]
            return {"reaction_id": id}
        return None


class Socket(WebSocketHandler):
    def initialize(self, server: LarkServer) -> None:
        self.server = server
        self._sending: list[asyncio.Future[None]] = []

    def prepare(self) -> None:
        ticket = self.get_query_argument("ticket", "")
        if ticket not in self.server.tickets:  # each opens one connection
            self.set_header("handshake-status", "514")
            self.set_header("handshake-msg", "auth failed")
            self.set_header("handshake-autherrcode", "1000040346")
            self.set_status(400)
            self.finish()
            return
        self.server.tickets.remove(ticket)

    def open(self, *args: str, **more: str) -> None:
        self.server.joined(self)

    def on_message(self, data: str | bytes) -> None:
        assert isinstance(data, bytes)
        self.server.came(self, data)

    def on_close(self) -> None:
        self.server.left(self)

    def send(self, data: bytes) -> None:
        self._sending.append(asyncio.ensure_future(self._send(data)))
        self._sending = [one for one in self._sending if not one.done()]

    async def _send(self, data: bytes) -> None:
        with contextlib.suppress(WebSocketClosedError):
            await self.write_message(data, binary=True)

    def abort(self) -> None:
        self.server.left(self)
        connection = self.ws_connection
        if connection is not None:
            connection._abort()  # type: ignore[attr-defined]
