"""Permission requests and questions: who waits for a person, and the person's answer."""

from __future__ import annotations

from .auth import permit
from .base import ResourceHandler


class RequestsHandler(ResourceHandler):
    @permit("read")
    async def get(self) -> None:
        self.query()
        self.answer(await self.hub.requests.list())


class SessionRequestsHandler(ResourceHandler):
    @permit("read")
    async def get(self, session: str) -> None:
        self.query()
        self.answer(await self.hub.requests.list(session))


class AnswerHandler(ResourceHandler):
    @permit("execute")
    async def post(self, session: str, request: str) -> None:
        answered = await self.hub.requests.answer(session, request, **self.body(), actor=self.actor)
        self.answer(answered)
