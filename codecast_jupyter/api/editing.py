"""A session's files for editors, and what changed among them."""

from __future__ import annotations

from codecast_agent.protocol.errors import CodecastError

from .auth import permit
from .base import ResourceHandler
from .files import FilesHandler


class TreeHandler(ResourceHandler):
    @permit("read")
    async def get(self, session: str) -> None:
        self.answer(await self.hub.editing.tree(session, self.query().get("path", ".")))


class EditedHandler(FilesHandler):
    """A file: got as `FilesHandler` has it, and changed."""

    @permit("execute")
    async def put(self, session: str) -> None:
        query = self.query()
        known = {"mtime": _time(query["mtime"])} if "mtime" in query else {}
        self.answer(await self.hub.editing.save(session, query["path"], self.request.body, **known))

    @permit("execute")
    async def post(self, session: str) -> None:
        body = self.body()
        self.answer(await self.hub.editing.make(session, body["path"], body["kind"]), 201)

    @permit("execute")
    async def patch(self, session: str) -> None:
        body = self.body()
        self.answer(await self.hub.editing.rename(session, body["path"], body["to"]))

    @permit("execute")
    async def delete(self, session: str) -> None:
        await self.hub.editing.delete(session, self.query()["path"])
        self.done()


class ChangesHandler(ResourceHandler):
    @permit("read")
    async def get(self, session: str) -> None:
        self.query()
        self.answer(await self.hub.editing.changes(session))


class DiffHandler(ResourceHandler):
    @permit("execute")  # it shows what is in files
    async def get(self, session: str) -> None:
        query = self.query()
        self.answer(await self.hub.editing.diff(session, query["path"], query.get("from")))


def _time(text: str) -> float | None:
    """Seconds since 1970; None for a file that is not there yet."""
    if text == "none":
        return None
    try:
        return float(text)
    except ValueError:
        raise CodecastError(
            "bad_request",
            f"'mtime' is seconds since 1970 or `none`, not {text!r}",
            data={"field": "mtime"},
        ) from None
