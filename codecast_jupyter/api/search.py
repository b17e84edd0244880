"""Search over the words of all sessions."""

from __future__ import annotations

from .auth import permit
from .base import ResourceHandler


class SearchHandler(ResourceHandler):
    @permit("read")
    async def get(self) -> None:
        query = self.query()
        self.answer(await self.hub.search(query["q"], query.get("limit", 50)))
