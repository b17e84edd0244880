"""Files: sent with prompts, offered by agents, fetched from machines."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any
from urllib.parse import quote

from tornado import web

from codecast_agent.protocol.errors import CodecastError

from ..control.files import Download
from ..control.incoming import Incoming
from .auth import permit
from .base import ResourceHandler


@web.stream_request_body
class AttachmentsHandler(ResourceHandler):
    """The body goes to the disk as it comes, once it is known that this person may send it; of
    others it is read and forgotten, and `post` refuses them."""

    _incoming: Incoming | None = None
    _problem: OSError | None = None

    async def prepare(self, **kwargs: Any) -> None:
        await super().prepare(**kwargs)
        if self.request.method == "POST" and self.current_user and await self.may("execute"):
            self._incoming = self.hub.attachments.receive()

    async def data_received(self, chunk: bytes) -> None:
        if self._incoming is not None and self._problem is None:
            try:
                await self._incoming.write(chunk)
            except OSError as error:
                self._problem = error

    @permit("execute")
    async def post(self, session: str) -> None:
        query = self.query()
        attachments = self.hub.attachments
        if self._problem is not None:
            raise attachments.no_room(query["name"], self._problem)
        data = self._incoming or b""
        block = await attachments.add(session, query["name"], data, query.get("mime_type"))
        self.answer(block, 201)

    def on_finish(self) -> None:
        super().on_finish()
        self._end()

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self._end()

    def _end(self) -> None:
        """What was not kept is deleted, also when the sender went away in the middle."""
        if self._incoming is not None:
            self._incoming.discard()


class OfferedHandler(ResourceHandler):
    @permit("read")
    async def get(self, session: str) -> None:
        self.query()
        self.answer(await self.hub.files.offered(session))


class FilesHandler(ResourceHandler):
    @permit("execute")
    async def get(self, session: str) -> None:
        found = await self.hub.files.open(session, self.query()["path"])
        async with aclosing(found.pieces) as pieces:
            # what is wrong with the first piece is still an answer in our shape
            data = await anext(pieces, b"")
            self._head(found)
            try:
                while data:
                    self.write(data)
                    await self.flush()
                    data = await anext(pieces, b"")
            except CodecastError as error:
                # the length was announced: an end before it is the only way to say so
                self.log.warning("codecast: %s: %s", found.path, error.message)
                if self.request.connection is not None:
                    self.request.connection.close()  # type: ignore[attr-defined]
                return
        await self.flush()
        self.finish(set_content_type="application/octet-stream")

    def _head(self, found: Download) -> None:
        name = found.path.rpartition("/")[2].encode("utf-8", "replace")
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("Content-Length", found.size)
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(name)}")
        self.set_header("X-Codecast-Mtime", repr(found.mtime))
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        self.clear_header("Etag")
