"""Files: sent with prompts, offered by agents, fetched from machines."""

from __future__ import annotations

from contextlib import aclosing
from urllib.parse import quote

from codecast_agent.protocol.errors import CodecastError

from ..control.files import Download
from .auth import permit
from .base import ResourceHandler


class AttachmentsHandler(ResourceHandler):
    @permit("execute")
    async def post(self, session: str) -> None:
        query = self.query()
        block = await self.hub.attachments.add(
            session, query["name"], self.request.body, query.get("mime_type")
        )
        self.answer(block, 201)


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
