"""A session in memory.

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

from codecast_agent.protocol import state as fold
from codecast_agent.protocol.events import problems, text

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

    async def take(self, prompt: Json, before: asyncio.Task[None] | None) -> None:
        """Run the turn of a prompt, once the one before it is over."""
        if before is not None:
            await asyncio.wait([before])
        self.turns += 1
        turn = self.turns
        self.running = asyncio.current_task()
        await self.emit("prompt_state", prompt=prompt["id"], state="running")
        await self.emit("turn_started", turn=turn, prompts=[prompt["id"]])
        reason = "end_turn"
        try:
            await self._act(str(prompt["text"]), turn)
        except asyncio.CancelledError:
            reason = "cancelled"
            for request in list(self.state["requests"]):
                await self.emit("request_withdrawn", request=request, why="interrupted", turn=turn)
        await self.emit("turn_ended", turn=turn, reason=reason, cost_usd=0.0123)
        state = "done" if reason == "end_turn" else "cancelled"
        prompt["state"] = state
        await self.emit("prompt_state", prompt=prompt["id"], state=state)

    async def _act(self, words: str, turn: int) -> None:
        async def say(part: str) -> None:
            await self.emit(
                "agent_message_chunk", message=f"m{turn}", content=text(part), turn=turn
            )

        if words.startswith("work"):
            await self.emit(
                "agent_thought_chunk", message=f"t{turn}", content=text("Thinking hard."), turn=turn
            )
            for part in ("I shall ", "change **train.py**", ".\nNow.\n"):
                await say(part)
                await asyncio.sleep(0.02)
            call = f"c{turn}"
            await self.emit(
                "tool_call",
                call=call,
                title="Edit train.py",
                kind="edit",
                status="pending",
                turn=turn,
            )
            picked = await self._ask(
                f"r{turn}",
                turn,
                kind="permission",
                title="Edit train.py",
                call=call,
                content=[{"type": "diff", "path": "train.py", "diff": DIFF}],
                options=OPTIONS,
            )
            status = "failed" if picked.get("option") == "no" else "completed"
            await self.emit("tool_call_update", call=call, status=status, turn=turn)
            await self.emit(
                "agent_message_chunk",
                message=f"n{turn}",
                content=text(f"It is {status}."),
                turn=turn,
            )
        elif words.startswith("ask"):
            await self._ask(
                f"r{turn}", turn, kind="question", title="Two things", questions=QUESTIONS
            )
            await say("Thank you.")
        elif words.startswith("slow"):
            for number in range(100000):
                await say(f"{number} ")
                await asyncio.sleep(0.05)
        else:
            await say(f"You said: {words}")

    async def _ask(self, request: str, turn: int, **fields: Any) -> Json:
        self.answers[request] = asyncio.get_running_loop().create_future()
        await self.emit("request_opened", request=request, turn=turn, **fields)
        elsewhere = os.environ.get("FAKE_ELSEWHERE")
        if elsewhere:
            while not Path(elsewhere).exists():  # noqa: ASYNC110 (another process makes it)
                await asyncio.sleep(0.02)
            body: Json = {"option": "yes", "label": "Yes", "by": "alice", "where": "telegram"}
        else:
            body = await self.answers[request]
        await self.emit("request_resolved", request=request, turn=turn, **body)
        return body
