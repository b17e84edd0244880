"""The gateway of our Discord: HELLO, IDENTIFY, READY, RESUME, heartbeats, compressed."""

from __future__ import annotations

import asyncio
import json
import uuid
import zlib
from typing import TYPE_CHECKING, Any

from aiohttp import WSCloseCode, WSMsgType, web

if TYPE_CHECKING:
    from tests.bots.servers.discord import DiscordServer

Json = dict[str, Any]
MESSAGE_CONTENT = 1 << 15


class Session:
    """What one program was told; it can be taken up by its id."""

    def __init__(self, intents: int) -> None:
        self.id = uuid.uuid4().hex
        self.intents = intents
        self.told: list[str] = []  # of dispatches, in order
        self.socket: Socket | None = None


class Socket:
    def __init__(self, server: DiscordServer, request: web.Request) -> None:
        self.server = server
        self.request = request
        self.ws = web.WebSocketResponse(autoping=True, max_msg_size=4096)
        self.session: Session | None = None
        stream = request.query.get("compress") == "zlib-stream"
        self._zlib = zlib.compressobj() if stream else None
        self._out: asyncio.Queue[str | None] = asyncio.Queue()

    async def run(self) -> web.WebSocketResponse:
        server = self.server
        if (self.request.query.get("v"), self.request.query.get("encoding")) != ("10", "json"):
            server.violations.append(f"gateway asked with {self.request.query_string}")
        await self.ws.prepare(self.request)
        server.sockets.append(self)
        server.connections += 1
        writing = asyncio.create_task(self._write())
        self.send({"op": 10, "d": {"heartbeat_interval": int(server.beat * 1000)}})
        try:
            async for message in self.ws:
                if message.type != WSMsgType.TEXT:
                    continue
                await self._came(json.loads(message.data))
        finally:
            server.sockets.remove(self)
            if self.session is not None and self.session.socket is self:
                self.session.socket = None
                code = self.ws.close_code
                if code in (WSCloseCode.OK, WSCloseCode.GOING_AWAY):  # that ends the session
                    server.sessions.pop(self.session.id, None)
            writing.cancel()
            await asyncio.wait({writing})
        return self.ws

    async def _write(self) -> None:
        while True:
            text = await self._out.get()
            try:
                if text is None:
                    await self.ws.close(code=4000)
                elif self._zlib is None:
                    await self.ws.send_str(text)
                else:
                    data = self._zlib.compress(text.encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
                    await self.ws.send_bytes(data)
            except (ConnectionError, RuntimeError):
                return

    def send(self, value: Json) -> None:
        self._out.put_nowait(json.dumps(value))

    def send_text(self, text: str) -> None:
        self._out.put_nowait(text)

    def abort(self) -> None:
        """As a cable that is pulled."""
        if self.request.transport is not None:
            self.request.transport.abort()

    async def _came(self, message: Json) -> None:
        server, op, data = self.server, message["op"], message.get("d")
        if op == 1:
            server.beats += 1
            if not server.mute:
                self.send({"op": 11})
        elif op == 2:
            await self._identify(data)
        elif op == 6:
            await self._resume(data)

    async def _identify(self, data: Json) -> None:
        server = self.server
        server.identified += 1
        if data["token"] != server.token:
            await self.ws.close(code=4004, message=b"Authentication failed.")
            return
        if data["intents"] & MESSAGE_CONTENT and not server.content_intent:
            await self.ws.close(code=4014, message=b"Disallowed intent(s).")
            return
        session = self.session = Session(data["intents"])
        session.socket = self
        server.sessions[session.id] = session
        server.tell(session, "READY", server.ready(session))
        for guild in list(server.guilds):
            server.tell(session, "GUILD_CREATE", server.whole_guild(guild))

    async def _resume(self, data: Json) -> None:
        server = self.server
        session = server.sessions.get(data["session_id"])
        if data["token"] != server.token or session is None:
            server.refused_resumes += 1
            self.send({"op": 9, "d": False})
            return
        server.resumed += 1
        self.session, session.socket = session, self
        for text in session.told[data["seq"] :]:
            self.send_text(text)
        server.tell(session, "RESUMED", {})
