"""One prompt and all that came of it.

A follower on the client's loop reads the session's events until the prompt has ended, also
while the kernel is busy, and answers requests where a policy says so. The prompt's id is
known before it is sent; a Turn of a prompt that was sent earlier, by another kernel too, finds
the same words, since it reads them from the journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from concurrent import futures
from typing import TYPE_CHECKING, Any

from codecast_agent.protocol.errors import CodecastError
from codecast_agent.protocol.events import TERMINAL_PROMPT_STATES, WAITING_PROMPT_STATES
from codecast_jupyter.commands import choices
from codecast_jupyter.commands.context import Context
from codecast_jupyter.commands.prompts import until_done
from codecast_jupyter.commands.render.disarm import disarmed
from codecast_jupyter.commands.render.markdown import entry as entry_markdown
from codecast_jupyter.commands.render.markdown import esc, failure
from codecast_jupyter.commands.transcript import Entry, Transcript, tool_label
from codecast_jupyter.commands.words import dollars, duration, plural, tokens

from . import connection
from .errors import Interrupted
from .files import Diff, edits
from .ongoing import Ongoing, View
from .request import Policy, Request, decided
from .table import Table

if TYPE_CHECKING:
    from .session import Session

Event = dict[str, Any]
Json = Mapping[str, Any]
INTERRUPTED_WITHIN = 5.0  # seconds in which an interrupted turn is waited for


class Turn(Ongoing):
    """`text` is the answer, `diff` what was changed, `cost` and `seconds` what it took.

    >>> t = s.ask("How many tests are there?")
    >>> t.text, t.cost, t.seconds

    While it runs all of them tell what is known so far. `wait()` blocks and `await turn` waits
    for its end; both raise what ended it badly.
    """

    def __init__(
        self,
        session: Session,
        prompt: str,
        text: str,
        after: int = 0,
        on_request: Policy | None = None,
    ) -> None:
        """Follow the prompt of that id from behind event `after` on."""
        super().__init__()
        self.session = session
        self.prompt = prompt  # its id
        self.asked = text
        self.after = after
        self.events: list[Event] = []  # of the turn, and of what ran before it since `after`
        self.problem: dict[str, Any] = {}  # what ended it badly, as an error's JSON
        self.state = "stored"  # of the prompt
        self.reason = ""  # why the turn ended: end_turn, cancelled, error, ...
        self._transcript = Transcript()
        self._first: int | None = None  # seq of the turn's first event
        self._began: float | None = None
        self._end: Event = {}  # turn_ended
        self._policy = on_request
        self._answers: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None  # of the policy
        self._lock = threading.Lock()
        self._listeners: list[Callable[[Event], None]] = []
        self._done = self.followed = connection.submit(self._follow())

    # -- what came of it

    @property
    def ok(self) -> bool:
        """Whether it ended as it should."""
        return self.state == "done" and not self.problem

    @property
    def entries(self) -> list[Entry]:
        """What a person reads: `kind` prompt, message, thought, tool, request, plan, ..."""
        first = self._first
        if first is None:
            return []
        with self._lock:
            return [entry for entry in self._transcript.entries if entry.seq >= first]

    @property
    def text(self) -> str:
        """The answer, in Markdown."""
        said = [entry.text.strip() for entry in self.entries if entry.kind == "message"]
        return "\n\n".join(part for part in said if part)

    @property
    def diff(self) -> Diff:
        return edits(self.entries)

    @property
    def tools(self) -> Table[Entry]:
        """The tool calls, in order."""
        found = [entry for entry in self.entries if entry.kind == "tool"]
        return Table(found, _tool_row, "No tool was called.")

    @property
    def requests(self) -> list[Request]:
        """What was asked in it, open and answered."""
        asked = [entry.data for entry in self.entries if entry.kind == "request"]
        return [
            Request({**data, "session": self.session.id, "outcome": _outcome(data)})  # type: ignore[typeddict-item]
            for data in asked
        ]

    @property
    def cost(self) -> float | None:
        """US dollars; None where the CLI does not say."""
        return self._end.get("cost_usd")

    @property
    def usage(self) -> dict[str, int]:
        """Tokens: input_tokens, output_tokens, cache_read_tokens, cache_write_tokens."""
        return dict(self._end.get("usage") or {})

    @property
    def seconds(self) -> float:
        """How long it took, or has taken."""
        if self._end.get("duration") is not None:
            return float(self._end["duration"])
        if self._began is None:
            return 0.0
        return float(self._end.get("time") or time.time()) - self._began

    # -- waiting

    def _ended(self) -> Turn:
        self.view.finish()
        if self._failure is not None:
            raise self._failure
        if self.problem:
            raise CodecastError.from_json(self.problem)
        return self

    def _interrupted(self) -> Interrupted:
        with contextlib.suppress(CodecastError, KeyboardInterrupt):
            connection.run(self._interrupt())
            futures.wait([self.followed], INTERRUPTED_WITHIN)
        self.view.finish()
        return Interrupted(f"The turn of {self.session.name} was stopped; the session goes on.")

    def _view(self) -> View:
        from .live import view

        return view(self)

    async def _interrupt(self) -> None:
        """Take it back while it waits, end its turn when it runs."""
        client = connection.client().aio
        if self.state in WAITING_PROMPT_STATES:
            try:
                await client.cancel_prompt(self.session.id, self.prompt)
                return
            except CodecastError as error:
                if error.code == "not_found":  # it never arrived, and others are not ours to stop
                    self.forget()
                    return
        await client.interrupt(self.session.id)

    def interrupt(self) -> Turn:
        """Stop it; the session goes on."""
        connection.run(self._interrupt())
        return self

    def forget(self) -> None:
        """Follow it no longer; what runs goes on."""
        self.followed.cancel()

    def listen(self, told: Callable[[Event], None]) -> None:
        """Call `told` with each event, those so far too; on the client's thread."""
        with self._lock:
            self._listeners.append(told)
            known = list(self.events)
        for event in known:
            told(event)

    # -- following

    async def _follow(self) -> None:
        aio = connection.client().aio
        events = until_done(Context(aio), self.session.id, self.prompt, self.after, self.problem)
        try:
            async with contextlib.aclosing(events):  # type: ignore[type-var]
                async for event in events:
                    self._take(dict(event))
                    if event["type"] == "request_opened" and self._policy is not None:
                        self._answer_beside(dict(event))
                    if self._failure is not None:
                        break
                else:
                    self._gone()
        except CodecastError as error:
            self.problem.update(error.to_json())
        finally:
            for task in self._answers:
                task.cancel()
            await asyncio.gather(*self._answers, return_exceptions=True)
        if self._failure is not None:
            with contextlib.suppress(CodecastError):
                await self._interrupt()

    def _gone(self) -> None:
        """No more events: a prompt that has not ended never will."""
        if self.state not in TERMINAL_PROMPT_STATES and not self.problem:
            self.problem.update(
                code="not_found",
                message=f"{self.session.name} was removed before its turn had ended.",
            )

    def _take(self, event: Event) -> None:
        kind = event["type"]
        with self._lock:
            self.events.append(event)
            self._transcript.apply(event)
            listeners = list(self._listeners)
        if kind == "prompt_state" and event.get("prompt") == self.prompt:
            self.state = str(event["state"])
            if self.state == "running" and self._first is None:
                self._first, self._began = event["seq"], event["time"]
        elif kind == "turn_started" and self.prompt in event.get("prompts", []):
            self._began = event["time"]
            if self._first is None:
                self._first = event["seq"]
        elif kind == "turn_ended" and self._first is not None and not self._end:
            self._end = event
            self.reason = str(event.get("reason") or "")
        for told in listeners:
            told(event)

    def _answer_beside(self, event: Event) -> None:
        task = asyncio.ensure_future(self._answer(event))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _answer(self, event: Event) -> None:
        """Ask the policy, on a thread of its own; it may take its time."""
        data: Any = {**event, "session": self.session.id, "outcome": "open"}
        try:
            words = await asyncio.to_thread(decided, self._policy, Request(data))
            if words is not None:
                body: Any = choices.answer(data, [words])
                await connection.client().aio.answer(self.session.id, data["request"], **body)
        except CodecastError as error:
            if error.code not in ("already_resolved", "not_found", "conflict"):
                await self._give_up(error)
        except Exception as error:  # a person's own function: it is told where they wait
            await self._give_up(error)

    async def _give_up(self, error: BaseException) -> None:
        self._failure = error
        with contextlib.suppress(CodecastError):
            await self._interrupt()

    # -- how it looks

    def summary(self) -> str:
        """`done in 12s · 3 tools · 1.2k tokens · $0.0123`."""
        words = {"end_turn": "done", "cancelled": "interrupted"}.get(self.reason, self.reason)
        if not self.done:
            words = "running" if self._first is not None else self.state
        elif not words:
            words = self.state
        parts = [f"{words} in {duration(self.seconds)}" if self._began else words]
        calls = sum(1 for entry in self.entries if entry.kind == "tool")
        parts.append(plural(calls, "tool call") if calls else "")
        used = self.usage.get("output_tokens")
        parts.append(f"{tokens(used)} tokens" if used else "")
        parts.append(dollars(self.cost))
        return " · ".join(part for part in parts if part)

    def _repr_markdown_(self) -> str:
        said = [entry_markdown(e, disarmed) for e in self.entries if e.kind != "turn"]
        parts = [part for part in said if part]
        if self.problem and self.done:
            parts.append(failure(CodecastError.from_json(self.problem)))
        parts.append(f"*{esc(self.session.name)}: {esc(self.summary())}*")
        return "\n\n".join(parts)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Turn of {self.session.name}: {self.summary()}>"


def _outcome(data: Json) -> str:
    return "resolved" if "resolution" in data else "withdrawn" if "withdrawn" in data else "open"


def _tool_row(entry: Entry) -> Json:
    return {
        "tool": tool_label(entry.data),
        "kind": entry.data.get("kind") or "",
        "status": entry.data.get("status") or "",
        "seconds": round(entry.seconds, 1),
    }
