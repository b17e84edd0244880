"""A client without a server: an `AsyncClient` over sessions in memory."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from codecast_agent.protocol import budget as budgets
from codecast_agent.protocol.errors import CodecastError
from codecast_agent.protocol.events import plain_text, text
from tests.fixtures import usage

from .fake_machines import FakeMachines
from .fake_session import FakeSession

Json = dict[str, Any]


class FakeClient(FakeMachines):
    url = "http://127.0.0.1:1/"

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, FakeSession] = {}
        self.calls: list[tuple[Any, ...]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.skills: Json = {}  # what a start says became of them
        self.on_connection: Any = lambda error: None

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    # sessions

    def add(self, name: str = "brave-otter", machine: str = "local", id: str = "") -> FakeSession:
        session = FakeSession(machine, "/work", name, id or f"1234abcd-{len(self.known)}", "demo")
        self.known[session.fixed["id"]] = session
        return session

    def _find(self, session: str) -> FakeSession:
        for found in self.known.values():
            if session in (found.fixed["id"], found.fixed["name"]):
                return found
        raise CodecastError("not_found", f"There is no session {session!r}.")

    async def sessions(
        self, machine: str | None = None, status: str | None = None, all: bool | None = None
    ) -> list[Json]:
        return [s.json() for s in self.known.values() if machine in (None, s.fixed["machine"])]

    async def start(self, machine: str, cwd: str, **more: Any) -> Json:
        self.calls.append(("start", machine, cwd, more))
        session = self.add(more.get("name") or "calm-fox", machine, more["id"])
        session.fixed["cwd"] = cwd
        if self.machine_states[machine] != "online":
            session.fixed.update(delivery="stored", link="offline")
            return session.json()
        await session.emit("session_state", state="ready", pid=1)
        if more.get("prompt"):
            await self.prompt(session.fixed["id"], more["prompt"], id="first")
        return {**session.json(), **({"skills": self.skills} if self.skills else {})}

    async def session(self, session: str) -> Json:
        return self._find(session).json()

    async def update_session(self, session: str, **fields: Any) -> Json:
        found = self._find(session)
        found.fixed.update(fields)
        if "silent" in fields.values():
            return found.json()
        if "later" in fields.values():
            shown = {"model": {"value": "later"}}
            await found.emit("config_option_update", settings=shown, asked={"model": "later"})
            return found.json()
        if "refused" in fields.values():
            await found.emit("notice", level="error", text="No word of this.")
            await found.emit("notice", level="error", text="It did not take refused: unknown.")
        elif "model" in fields:
            await found.emit("config_option_update", settings={"model": {"value": fields["model"]}})
        if "mode" in fields:
            await found.emit(
                "config_option_update",
                settings={"mode": {"value": fields["mode"]}},
                **{"class": fields["mode"]},
            )
        if "budget" in fields:
            limits = budgets.changed(found.state["budget"], fields["budget"])
            await found.emit("budget_update", **limits)
        return found.json()

    async def usage(self, session: str) -> Json:
        found = self._find(session)
        return usage.of_one_turn(found.fixed, found.state, 1234, 100)

    async def usages(self) -> list[Json]:
        return [await self.usage(session) for session in self.known]

    async def remove(self, session: str) -> None:
        found = self._find(session)
        found.removed = True
        del self.known[found.fixed["id"]]
        async with found.grown:
            found.grown.notify_all()

    async def stop(self, session: str) -> Json:
        found = self._find(session)
        if found.turn:
            found.turn.cancel()
        await found.emit("session_state", state="stopped", by="me", where="shell")
        return found.json()

    async def resume(self, session: str) -> Json:
        await self._find(session).emit("session_state", state="ready", resumed=True)
        return self._find(session).json()

    # prompts

    async def prompts(self, session: str) -> list[Json]:
        return list(self._find(session).prompts.values())

    async def prompt(self, session: str, content: Any, *, id: str, steer: bool = False) -> Json:
        found = self._find(session)
        blocks = [text(content)] if isinstance(content, str) else content
        content = plain_text(blocks)
        assert id not in found.prompts, "a prompt was sent twice"
        prompt = {
            "id": id,
            "session": found.fixed["id"],
            "text": content,
            "content": blocks,
            "state": "queued",
            "created": time.time(),
            "by": "me",
            "where": "shell",
        }
        found.prompts[id] = prompt
        self.calls.append(("prompt", content, steer))
        await found.emit(
            "prompt_state",
            prompt=id,
            state="queued",
            content=blocks,
            by="me",
            where="shell",
        )
        before = found.turn
        found.turn = asyncio.create_task(found.take(prompt, before))
        self.tasks.append(found.turn)
        return dict(prompt)

    async def attach(self, session: str, name: str, data: bytes, mime_type: Any = None) -> Json:
        self._find(session)
        if data[:4] == b"\x89PNG":
            uri = f"attachment:01234567/{name}"
            return {"type": "image", "uri": uri, "mime_type": "image/png", "name": name}
        return {"type": "text", "text": f"{name}: {data.decode()}", "name": name}

    async def offered(self, session: str) -> list[Json]:
        self._find(session)
        file = {"path": "/p/out/plot.png", "name": "out/plot.png", "size": 1500, "mtime": 5.0}
        return [{**file, "offer": "ask"}]

    async def download(self, session: str, path: str, write: Any) -> int:
        self._find(session)
        if path == "nowhere":
            raise CodecastError("not_found", "There is no file nowhere.")
        for piece in (b"first ", b"second"):
            write(piece, 12)
            if path == "broken":
                raise CodecastError("link_lost", "The file ended after 6 of 12 bytes.")
        return 12

    async def edit_prompt(self, session: str, prompt: str, content: str) -> Json:
        self._find(session).prompts[prompt]["text"] = content
        return self._find(session).prompts[prompt]

    async def move_prompt(self, session: str, prompt: str, before: str | None = None) -> Json:
        found = self._find(session)
        order = [id for id in found.prompts if id != prompt]
        order.insert(order.index(before) if before else len(order), prompt)
        found.prompts = {id: found.prompts[id] for id in order}
        where = {"before": before or "", "move": "m"}
        await found.emit("prompt_state", prompt=prompt, state="queued", **where)
        return dict(found.prompts[prompt])

    async def cancel_prompt(self, session: str, prompt: str) -> None:
        self._find(session).prompts[prompt]["state"] = "cancelled"

    async def interrupt(self, session: str, cancel_queue: bool = False) -> Json:
        found = self._find(session)
        self.calls.append(("interrupt",))
        if found.running:
            found.running.cancel()
            await asyncio.wait([found.running])
        return found.json()

    # requests

    async def requests(self, session: str | None = None) -> list[Json]:
        found = [self._find(session)] if session else list(self.known.values())
        return [
            {
                **{k: v for k, v in e.items() if k not in ("type", "time")},
                "session": s.fixed["id"],
                "opened": e["time"],
                "outcome": "open" if e["request"] in s.state["requests"] else "resolved",
            }
            for s in found
            for e in s.events
            if e["type"] == "request_opened"
        ]

    async def answer(self, session: str, request: str, **body: Any) -> Json:
        found = self._find(session)
        self.calls.append(("answer", request, body))
        future = found.answers[request]
        if future.done():
            raise CodecastError(
                "already_resolved", "Somebody answered.", data={"by": "alice", "where": "telegram"}
            )
        future.set_result({**body, "by": "me", "where": "shell"})
        return {
            "request": request,
            "session": found.fixed["id"],
            "outcome": "resolved",
            "title": "Edit train.py",
        }

    # events

    async def history(
        self, session: str, after: int = 0, limit: int | None = None, types: Any = None
    ) -> Json:
        events = self._find(session).events
        page = events[after : after + (limit or 3)]
        return {"events": page, "last_seq": len(events), "more": after + len(page) < len(events)}

    async def events(self, session: str, after: int = 0) -> Any:
        found = self._find(session)
        while not found.removed:
            async with found.grown:
                await found.grown.wait_for(lambda: len(found.events) > after or found.removed)  # noqa: B023
            for event in found.events[after:]:
                after = event["seq"]
                yield event

    async def watch(self) -> Any:
        """Tells that the machine went and came back, by a file of the test."""
        path = Path(os.environ.get("FAKE_OFFLINE") or "/nonexistent")
        before = "online"
        while True:
            link = "offline" if path.exists() else "online"
            if link != before:
                for session in self.known.values():
                    session.fixed["link"] = before = link
                    yield {"type": "session", "session": session.json()}
            await asyncio.sleep(0.02)

    async def search(self, query: str, limit: int | None = None) -> list[Json]:
        return [
            {
                "session": "s",
                "name": "brave-otter",
                "machine": "local",
                "seq": 3,
                "time": 1.0,
                "kind": "message",
                "snippet": query,
            }
        ]

    async def health(self) -> Json:
        return {
            "version": "1",
            "protocol": 1,
            "sessions": len(self.known),
            "machines": 2,
            "uptime": 5.0,
        }
