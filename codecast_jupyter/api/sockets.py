"""What our WebSockets share: who may open one, and that it is found out when a page is gone."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import ws_authenticated
from tornado import web
from tornado.websocket import WebSocketHandler

from codecast_agent.protocol.errors import CODES, CodecastError

from .auth import Action, CodecastHandler


class SocketHandler(CodecastHandler, WebSocketHandler):
    """`action` is what the Authorizer is asked for."""

    action: Action = "read"
    ping_interval = 30.0  # seconds; jupyter_server's own mixin would make it 8 hours

    async def prepare(self, **kwargs: Any) -> None:
        await super().prepare(_redirect_to_login=False, **kwargs)

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        if not await self.may(self.action):
            raise web.HTTPError(403)
        try:
            self.find(**kwargs)
        except CodecastError as error:
            raise web.HTTPError(CODES.get(error.code, 500), error.message) from None
        await super().get(*args, **kwargs)

    def find(self, **names: str) -> None:
        """What the socket is about, before it opens. Raises CodecastError."""

    def open(self, *args: str, **kwargs: str) -> None:
        # small frames must not wait until the page has acknowledged the last one
        self.set_nodelay(True)

    def get_compression_options(self) -> dict[str, Any]:
        return {"compression_level": 1}  # most of the gain at little cost
