"""A client without a server: an `AsyncClient` over sessions in memory.

A prompt runs a small scripted turn, chosen by its words, so that the surface's side of a
conversation can be driven: `work` streams and asks permission, `ask` asks questions,
`slow` streams until interrupted, anything else is echoed.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from codecast_agent.protocol import budget as budgets
from codecast_agent.protocol import state as fold
from codecast_agent.protocol.errors import CodecastError
from codecast_agent.protocol.events import plain_text, problems, text
from tests.fixtures import usage

Json = dict[str, Any]

DIFF = "--- a/train.py\n+++ b/train.py\n@@ -1,2 +1,2 @@\n-lr = 1\n+lr = 0.1\n model = 2\n"
OPTIONS = [
    {"id": "yes", "kind": "allow_once", "label": "Yes"},
    {"id": "always", "kind": "allow_always", "label": "Yes, always", "rule": "Edit(train.py)"},
    {"id": "no", "kind": "reject_once", "label": "No"},
]
QUESTIONS = [
    {
        "id": "q1",
        "header": "Colour",
        "text": "Which colour?",
        "multiple": False,
        "free_text": True,
        "options": [{"label": "red"}, {"label": "green", "description": "calm"}],
    },
    {
        "id": "q2",
        "text": "Which sizes?",
        "multiple": True,
        "free_text": False,
        "options": [{"label": "S"}, {"label": "M"}, {"label": "L"}],
    },
]


class FakeSession:
    def __init__(self, machine: str, cwd: str, name: str, id: str, cli: str) -> None:
        self.fixed: Json = {
            "id": id,
            "name": name,
            "machine": machine,
            "cli": cli,
            "cwd": cwd,
            "mode": "code",
            "model": None,
            "created": time.time() - 4000,
            "link": "online",
            "delivery": "started",
        }
        self.events: list[Json] = []
        self.state = fold.initial()
        self.prompts: dict[str, Json] = {}
        self.grown = asyncio.Condition()
        self.answers: dict[str, asyncio.Future[Json]] = {}
        self.turn: asyncio.Task[None] | None = None  # the last one begun or waiting
        self.running: asyncio.Task[None] | None = None
        self.turns = 0
        self.removed = False

    def json(self) -> Json:
        return {**self.fixed, "state": self.state, "last_seq": len(self.events)}

    async def emit(self, type: str, **fields: Any) -> None:
        event = {"type": type, **fields}
        assert not problems(event), problems(event)
        async with self.grown:
            seq, now = len(self.events) + 1, time.time()
            self.events.append({"seq": seq, "time": now, **event})
            fold.apply(self.state, seq, now, type, fields)
            self.grown.notify_all()


def _conversation(cli: str, native: str, title: str, **more: Any) -> Json:
    times = {"started": time.time() - 7200, "updated": time.time() - 3600}
    about = {"cli": cli, "native": native, "title": title, "cwd": "/home/me/x", "size": 4096}
    return {**about, **times, **more}


class FakeClient:
    url = "http://127.0.0.1:1/"

    def __init__(self) -> None:
        self.known: dict[str, FakeSession] = {}
        self.calls: list[tuple[Any, ...]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.machine_states: dict[str, str] = {"local": "online", "gpu-1": "offline"}
        self.skills: Json = {}  # what a start says became of them
        self.obstacle: list[CodecastError] = []  # what the next connects fail with
        self.on_connection: Any = lambda error: None
        live = {"pid": 7, "program": "codex", "since": 1.0, "reason": "Codex is in it."}
        self.conversations: list[Json] = [
            _conversation("claude", "3a5278d9-ad95-41a8-8c6a-441d87f1b3ec", "Why | NaN?"),
            _conversation("codex", "01a1fb94-2533-76d3-81f4-3cb0ecfb21ff", "Tidy", live=live),
            _conversation("opencode", "ses_e046c3e13ffeVuV2JYvfAk52V0", "Ours", session="s-1"),
        ]

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    # machines

    def _machine(self, name: str) -> Json:
        if name not in self.machine_states:
            raise CodecastError("not_found", f"There is no machine {name!r}.", "codecast machines")
        return {
            "name": name,
            "kind": "local" if name == "local" else "ssh",
            "source": "ssh_config",
            "host": f"{name}.example",
            "user": "me",
            "port": 22,
            "state": self.machine_states[name],
            "sessions": len(self.known),
            "latency_ms": 1.5,
            "defaults": {},
            "since": time.time(),
        }

    async def machines(self) -> list[Json]:
        return [self._machine(name) for name in self.machine_states]

    async def machine(self, name: str) -> Json:
        return self._machine(name)

    async def put_machine(self, name: str, config: Json) -> Json:
        self.calls.append(("put_machine", name, config))
        self.machine_states[name] = "offline"
        return self._machine(name)

    async def remove_machine(self, name: str) -> None:
        del self.machine_states[name]

    async def connect_machine(self, name: str) -> Json:
        self._machine(name)
        if self.obstacle:
            raise self.obstacle.pop(0)
        self.machine_states[name] = "online"
        return self._machine(name)

    async def disconnect_machine(self, name: str) -> Json:
        self.machine_states[name] = "offline"
        return self._machine(name)

    async def accept_host_key(self, name: str, fingerprint: str) -> Json:
        self.calls.append(("accept_host_key", name, fingerprint))
        return self._machine(name)

    async def give_secret(self, name: str, prompt: str, value: str) -> Json:
        self.calls.append(("give_secret", name, prompt, value))
        return self._machine(name)

    async def machine_info(self, name: str) -> Json:
        return {
            "cpu": 8,
            "memory": {"total": 64e9, "available": 32e9},
            "load": [0.1, 0.2, 0.3],
            "gpus": [],
        }

    async def doctor(self, name: str) -> Json:
        self._machine(name)
        checks = [
            {"name": "connect", "status": "ok", "message": "connected"},
            {"name": "python", "status": "error", "message": "no python3", "hint": "install it"},
        ]
        return {"machine": name, "checks": checks}

    async def clis(self, name: str, refresh: bool = False) -> list[Json]:
        return [
            {"cli": "demo", "name": "Demo", "found": True, "version": "1", "logged_in": True},
            {"cli": "claude", "name": "Claude Code", "found": False, "install": "npm i -g claude"},
        ]

    async def machine_history(
        self,
        name: str,
        cli: str | None = None,
        query: str | None = None,
        limit: int | None = None,
        cwd: str | None = None,
    ) -> list[Json]:
        self._machine(name)
        return [c for c in self.conversations if cli in (None, c["cli"])][:limit]

    async def directories(self, name: str, path: str | None = None, hidden: bool = False) -> Json:
        return {
            "path": "/home/me",
            "entries": [{"name": "project", "is_dir": True, "size": 1, "mtime": 1.0}],
        }

    async def processes(self, name: str) -> list[Json]:
        return [
            {
                "pid": 7,
                "session": "s",
                "ppid": 1,
                "age": 3.0,
                "memory": 1800000,
                "command": "sup",
                "supervisor": True,
            }
        ]

    async def kill(self, name: str, session: str) -> Json:
        return {"killed": [7]}

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
        found.turn = asyncio.create_task(self._turn(found, prompt, before))
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

    async def cancel_prompt(self, session: str, prompt: str) -> None:
        self._find(session).prompts[prompt]["state"] = "cancelled"

    async def interrupt(self, session: str, cancel_queue: bool = False) -> Json:
        found = self._find(session)
        self.calls.append(("interrupt",))
        if found.running:
            found.running.cancel()
            await asyncio.wait([found.running])
        return found.json()

    async def _turn(
        self, session: FakeSession, prompt: Json, before: asyncio.Task[None] | None
    ) -> None:
        if before is not None:
            await asyncio.wait([before])
        session.turns += 1
        turn = session.turns
        session.running = asyncio.current_task()
        await session.emit("prompt_state", prompt=prompt["id"], state="running")
        await session.emit("turn_started", turn=turn, prompts=[prompt["id"]])
        reason = "end_turn"
        try:
            await self._act(session, str(prompt["text"]), turn)
        except asyncio.CancelledError:
            reason = "cancelled"
            for request in list(session.state["requests"]):
                await session.emit(
                    "request_withdrawn", request=request, why="interrupted", turn=turn
                )
        await session.emit("turn_ended", turn=turn, reason=reason, cost_usd=0.0123)
        state = "done" if reason == "end_turn" else "cancelled"
        prompt["state"] = state
        await session.emit("prompt_state", prompt=prompt["id"], state=state)

    async def _act(self, session: FakeSession, words: str, turn: int) -> None:
        async def say(part: str) -> None:
            await session.emit(
                "agent_message_chunk", message=f"m{turn}", content=text(part), turn=turn
            )

        if words.startswith("work"):
            await session.emit(
                "agent_thought_chunk", message=f"t{turn}", content=text("Thinking hard."), turn=turn
            )
            for part in ("I shall ", "change **train.py**", ".\nNow.\n"):
                await say(part)
                await asyncio.sleep(0.02)
            call = f"c{turn}"
            await session.emit(
                "tool_call",
                call=call,
                title="Edit train.py",
                kind="edit",
                status="pending",
                turn=turn,
            )
            picked = await self._ask(
                session,
                f"r{turn}",
                turn,
                kind="permission",
                title="Edit train.py",
                call=call,
                content=[{"type": "diff", "path": "train.py", "diff": DIFF}],
                options=OPTIONS,
            )
            status = "failed" if picked.get("option") == "no" else "completed"
            await session.emit("tool_call_update", call=call, status=status, turn=turn)
            await session.emit(
                "agent_message_chunk",
                message=f"n{turn}",
                content=text(f"It is {status}."),
                turn=turn,
            )
        elif words.startswith("ask"):
            await self._ask(
                session, f"r{turn}", turn, kind="question", title="Two things", questions=QUESTIONS
            )
            await say("Thank you.")
        elif words.startswith("slow"):
            for number in range(100000):
                await say(f"{number} ")
                await asyncio.sleep(0.05)
        else:
            await say(f"You said: {words}")

    async def _ask(self, session: FakeSession, request: str, turn: int, **fields: Any) -> Json:
        session.answers[request] = asyncio.get_running_loop().create_future()
        await session.emit("request_opened", request=request, turn=turn, **fields)
        elsewhere = os.environ.get("FAKE_ELSEWHERE")
        if elsewhere:
            while not Path(elsewhere).exists():  # noqa: ASYNC110 (another process makes it)
                await asyncio.sleep(0.02)
            body: Json = {"option": "yes", "label": "Yes", "by": "alice", "where": "telegram"}
        else:
            body = await session.answers[request]
        await session.emit("request_resolved", request=request, turn=turn, **body)
        return body

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
