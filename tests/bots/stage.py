"""Events to a strict Telegram and back: view, outbox and adapter without a server of ours.

Rates are `SPEED` times the real ones, on both sides.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from codecast_bots.markdown import telegram
from codecast_bots.outbox import Outbox
from codecast_bots.pacing import Paces
from codecast_bots.platforms import telegram as platform
from codecast_bots.platforms.contract import Adapter, Place, RateLimited, Unavailable
from codecast_bots.rendering import Desired, Style, render
from codecast_bots.settings import PlatformSettings
from codecast_bots.store import Store
from codecast_bots.view import View
from tests.bots.haste import SPEED, hurried
from tests.bots.servers.telegram import TOKEN, TelegramServer

Json = dict[str, Any]
__all__ = ["SPEED"]
STYLE = Style("s1", "calm-otter", "gpu", "telegram", "append")


def fast() -> AbstractContextManager[None]:
    """Gaps and waits as short as the server's are."""
    return hurried("telegram")


class Stage:
    """One chat of a platform, with what is kept of it below `directory`."""

    def __init__(self, server: TelegramServer, directory: Path, chat: int, drafts: bool) -> None:
        self.server, self.directory, self.chat = server, directory, chat
        self.settings = PlatformSettings("telegram", TOKEN, url=server.url, drafts=drafts)
        self.view = View()
        self.known = 0  # events taken in any life
        self.outbox: Outbox
        self.place: Place

    def made(self) -> Adapter:
        return platform.make(self.settings)

    def placed(self, account: str) -> Place:
        kind: Any = "private" if self.chat > 0 else "group"
        return Place("telegram", account, str(self.chat), None, kind)

    @contextlib.asynccontextmanager
    async def life(self) -> AsyncIterator[None]:
        """One life of the bots; leaving it is a crash: nothing is finished."""
        adapter = self.made()
        await retried(adapter.start)
        self.place = self.placed(adapter.account)
        store = Store(self.directory / f"{self.chat}.sqlite")
        kept = store.snapshot(self.place)
        self.view = View.from_json(kept[1]) if kept else View()
        self.outbox = Outbox(self.place, adapter, store, Paces(store, "telegram"))
        self.outbox.start()
        self.store = store
        try:
            yield
        finally:
            await self.outbox.stop()
            await adapter.stop()
            store.close()

    def wanted(self) -> list[Desired]:
        return render(self.view, STYLE, self.outbox.limits)

    def take(self, event: Json) -> None:
        self.view.apply(event)
        self.known = max(self.known, event["seq"])
        if self.view.seq >= self.known:
            self.outbox.want(self.wanted())

    def settle(self) -> None:
        """As a conversation does."""
        if self.view.seq < self.known:
            return
        complete = self.outbox.complete()
        shown = self.outbox.blocks()
        complete |= {b["id"] for b in self.view.blocks if b["id"] not in shown}
        dropped = self.view.settle(complete)
        if dropped:
            with self.store.together():
                self.store.remove_sent(self.place, self.outbox.forget(dropped))
                self.store.put_snapshot(self.place, "s1", self.view.to_json())

    async def still(self) -> None:
        """Until nothing is left to be done."""
        for _ in range(6000):
            if self.outbox.idle and all(map(self.outbox._stands, self.outbox._wanted)):
                return
            await asyncio.sleep(0.01)
        raise AssertionError("the chat never became what it should be")

    def texts(self) -> list[str]:
        return self.server.texts(self.chat)


async def eventually(look: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + 30
    while not look():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.02)


async def retried(call: Callable[[], Any]) -> None:
    for _ in range(100):
        with contextlib.suppress(RateLimited, Unavailable):
            await call()
            return
    raise AssertionError("the platform never answered")


def said(body: str) -> str:
    """As Telegram shows it."""
    return telegram(body).text


def shown(events: Sequence[Json], limits: Any, show: Callable[[str], str] = said) -> list[str]:
    """What a chat shows of these events when all is done."""
    view = View()
    for event in events:
        view.apply(event)
    return [show(d.out.body) for d in render(view, STYLE, limits)]


class Faults:
    """Each call fails by chance in one of the ways; never `limit` times in a row."""

    def __init__(self, seed: int, rate: float = 0.2, kinds: Sequence[str] = ()) -> None:
        self._random = random.Random(seed)
        self._rate = rate
        self._kinds = kinds or ("429", "500", "close", "close_after")
        self.on = True
        self.count = 0

    def __call__(self, method: str) -> str:
        if not self.on or self._random.random() > self._rate:
            return ""
        self.count += 1
        return self._random.choice(self._kinds)


class Writer:
    """Makes events of a session, as a supervisor numbers them."""

    def __init__(self) -> None:
        self.events: list[Json] = []

    def add(self, type: str, **fields: Any) -> Json:
        seq = len(self.events) + 1
        event = {"seq": seq, "time": 1000.0 + seq, "type": type, **fields}
        self.events.append(event)
        return event

    def say(self, message: str, text: str) -> None:
        self.add("agent_message_chunk", message=message, content={"type": "text", "text": text})

    def turn(self, number: int, random: random.Random, parts: int = 8, longest: int = 30) -> None:
        """A turn of words (up to `longest` of them at once), tools, requests, retries."""
        self.add("turn_started", turn=number, prompts=[f"p{number}"])
        message = 0
        for part in range(parts):
            kind = random.choice(["say", "say", "say", "tool", "ask", "new", "discard"])
            id = f"{number}.{message}"
            if kind == "say":
                words = random.choice(
                    ["word ", "**bold** ", "\n\n", "```py\nx = 1\n```\n", "a <b> "]
                )
                self.say(id, words * random.randint(1, longest))
            elif kind == "new":
                message += 1
            elif kind == "discard":
                self.add("message_discarded", message=id)
            elif kind == "tool":
                call = f"c{number}.{part}"
                self.add("tool_call", call=call, title=f"Bash {part}", kind="execute",
                         status="pending")  # fmt: skip
                if random.random() < 0.8:
                    self.add("tool_call_update", call=call, status="completed")
            else:
                request = f"r{number}.{part}"
                self.add("request_opened", request=request, kind="permission", title="Edit x",
                         options=[{"id": "y", "kind": "allow_once", "label": "Allow"}])  # fmt: skip
                self.add("request_resolved", request=request, option="y", by="ann", where="lab")
        self.say(f"{number}.end", f"Answer {number}.")
        self.add("turn_ended", turn=number, reason="end_turn", duration=5.0)
