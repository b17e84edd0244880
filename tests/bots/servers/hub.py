"""A hub of our own with one session, of which a test says what happens.

It speaks as much of the API as bots ask for: the session, its events by the stream, prompts,
answers, files that are offered. Runs on a thread of its own.
"""

from __future__ import annotations

import json
from typing import Any

from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

from codecast_agent.protocol import state as fold
from tests.bots.servers.strict import Tornado

Json = dict[str, Any]
BASE = "/api/codecast/v1"
SESSION, NAME = "s1", "calm-otter"
PAGE = 500  # events of a frame


class Hub(Tornado):
    """`prompts` and `answers` are what came from people, `files` what is offered: by path, with
    its bytes and whether it is sent by rule."""

    def __init__(self) -> None:
        self.events: list[Json] = []
        self.prompts: list[Json] = []
        self.answers: dict[str, Json] = {}  # by request
        self.files: dict[str, tuple[bytes, bool]] = {}
        self._streams: set[Stream] = set()
        self.run()

    def routes(self) -> list[Any]:
        return [(f"{BASE}/stream", Stream, {"hub": self}), (f"{BASE}(/.*)", Call, {"hub": self})]

    async def _end(self) -> None:
        for stream in list(self._streams):
            stream.close()
        await super()._end()

    def happens(self, event: Json) -> None:
        def add() -> None:
            self.events.append(event)
            for stream in self._streams:
                stream.go_on()

        self._loop.call_soon_threadsafe(add)

    def close_streams(self) -> None:
        """As a server that is started anew."""
        self._loop.call_soon_threadsafe(lambda: [stream.close() for stream in self._streams])

    def session(self) -> Json:
        state = {**fold.initial(), "process": "ready", "status": "idle"}
        return {"id": SESSION, "name": NAME, "machine": "gpu", "cli": "claude", "cwd": "~/work",
                "mode": "code", "last_seq": len(self.events), "state": state}  # fmt: skip

    def prompted(self, given: Json) -> Json:
        made = {"id": given.get("id"), "state": "running"}
        if all(known["id"] != made["id"] for known in self.prompts):
            self.prompts.append({**given, "id": made["id"]})
        return {"prompt": made, **made}

    def offered(self) -> list[Json]:
        return [
            {"path": path, "name": path, "size": len(data), "mtime": 1.0,
             "offer": "auto" if by_rule else "ask"}
            for path, (data, by_rule) in list(self.files.items())[-20:]
        ]  # fmt: skip


class Call(RequestHandler):
    def initialize(self, hub: Hub) -> None:
        self.hub = hub

    def _any(self, path: str) -> None:
        hub, verb = self.hub, self.request.method
        given = json.loads(self.request.body) if self.request.body else {}
        found: Any = None
        match verb, path.strip("/").split("/"):
            case "GET", ["sessions"]:
                found = [hub.session()]
            case _, ["machines", name, *_]:
                found = {"name": name, "state": "connected", "status": "connected", "clis": []}
            case "GET", ["sessions", _]:
                found = hub.session()
            case "POST", ["sessions", _, "resume" | "interrupt"]:
                found = hub.session()
            case "GET", ["sessions", _, "requests"] | ["search"]:
                found = []
            case "GET", ["sessions", _, "offered"]:
                found = hub.offered()
            case "GET", ["sessions", _, "files"]:
                self.finish(hub.files[self.get_query_argument("path")][0])
                return
            case "POST", ["sessions", _, "prompts"]:
                found = hub.prompted(given)
            case "POST", ["sessions", _, "requests", request, "answer"]:
                hub.answers[request] = given
                found = {"request": request, **given}
        if found is None:
            self.set_status(404)
            found = {"code": "not_found", "message": f"{verb} {path}"}
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(found))

    get = post = _any  # type: ignore[assignment]


class Stream(WebSocketHandler):
    def initialize(self, hub: Hub) -> None:
        self.hub = hub
        self._after = -1  # not subscribed

    def open(self, *args: str, **more: str) -> None:
        self.hub._streams.add(self)

    def on_message(self, data: str | bytes) -> None:
        frame = json.loads(data)
        if frame["type"] == "subscribe":
            self._after = int(frame["after"])
            self.write_message(json.dumps({"type": "subscribed", "session": SESSION}))
            self.go_on()
        elif frame["type"] == "unsubscribe":
            self._after = -1
            self.write_message(json.dumps({"type": "unsubscribed", "session": SESSION}))

    def go_on(self) -> None:
        """What there is behind the last event told."""
        while 0 <= self._after < len(self.hub.events):
            events = self.hub.events[self._after : self._after + PAGE]
            self._after += len(events)
            self.write_message(json.dumps({"type": "events", "session": SESSION, "events": events}))

    def on_close(self) -> None:
        self._after = -1
        self.hub._streams.discard(self)
