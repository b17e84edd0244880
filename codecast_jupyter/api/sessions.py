"""Sessions: started, listed, renamed, switched, interrupted, stopped, resumed, removed."""

from __future__ import annotations

from .auth import permit
from .base import ResourceHandler


class SessionsHandler(ResourceHandler):
    @permit("read")
    async def get(self) -> None:
        self.answer(await self.hub.sessions.list(**self.query()))

    @permit("execute")
    async def post(self) -> None:
        body = self.body()
        if "skills" in body:
            body["put_skills"] = body.pop("skills")
        session = await self.hub.sessions.start(**body, actor=self.actor)
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
        found = await sessions.get(session)
        if "name" in change:
            found = await sessions.rename(found["id"], change["name"], actor=self.actor)
        if "mode" in change:
            found = await sessions.set_mode(found["id"], change["mode"], actor=self.actor)
        if "model" in change:
            found = await sessions.set_model(found["id"], change["model"], actor=self.actor)
        if "budget" in change:
            found = await sessions.set_budget(found["id"], change["budget"], actor=self.actor)
        self.answer(found)

    @permit("execute")
    async def delete(self, session: str) -> None:
        self.query()
        if await self.hub.sessions.destroy(session, actor=self.actor):
            self.done()
        else:
            self.answer({}, 202)


class InterruptHandler(ResourceHandler):
    @permit("execute")
    async def post(self, session: str) -> None:
        self.answer(await self.hub.sessions.interrupt(session, **self.body(), actor=self.actor))


class StopHandler(ResourceHandler):
    @permit("execute")
    async def post(self, session: str) -> None:
        self.body()
        self.answer(await self.hub.sessions.stop(session, actor=self.actor))


class ResumeHandler(ResourceHandler):
    @permit("execute")
    async def post(self, session: str) -> None:
        self.body()
        self.answer(await self.hub.sessions.resume(session, actor=self.actor))
