"""What sessions took: tokens, cost and time. Told from the store, whatever the machine does."""

from __future__ import annotations

from .auth import permit
from .base import ResourceHandler


class UsagesHandler(ResourceHandler):
    @permit("read")
    async def get(self) -> None:
        self.query()
        self.answer(await self.hub.sessions.usages())


class UsageHandler(ResourceHandler):
    @permit("read")
    async def get(self, session: str) -> None:
        self.query()
        self.answer(await self.hub.sessions.usage(session))
