"""Sessions: started, listed, renamed, switched, interrupted, stopped, resumed, removed."""

from __future__ import annotations

from typing import Any

from .auth import permit
from .base import ResourceHandler


class SessionsHandler(ResourceHandler):
    @permit("read")
    async def get(self) -> None:
        self.answer(await self.hub.sessions.list(**self.query()))

    @permit("execute")
    async def post(self) -> None:
        session = await self.hub.sessions.start(**self.body(), actor=self.actor)
        self.answer(session, 201)


class SessionHandler(ResourceHandler):
    @permit("read")
    async def get(self, session: str) -> None:
        self.query()
        self.answer(await self.hub.sessions.get(session))

    @permit("execute")
    async def patch(self, session: str) -> None:
        change, sessions = self.body(), self.hub.sessions
        # by id: a rename must not lose the session for what follows
        id = (await sessions.get(session))["id"]
        if "name" in change:
            await sessions.rename(id, change["name"])
        if "mode" in change:
            await sessions.set_mode(id, change["mode"], actor=self.actor)
        if "model" in change:
            await sessions.set_model(id, change["model"], actor=self.actor)
        self.answer(await sessions.get(id))

    @permit("execute")
    async def delete(self, session: str) -> None:
        self.query()
        if await self.hub.sessions.destroy(session, actor=self.actor):
            self.done()
        else:
            self.answer({}, 202)


class _ChangeHandler(ResourceHandler):
    """A verb on a session that answers with the session."""

    async def change(self, session: str, body: dict[str, Any]) -> None:
        raise NotImplementedError

    @permit("execute")
    async def post(self, session: str) -> None:
        id = (await self.hub.sessions.get(session))["id"]
        await self.change(id, self.body())
        self.answer(await self.hub.sessions.get(id))


class InterruptHandler(_ChangeHandler):
    async def change(self, session: str, body: dict[str, Any]) -> None:
        await self.hub.sessions.interrupt(session, **body, actor=self.actor)


class StopHandler(_ChangeHandler):
    async def change(self, session: str, body: dict[str, Any]) -> None:
        await self.hub.sessions.stop(session, actor=self.actor)


class ResumeHandler(_ChangeHandler):
    async def change(self, session: str, body: dict[str, Any]) -> None:
        await self.hub.sessions.resume(session)
