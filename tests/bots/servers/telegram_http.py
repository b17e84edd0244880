"""Requests of the Bot API, with the faults that a test wants."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

from tornado.httputil import HTTPServerRequest
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler

from tests.bots.servers.telegram_rules import Refused

if TYPE_CHECKING:
    from tests.bots.servers.telegram import TelegramServer

Json = dict[str, Any]
TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw9"
WORDS = {"text", "caption", "name"}  # never JSON


class Method(RequestHandler):
    def initialize(self, server: TelegramServer) -> None:
        self.server = server

    async def post(self, token: str, method: str) -> None:
        server = self.server
        if token != TOKEN:
            self._answer(401, {"ok": False, "error_code": 401, "description": "Unauthorized"})
            return
        given = {
            name: values[-1].decode() if name in WORDS else _value(values[-1])
            for name, values in self.request.body_arguments.items()
        }
        if server.keep_calls:
            server.calls.append((time.monotonic(), method, given))
        fault = server.fault(method)
        if fault == "close":
            self._drop()
            return
        if fault == "500":
            words = {"ok": False, "error_code": 500, "description": "Internal Server Error"}
            self._answer(500, words)
            return
        try:
            if fault == "409":
                raise Refused(409, "Conflict: terminated by other getUpdates request")
            if fault == "429":
                wait = 1 if server.speed == 1 else 1 / server.speed
                raise Refused(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
            result = await server.call(method, given, self.request.files)
        except Refused as error:
            self._answer(error.code, {"ok": False, "error_code": error.code,
                                      "description": error.words,
                                      "parameters": error.parameters})  # fmt: skip
            return
        if fault == "close_after":
            self._drop()
            return
        self._answer(200, {"ok": True, "result": result})

    get = post

    def _drop(self) -> None:
        request: HTTPServerRequest = self.request
        assert request.connection is not None
        self._finished = True
        request.connection.stream.close()  # type: ignore[attr-defined]

    def _answer(self, code: int, value: Json) -> None:
        self.set_status(code)
        self.set_header("Content-Type", "application/json")
        with contextlib.suppress(StreamClosedError):
            self.finish(json.dumps(value))


class File(RequestHandler):
    def initialize(self, server: TelegramServer) -> None:
        self.server = server

    def get(self, token: str, path: str) -> None:
        if token != TOKEN:
            raise HTTPError(404)
        self.finish(self.server.files[path.rpartition("/")[2]])


def _value(raw: bytes) -> Any:
    text = raw.decode()
    if text[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return {"true": True, "false": False}.get(text, text)
