"""The doing of a run: what begins when, in which session, and what its end means.

What still runs is followed, what is missing is begun, what failed is tried again in the same
session, all within the budget and so many at once. It lives on the client's loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.client import AsyncClient
from codecast_jupyter.commands.words import dollars

from . import connection
from .ledger import Ledger
from .request import Policy
from .result import Result
from .session import Budget, Session
from .task import Task, session_name
from .turn import Turn

AGAIN = ("failed", "cancelled")  # ends after which a task may be tried again
BADLY = (*AGAIN, "unknown")
UNKNOWN = {
    "code": "conflict",
    "message": "Nobody can tell whether the CLI took this prompt.",
    "hint": "Look at what it changed; `run.retry(unknown=True)` sends it again.",
}


class Terms(NamedTuple):
    """How a run is done: so many tasks at once, US dollars for all, limits of each session, who
    answers, what becomes of a session that is done, whether directories are made."""

    parallel: int = 4
    budget: float | None = None
    each: Budget | None = None
    policy: Policy | None = None
    after: str = "stop"
    create: bool = False


class Dispatch:
    """`came` are the results in the order of their ends; those of an earlier asking come first."""

    def __init__(self, ledger: Ledger, results: Sequence[Result], terms: Terms) -> None:
        self.run = ledger.run
        self.results = results
        self.terms = terms
        self.came: list[Result] = []
        self._ledger = ledger
        self._retried: frozenset[str] = frozenset()  # keys of unknown ones that are sent again
        self._cancelled = False
        self._turns: dict[str, Turn] = {}  # of the tasks that run, by key
        self._costs: dict[str, float] = {}  # US dollars by key, as they grow

    @property
    def cost(self) -> float:
        """US dollars so far, of all tasks."""
        ended = {r.key: r.cost or 0.0 for r in self.results}
        return sum({**ended, **self._costs}.values())

    def again(self, unknown: bool) -> None:
        """Forget how those that failed ended; with `unknown` also those nobody can tell of."""
        lost = {result.key for result in self.results if result.state == "unknown"}
        self._retried = frozenset(lost if unknown else ())
        self.came.clear()
        for result in self.results:
            if result.state in AGAIN or result.key in self._retried:
                result.reset()

    async def all(self) -> None:
        """Do what is not done."""
        self._cancelled = False
        gate = asyncio.Semaphore(self.terms.parallel)
        aio = connection.client().aio
        known = {session["id"] for session in await aio.sessions(all=True)}
        # what was begun is followed first: it runs whether we look or not
        order = sorted(self.results, key=lambda r: (r.session not in known, r.task.number))
        await asyncio.gather(*(self._one(aio, result, gate) for result in order))

    async def cancel(self) -> None:
        """Begin no more, and interrupt what runs."""
        self._cancelled = True
        await self._interrupt()

    async def _interrupt(self) -> None:
        running = [turn._interrupt() for turn in self._turns.values() if not turn.done]
        await asyncio.gather(*running, return_exceptions=True)

    async def _one(self, aio: AsyncClient, result: Result, gate: asyncio.Semaphore) -> None:
        if result.state == "done":
            self.came.append(result)
            return
        async with gate:
            if self._called_off() and result.state == "waiting":
                result.end("cancelled", self._called_off())
            elif not self._called_off():
                try:
                    await self._do(aio, result)
                except CodecastError as error:
                    result.end("failed", error.to_json())
                except Exception as error:  # a person's own policy may raise anything
                    result.end("failed", {"code": "internal", "message": repr(error)})
        self.came.append(result)
        if result.began is not None:
            self._ledger.write("done", result.to_json())

    def _called_off(self) -> dict[str, Any]:
        """Why nothing more is begun; empty while there is no reason."""
        if self._cancelled:
            return {"code": "conflict", "message": "The run was cancelled."}
        return self._over() if self._exhausted() else {}

    # -- the budget

    def _exhausted(self) -> bool:
        return self.terms.budget is not None and self.cost >= self.terms.budget

    def _over(self) -> dict[str, Any]:
        return {
            "code": "conflict",
            "message": f"The run's budget of {dollars(self.terms.budget)} is reached.",
            "hint": "Ask again by the same name with a larger one.",
        }

    def _limits(self) -> dict[str, float | None]:
        """A session's own limits: the machine holds to them when no kernel looks any more."""
        limits = dict(self.terms.each or {})
        if self.terms.budget is not None:
            left = max(0.01, self.terms.budget - self.cost)
            own = limits.get("max_cost")
            limits["max_cost"] = left if own is None else min(own, left)
        return limits

    # -- one task

    async def _do(self, aio: AsyncClient, result: Result) -> None:
        task = result.task
        result.begin()
        session = await self._session(aio, task)
        result.at(session)
        if self._called_off():  # while the session began
            result.end("cancelled", self._called_off())
            return
        prompt = await self._prompt(aio, task, session)
        if prompt is None:
            result.end("unknown", UNKNOWN)
            return
        turn = Turn(Session(session), prompt, task.prompt, 0, self.terms.policy)
        self._turns[task.key] = turn
        result.turn = turn
        turn.listen(lambda event: self._hear(task.key, event))
        try:
            if self._cancelled:  # while the prompt was sent
                await self._interrupt()
            await asyncio.wrap_future(turn.followed)
        finally:
            self._turns.pop(task.key, None)
        self._take(result, turn)
        if self.terms.after != "keep" and result.state == "done":
            with contextlib.suppress(CodecastError):
                await (aio.stop if self.terms.after == "stop" else aio.remove)(session["id"])

    def _hear(self, key: str, event: Mapping[str, Any]) -> None:
        if event["type"] == "usage_update" and event.get("cost_usd") is not None:
            self._costs[key] = float(event["cost_usd"])
            if self._exhausted():
                connection.submit(self._interrupt())

    def _take(self, result: Result, turn: Turn) -> None:
        result.take(turn)
        result.cost = self._costs.pop(result.key, None) or turn.cost
        if turn._failure is not None:
            result.end("failed", _problem(turn._failure))
        elif turn.ok:
            result.end("done")
        else:
            state = turn.state if turn.state in BADLY else "failed"
            over = self._exhausted() and state == "cancelled"
            result.end(state, self._over() if over else turn.problem)

    async def _session(self, aio: AsyncClient, task: Task) -> Any:
        """The task's session: the one that is there, or a new one."""
        id = task.session(self.run)
        limits = self._limits()
        try:
            found = await aio.session(id)
        except CodecastError as error:
            if error.code != "not_found":
                raise
        else:
            if limits and (found.get("state") or {}).get("over_budget"):
                found = await aio.update_session(id, budget=limits)
            return found
        more: dict[str, Any] = {
            "cli": task.cli,
            "mode": task.mode,
            "model": task.model,
            "create_directory": self.terms.create,
            "budget": limits or None,
            "id": id,
        }
        try:
            return await aio.start(
                task.machine, task.directory, name=session_name(self.run, task), **more
            )
        except CodecastError as error:
            if error.code != "conflict":
                raise
        return await aio.start(task.machine, task.directory, **more)  # that name is taken

    async def _prompt(self, aio: AsyncClient, task: Task, session: Any) -> str | None:
        """The id of the attempt that is under way or done, else of a new one; None where
        nobody can tell whether the last was taken."""
        sent = {prompt["id"]: prompt["state"] for prompt in await aio.prompts(session["id"])}
        attempt = 1
        while sent.get(id := task.prompt_id(self.run, attempt)) in AGAIN:
            attempt += 1
        if sent.get(id) == "unknown":
            if task.key not in self._retried:
                return None
            id = task.prompt_id(self.run, attempt + 1)
        if id not in sent:
            await aio.prompt(session["id"], task.prompt, id=id)
        return id


def _problem(error: BaseException) -> dict[str, Any]:
    if isinstance(error, CodecastError):
        return error.to_json()
    return {
        "code": "internal",
        "message": f"on_request raised {type(error).__name__}: {error}",
        "hint": "Mend the function and ask again by the same name.",
    }
