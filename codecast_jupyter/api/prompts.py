"""Prompts of a session: sent, listed; edited, moved and cancelled while they wait."""

from __future__ import annotations

from .auth import permit
from .base import ResourceHandler, content_of


class PromptsHandler(ResourceHandler):
    @permit("read")
    async def get(self, session: str) -> None:
        self.query()
        self.answer(await self.hub.sessions.prompts(session))

    @permit("execute")
    async def post(self, session: str) -> None:
        body = self.body()
        prompt = await self.hub.sessions.prompt(
            session,
            content_of(body),
            id=body.get("id"),
            steer=body.get("steer", False),
            actor=self.actor,
        )
        self.answer(prompt, 202)


class PromptHandler(ResourceHandler):
    @permit("execute")
    async def patch(self, session: str, prompt: str) -> None:
        changed = await self.hub.sessions.edit_prompt(
            session, prompt, content_of(self.body()), actor=self.actor
        )
        self.answer(changed)

    @permit("execute")
    async def delete(self, session: str, prompt: str) -> None:
        self.query()
        await self.hub.sessions.cancel_prompt(session, prompt, actor=self.actor)
        self.done()


class MoveHandler(ResourceHandler):
    @permit("execute")
    async def post(self, session: str, prompt: str) -> None:
        moved = await self.hub.sessions.move_prompt(
            session, prompt, **self.body(), actor=self.actor
        )
        self.answer(moved)
