"""A run: many sessions asked at once, and each task done exactly once.

Everything happens on the client's loop, so that a run goes on while the kernel does something
else, and nothing of it matters: a run whose kernel died is asked again by its name. What is
done is read, what still runs is followed, what is missing is begun, what failed is tried
again in the same session.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from concurrent import futures
from typing import TYPE_CHECKING, Any

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.client import AsyncClient
from codecast_jupyter.commands.render.markdown import code, esc
from codecast_jupyter.commands.render.markdown import table as markdown_table
from codecast_jupyter.commands.words import dollars, duration, one_line

from . import connection
from .errors import Interrupted
from .ledger import Ledger
from .request import Policy
from .result import Result
from .session import Budget, Session
from .table import Table
from .task import Task, session_name
from .turn import LOOK, Turn, View

if TYPE_CHECKING:
    import pandas

    from .timeline import Picture

AGAIN = ("failed", "cancelled")  # ends after which a task may be tried again
AFTER = ("stop", "keep", "remove")
MARKS = {"done": "✓", "failed": "✗", "cancelled": "✗", "unknown": "?", "running": "▶"}


class Run:
    """Made by `cc.map`; `cc.run(name)` finds an earlier one.

    `results` has one Result a task, in order; iterating gives them as they come. `wait()`
    blocks and `await run` waits for the end of all; neither raises what a task failed with:
    `run.failed` tells. Interrupting the cell cancels the run, and asking again finishes it.
    """

    def __init__(
        self,
        name: str,
        tasks: Sequence[Task],
        *,
        max_parallel: int = 4,
        budget: float | None = None,
        each: Budget | None = None,
        on_request: Policy | None = None,
        after: str = "stop",
        create: bool = False,
    ) -> None:
        self.ledger = Ledger(name)
        self.name = name
        self.tasks = list(tasks)
        self.budget = budget
        self.started = time.time()
        self.ended: float | None = None
        self.view = View()
        self._limits = dict(each or {})
        self._parallel = max_parallel
        self._policy = on_request
        self._after = after
        self._create = create
        self._cancelled = False
        self._turns: dict[str, Turn] = {}  # of the tasks that run, by key
        self._costs: dict[str, float] = {}  # US dollars by key, as they grow
        self._came: list[Result] = []  # in the order of their ends
        known = self.ledger.done()
        self.results: Table[Result] = Table(
            [Result.of(task, name, known.get(task.session(name))) for task in self.tasks],
            Result.cells,
            "No task.",
            Result.to_json,
        )
        self._done: futures.Future[None] | None = None

    # -- how it stands

    @property
    def done(self) -> bool:
        """Whether nothing of it runs any more."""
        return self._done is None or self._done.done()

    @property
    def counts(self) -> dict[str, int]:
        """How many tasks are waiting, running, done, failed, cancelled or unknown."""
        found: dict[str, int] = {}
        for result in self.results:
            found[result.state] = found.get(result.state, 0) + 1
        return found

    @property
    def cost(self) -> float:
        """US dollars so far, of all tasks."""
        ended = {r.key: r.cost or 0.0 for r in self.results}
        return sum({**ended, **self._costs}.values())

    @property
    def seconds(self) -> float:
        return (self.ended or time.time()) - self.started

    @property
    def failed(self) -> Table[Result]:
        """Those that ended otherwise than well."""
        found = [r for r in self.results if r.state in (*AGAIN, "unknown")]
        return Table(found, Result.cells, "No task failed.", Result.to_json)

    @property
    def sessions(self) -> list[Session]:
        """The sessions that are there, in the order of the tasks."""
        known = {data["id"]: data for data in connection.client().sessions(all=True)}
        ids = [result.session for result in self.results]
        return [Session(known[id]) for id in ids if id in known]

    # -- doing

    def start(self) -> Run:
        if self.done:
            self._cancelled = False
            self.started, self.ended = time.time(), None
            asked = {
                "created": self.started,
                "tasks": [task._asdict() for task in self.tasks],
                "after": self._after,
            }
            self.ledger.write("asked", asked)
            self._done = connection.submit(self._all())
        return self

    def wait(self, timeout: float | None = None) -> Run:
        """Until all have ended. Raises TimeoutError after `timeout` seconds."""
        end = None if timeout is None else time.monotonic() + timeout
        try:
            while not self.done:
                assert self._done is not None
                left = LOOK if end is None else min(LOOK, end - time.monotonic())
                if left <= 0:
                    raise TimeoutError(f"{self!r} has not ended after {timeout} seconds")
                futures.wait([self._done], left)
                self.view.refresh()
        except KeyboardInterrupt:
            self.cancel()
            raise Interrupted(
                f"{self.name}: {self.counts.get('done', 0)} of {len(self.tasks)} tasks are done."
                " Ask again by the same name to finish the others."
            ) from None
        return self._whole()

    def __await__(self) -> Generator[Any, None, Run]:
        return self._awaited().__await__()

    async def _awaited(self) -> Run:
        try:
            while not self.done:
                await asyncio.sleep(LOOK)
                self.view.refresh()
        except asyncio.CancelledError:
            connection.submit(self._cancel())
            raise
        return self._whole()

    def _whole(self) -> Run:
        self.view.finish()
        if self._done is not None:
            self._done.result()
        return self

    def __iter__(self) -> Iterator[Result]:
        """Results in the order of their ends; those of an earlier asking come first."""
        given = 0
        try:
            while True:
                over = self.done
                while given < len(self._came):
                    given += 1
                    yield self._came[given - 1]
                if over:
                    break
                time.sleep(LOOK)
                self.view.refresh()
        except KeyboardInterrupt:
            self.cancel()
            raise Interrupted(f"{self.name} was cancelled; ask again to finish it.") from None
        self._whole()

    async def __aiter__(self) -> AsyncIterator[Result]:
        given = 0
        while True:
            over = self.done
            while given < len(self._came):
                given += 1
                yield self._came[given - 1]
            if over:
                break
            await asyncio.sleep(LOOK)
            self.view.refresh()
        self._whole()

    def cancel(self) -> Run:
        """Begin no more and interrupt what runs; asking again finishes it."""
        with contextlib.suppress(KeyboardInterrupt):
            connection.run(self._cancel())
            if self._done is not None:
                futures.wait([self._done], 10)
        self.view.finish()
        return self

    async def _cancel(self) -> None:
        self._cancelled = True
        await self._interrupt_all()

    async def _interrupt_all(self) -> None:
        running = [turn._interrupt() for turn in self._turns.values() if not turn.done]
        await asyncio.gather(*running, return_exceptions=True)

    async def _all(self) -> None:
        gate = asyncio.Semaphore(self._parallel)
        aio = connection.client().aio
        known = {session["id"] for session in await aio.sessions(all=True)}
        try:
            # what was begun is followed first: it runs whether we look or not
            order = sorted(self.results, key=lambda r: (r.session not in known, r.task.number))
            await asyncio.gather(*(self._one(aio, result, gate) for result in order))
        finally:
            self.ended = time.time()

    async def _one(self, aio: AsyncClient, result: Result, gate: asyncio.Semaphore) -> None:
        if result.state == "done":
            self._came.append(result)
            return
        async with gate:
            if not self._cancelled and not self._spent(result):
                try:
                    await self._do(aio, result)
                except CodecastError as error:
                    result.end("failed", error.to_json())
                except Exception as error:  # a person's own policy may raise anything
                    result.end("failed", {"code": "internal", "message": repr(error)})
            elif self._cancelled and result.state == "waiting":
                result.end("cancelled", {"code": "conflict", "message": "The run was cancelled."})
        self._came.append(result)
        if result.began is not None:
            self.ledger.write("done", result.to_json())

    def _spent(self, result: Result) -> bool:
        """Whether the budget is used up; the task says so."""
        if self.budget is None or self.cost < self.budget:
            return False
        result.end("cancelled", self._over())
        return True

    def _over(self) -> dict[str, Any]:
        return {
            "code": "conflict",
            "message": f"The run's budget of {dollars(self.budget)} is reached.",
            "hint": "Ask again by the same name with a larger one.",
        }

    async def _do(self, aio: AsyncClient, result: Result) -> None:
        task = result.task
        result.begin()
        session = await self._session(aio, task)
        result.at(session)
        prompt = await self._prompt(aio, task, session)
        if prompt is None:
            result.end(
                "unknown",
                {
                    "code": "conflict",
                    "message": "Nobody can tell whether the CLI took this prompt.",
                    "hint": "Look at what it changed; `run.retry(unknown=True)` sends it again.",
                },
            )
            return
        turn = Turn(Session(session), prompt, task.prompt, 0, self._policy)
        self._turns[task.key] = turn
        result.turn = turn
        turn.listen(lambda event: self._hear(task.key, event))
        try:
            await asyncio.wrap_future(turn._done)
        finally:
            self._turns.pop(task.key, None)
        self._take(result, turn)
        if self._after != "keep" and result.state == "done":
            with contextlib.suppress(CodecastError):
                await (aio.stop if self._after == "stop" else aio.remove)(session["id"])

    def _take(self, result: Result, turn: Turn) -> None:
        result.take(turn)
        result.cost = self._costs.pop(result.key, None) or turn.cost
        if turn._failure is not None:
            result.end("failed", _problem(turn._failure))
        elif turn.ok:
            result.end("done")
        else:
            over = self.budget is not None and self.cost >= self.budget
            state = turn.state if turn.state in (*AGAIN, "unknown") else "failed"
            result.end(state, self._over() if over and state == "cancelled" else turn.problem)

    def _hear(self, key: str, event: Mapping[str, Any]) -> None:
        if event["type"] == "usage_update" and event.get("cost_usd") is not None:
            self._costs[key] = float(event["cost_usd"])
            if self.budget is not None and self.cost >= self.budget:
                connection.submit(self._interrupt_all())

    async def _session(self, aio: AsyncClient, task: Task) -> Any:
        """The task's session: the one that is there, or a new one."""
        id = task.session(self.name)
        limits = self._limit()
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
            "create_directory": self._create,
            "budget": limits or None,
            "id": id,
        }
        try:
            return await aio.start(
                task.machine, task.directory, name=session_name(self.name, task), **more
            )
        except CodecastError as error:
            if error.code != "conflict":
                raise
        return await aio.start(task.machine, task.directory, **more)  # that name is taken

    def _limit(self) -> dict[str, float | None]:
        """A session's own limits: the machine holds to them when no kernel looks any more."""
        limits = dict(self._limits)
        if self.budget is not None:
            left = max(0.01, self.budget - self.cost)
            own = limits.get("max_cost")
            limits["max_cost"] = left if own is None else min(own, left)
        return limits

    async def _prompt(self, aio: AsyncClient, task: Task, session: Any) -> str | None:
        """The id of the attempt that is under way or done, else of a new one; None where
        nobody can tell whether the last was taken."""
        sent = {prompt["id"]: prompt["state"] for prompt in await aio.prompts(session["id"])}
        attempt = 1
        while sent.get(id := task.prompt_id(self.name, attempt)) in AGAIN:
            attempt += 1
        if sent.get(id) == "unknown":
            if task.key not in self._retried:
                return None
            id = task.prompt_id(self.name, attempt + 1)
        if id not in sent:
            await aio.prompt(session["id"], task.prompt, id=id)
        return id

    _retried: frozenset[str] = frozenset()

    def retry(self, unknown: bool = False) -> Run:
        """Do again what failed; with `unknown` also that of which nobody can tell."""
        if not self.done:
            raise CodecastError(
                "conflict", f"{self.name} still runs.", "Wait for it, or cancel it."
            )
        lost = {r.key for r in self.results if r.state == "unknown"}
        self._retried = frozenset(lost if unknown else ())
        self._came.clear()
        for result in self.results:
            if result.state in AGAIN or result.key in self._retried:
                result.reset()
        return self.start()

    def forget(self) -> None:
        """Remove the run's sessions and all that is kept of it: asked again, it is all new."""
        if not self.done:
            self.cancel()
        for session in self.sessions:
            session.remove()
        self.ledger.forget()

    # -- as data and pictures

    def to_frame(self) -> pandas.DataFrame:
        """One line a task: the row's own columns, state, text, cost, seconds, tokens, ..."""
        from .frames import results

        return results(self)

    def events(self) -> pandas.DataFrame:
        """One line an event of the sessions that are there."""
        from .frames import events

        return events(self.sessions)

    def tool_calls(self) -> pandas.DataFrame:
        """One line a tool call."""
        from .frames import tool_calls

        return tool_calls(self.sessions)

    def timeline(self) -> Picture:
        """When each session worked and waited, and what it cost. Needs matplotlib."""
        from .timeline import timeline

        return timeline(self.sessions, {r.session: r.key for r in self.results})

    def summary(self) -> str:
        """`flaky: 5 of 24 done, 4 running, 1 failed · 2m 5s · $0.12`."""
        counts = self.counts
        parts = [f"{counts.get('done', 0)} of {len(self.tasks)} done"]
        parts += [
            f"{counts[state]} {state}"
            for state in ("running", "waiting", "failed", "cancelled", "unknown")
            if counts.get(state)
        ]
        took = duration(self.seconds) if self._done is not None else ""
        facts = [", ".join(parts), took, dollars(self.cost)]
        return f"{self.name}: " + " · ".join(fact for fact in facts if fact)

    def _repr_markdown_(self) -> str:
        rows = [
            [
                f"{MARKS.get(r.state, '')} {r.state}".strip(),
                code(r.key).replace("|", "\\|"),
                esc(r.name),
                duration(r.seconds) if r.seconds else "",
                esc(dollars(r.cost)),
                esc(one_line(r.text or (r.problem or {}).get("message", ""), 90)),
            ]
            for r in self.results
        ]
        heads = ["state", "task", "session", "time", "cost", "answer"]
        return f"**{esc(self.summary())}**\n\n{markdown_table(heads, rows)}"

    def __len__(self) -> int:
        return len(self.tasks)

    def __repr__(self) -> str:
        return f"<Run {self.summary()}>"


def _problem(error: BaseException) -> dict[str, Any]:
    if isinstance(error, CodecastError):
        return error.to_json()
    return {
        "code": "internal",
        "message": f"on_request raised {type(error).__name__}: {error}",
        "hint": "Mend the function and ask again by the same name.",
    }
