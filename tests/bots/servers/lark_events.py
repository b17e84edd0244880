"""The long connection of our Lark: events are pushed, and again until they are acknowledged."""

from __future__ import annotations

import base64
import json
import time
import uuid
from abc import ABC
from collections import defaultdict, deque
from typing import Any

from tests.bots.servers import lark_wire as wire
from tests.bots.servers.lark_api import APP, Socket
from tests.bots.servers.strict import Tornado

Json = dict[str, Any]
ACK = 3.0  # seconds


class Events(Tornado, ABC):
    """An event is pushed in parts of `part` bytes; 0: whole."""

    def __init__(self) -> None:
        self.acks: dict[str, Json] = {}  # by event
        self.pushed: dict[str, int] = defaultdict(int)
        self.told: dict[str, bytes] = {}  # every event that was
        self.part = 0
        self.mute = False  # pings are not answered
        self.connections = 0  # ever made
        self.violations: list[str] = []
        self._sockets: list[Socket] = []
        self._waiting: deque[tuple[str, bytes]] = deque()

    async def _end(self) -> None:
        for socket in list(self._sockets):
            socket.close()
        await super()._end()

    def drop_connections(self) -> None:
        """As a cable that is pulled."""

        def drop() -> None:
            for socket in list(self._sockets):
                socket.abort()

        self.on_loop(drop)

    def again(self, event: str) -> None:
        """The event once more, though it was acknowledged."""
        self.on_loop(lambda: self._push(event, self.told[event]))

    def _event(self, kind: str, event: Json) -> str:
        id = uuid.uuid4().hex
        header = {"event_id": id, "event_type": kind, "create_time": str(int(time.time() * 1000)),
                  "token": "", "app_id": APP, "tenant_key": "t1"}  # fmt: skip
        payload = {"schema": "2.0", "header": header, "event": event}
        self._push(id, json.dumps(payload, ensure_ascii=False).encode())
        return id

    def _push(self, id: str, payload: bytes) -> None:
        self.told[id] = payload
        if not self._sockets:
            self._waiting.append((id, payload))
            return
        self.pushed[id] += 1
        step = self.part or len(payload)
        parts = [payload[at : at + step] for at in range(0, len(payload), step)]
        for number, part in enumerate(parts):
            headers = {"type": "event", "message_id": id, "sum": str(len(parts)),
                       "seq": str(number), "trace_id": "t" + id}  # fmt: skip
            self._sockets[-1].send(wire.encode(wire.DATA, headers, part))
        self._loop.call_later(ACK, self._overdue, id, payload)

    def _overdue(self, id: str, payload: bytes) -> None:
        if id not in self.acks and self.pushed[id] < 5:
            self._push(id, payload)

    def joined(self, socket: Socket) -> None:
        self._sockets.append(socket)
        self.connections += 1
        while self._waiting:
            self._push(*self._waiting.popleft())

    def left(self, socket: Socket) -> None:
        if socket in self._sockets:
            self._sockets.remove(socket)

    def came(self, socket: Socket, data: bytes) -> None:
        frame = wire.decode(data)
        headers = frame["headers"]
        if frame["method"] == wire.CONTROL:
            if headers["type"] == "ping" and not self.mute:
                config = {"ReconnectCount": -1, "PingInterval": 120}
                answer = wire.encode(wire.CONTROL, {"type": "pong"}, json.dumps(config).encode())
                socket.send(answer)
            return
        words = json.loads(frame["payload"])
        if words["code"] != 200 or "biz_rt" not in headers:
            self.violations.append(f"an acknowledgement {words}")
        data = words.get("data")
        self.acks[headers["message_id"]] = json.loads(base64.b64decode(data)) if data else {}
