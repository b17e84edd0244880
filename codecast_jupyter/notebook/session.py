"""A session as an object: start, ask, watch, change, end."""

from __future__ import annotations

import uuid
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codecast_agent.protocol.budget import words as over_words
from codecast_agent.protocol.errors import CodecastError
from codecast_agent.protocol.events import text as text_block
from codecast_jupyter.client.types import Prompt, Usage
from codecast_jupyter.client.types import Session as SessionData
from codecast_jupyter.commands import results
from codecast_jupyter.commands.context import Context
from codecast_jupyter.commands.export import FORMATS, written
from codecast_jupyter.commands.files import attached
from codecast_jupyter.commands.render.markdown import STATUS_MARK
from codecast_jupyter.commands.render.markdown import session as session_markdown
from codecast_jupyter.commands.sessions import history
from codecast_jupyter.commands.target import target, writing
from codecast_jupyter.commands.transcript import Entry, Transcript
from codecast_jupyter.commands.words import age, dollars

from . import connection, surroundings
from .events import Event, Events
from .files import Diff, File, edits
from .request import Policy, Request
from .table import Table
from .turn import Turn

if TYPE_CHECKING:
    from .widgets.session import SessionWidget

Budget = Mapping[str, "float | None"]  # max_cost (US dollars), max_turns, max_minutes


class Session:
    """One conversation of one CLI in one directory on one machine.

    >>> s = cc.start("gpu-1", "~/project", cli="claude")
    >>> s.ask("Run the tests.").ok
    >>> s.diff, s.cost, s.requests
    """

    def __init__(self, data: SessionData) -> None:
        self.data = data

    @property
    def id(self) -> str:
        return str(self.data["id"])

    @property
    def name(self) -> str:
        return str(self.data.get("name") or self.id[:8])

    @property
    def machine(self) -> str:
        return str(self.data["machine"])

    @property
    def cli(self) -> str:
        return str(self.data["cli"])

    @property
    def cwd(self) -> str:
        return str(self.data["cwd"])

    # -- how it stands: asked anew each time

    def refresh(self) -> Session:
        self.data = connection.client().session(self.id)
        return self

    @property
    def state(self) -> Mapping[str, Any]:
        """The fold over its events: see `codecast_agent.protocol.state`."""
        return self.refresh().data["state"]

    @property
    def status(self) -> str:
        """starting, idle, running, waiting, paused, exited, stopped or failed."""
        return str(self.state["status"])

    @property
    def mode(self) -> str:
        """auto, code, plan or ask."""
        return str(self.state.get("mode") or self.data.get("mode") or "")

    @property
    def model(self) -> str:
        value = (self.state.get("settings") or {}).get("model", {}).get("value")
        return str(value or self.data.get("model") or "")

    @property
    def cost(self) -> float:
        """US dollars so far; 0.0 where the CLI does not say."""
        return float(self.state.get("cost_usd") or 0.0)

    @property
    def usage(self) -> Usage:
        """Tokens, cost and time, in all and of each turn."""
        return connection.client().usage(self.id)

    @property
    def requests(self) -> Table[Request]:
        """What it asks and nobody has answered yet."""
        found = [
            Request(data)
            for data in connection.client().requests(self.id)
            if data.get("outcome", "open") == "open"
        ]
        return Table(found, Request._row, f"{self.name} asks nothing.", lambda r: r.data)

    @property
    def prompts(self) -> Table[Prompt]:
        """All that were sent to it, with their states."""
        found = connection.client().prompts(self.id)
        return Table(found, _prompt_row, f"Nothing was sent to {self.name}.", lambda prompt: prompt)

    @property
    def transcript(self) -> list[Entry]:
        """What a person reads: `kind` prompt, message, thought, tool, request, plan, ..."""
        folded = Transcript()
        for event in self.history():
            folded.apply(event)
        return folded.entries

    @property
    def diff(self) -> Diff:
        """What it changed in files, edit by edit."""
        return edits(self.transcript)

    @property
    def files(self) -> Table[File]:
        """Files that it named or touched and that can be fetched, the newest first."""
        found = [File(self.id, data) for data in connection.client().offered(self.id)]
        return Table(found, File._row, f"{self.name} offers no file.", lambda file: file.data)

    def history(self, after: int = 0) -> list[Event]:
        """The events so far."""
        last = int(self.refresh().data.get("last_seq") or 0)
        found = connection.run(history(self._context(), self.id, after, last))
        return [dict(event) for event in found]

    def events(self, after: int = 0) -> Events:
        """The events behind a cursor and all to come, for `for` or `async for`."""
        return Events(self.id, after)

    # -- what it is told

    def ask(
        self,
        prompt: str,
        *,
        attach: Sequence[str | Path] = (),
        on_request: Policy | None = None,
        show: bool = True,
        wait: bool | None = None,
        id: str | None = None,
    ) -> Turn:
        """Send a prompt and wait for the end of its turn, with live output.

        >>> t = s.ask("Why is the loss NaN?")
        >>> t = await s.ask("Fix it.")

        In code that awaits (an `async def`, a cell with `await` in it) it returns at once, for
        `await` and `asyncio.gather`; `wait` says it explicitly. `attach` names files of this
        computer. `on_request` answers what the agent asks: an answer as a person would type it
        ("y", "n because ..."), or a function from a Request to one, where None leaves it to
        people. The same `id` again is the same prompt. Interrupting the cell interrupts the turn.

        Raises CodecastError when the prompt is refused or its turn ends badly, and before anything
        is sent where the session is over its budget.
        """
        awaited = surroundings.awaits()
        id = id or str(uuid.uuid4())
        after = int(self.refresh().data.get("last_seq") or 0)
        self._within_budget()
        try:
            self._send(prompt, attach, id=id)
        except KeyboardInterrupt:  # it may have arrived
            raise Turn(self, id, prompt, after)._interrupted() from None
        turn = Turn(self, id, prompt, after, on_request)
        if show:
            turn.show()
        return turn.wait() if (not awaited if wait is None else wait) else turn

    def _within_budget(self) -> None:
        """What is sent to a paused session waits, and nobody can tell how long."""
        over = self.data["state"].get("over_budget")
        if over:
            raise CodecastError(
                "conflict",
                f"{self.name} is paused: its budget is reached ({over_words(over)}).",
                f"Raise it, s.set(budget={{{over.get('limit')!r}: ...}}), or None for no limit;"
                " then ask again. `send` queues a prompt until then.",
            )

    def send(
        self, prompt: str, *, attach: Sequence[str | Path] = (), steer: bool = False
    ) -> Prompt:
        """Send a prompt and wait for nothing. `steer` puts it into the running turn."""
        return self._send(prompt, attach, steer=steer)

    def _send(self, prompt: str, attach: Sequence[str | Path], **more: Any) -> Prompt:
        if not attach:
            return connection.client().prompt(self.id, prompt, **more)
        blocks = connection.run(attached(self._context(), self.data, [str(p) for p in attach]))
        words = [text_block(prompt)] if prompt.strip() else []
        return connection.client().prompt(self.id, [*words, *blocks], **more)

    def turn(self, prompt: str) -> Turn:
        """The turn of a prompt that was sent before, by its id."""
        for known in connection.client().prompts(self.id):
            if known["id"] == prompt:
                return Turn(self, prompt, known.get("text", ""))
        raise CodecastError(
            "not_found", f"{self.name} has no prompt {prompt!r}.", "`session.prompts` lists them."
        )

    def answer(self, *words: str) -> Request:
        """Answer what it asks: a number, y (once), a (always), n (no), a label, own words.

        Raises CodecastError where nothing or more than one thing is asked.
        """
        opened = self.requests
        if len(opened) == 1:
            return opened[0].answer(*words)
        if not opened:
            raise CodecastError(
                "not_found",
                f"{self.name} asks nothing at the moment.",
                "`cc.requests()` lists all.",
            )
        raise CodecastError(
            "bad_request",
            f"{self.name} has {len(opened)} open requests: which one?",
            "Answer one of `session.requests`: session.requests[0].answer(...)",
        )

    def set(
        self,
        *,
        name: str | None = None,
        mode: str | None = None,
        model: str | None = None,
        budget: Budget | None = None,
    ) -> Session:
        """Change what is named; a limit of the budget that is None is lifted."""
        self.data = connection.client().update_session(
            self.id, name=name, mode=mode, model=model, budget=budget
        )
        return self

    def interrupt(self, cancel_queue: bool = False) -> Session:
        """Stop the running turn; the session goes on."""
        self.data = connection.client().interrupt(self.id, cancel_queue)
        return self

    def stop(self) -> Session:
        """End the CLI and everything it started; the history stays, a prompt starts it again."""
        self.data = connection.client().stop(self.id)
        return self

    def resume(self) -> Session:
        """Start a stopped session's CLI again, where it was."""
        self.data = connection.client().resume(self.id)
        return self

    def remove(self) -> None:
        """End it and delete its history, on the machine too."""
        connection.client().remove(self.id)

    # -- how it looks

    def widget(self, after: int | None = None) -> SessionWidget:
        """Live: transcript, buttons, composer. Shown by being the last line of a cell.

        Raises CodecastError without anywidget.
        """
        from .widgets import needed

        needed()
        from .widgets.session import SessionWidget

        return SessionWidget(self, after=after)

    def export(self, path: str | Path = ".") -> Path:
        """Write the transcript: NAME.ipynb in a directory, or a file .ipynb, .md or .json."""
        to = target("", path, f"{self.name}.ipynb", force=True)
        kind = to.suffix.removeprefix(".")
        if kind not in FORMATS:
            raise CodecastError(
                "bad_request",
                f"A transcript is written as .ipynb, .md or .json, not as {to.name!r}.",
            )
        with writing(to, "Name another place: session.export(path)."):
            to.write_text(written(kind, self.data, self.history()), "utf-8")
        return to

    def to_frame(self) -> Any:
        """Its events as a DataFrame: see `frames.events`."""
        from .frames import events

        return events([self])

    def _context(self) -> Context:
        return Context(connection.client().aio)

    def _row(self) -> Mapping[str, Any]:
        state = self.data.get("state") or {}
        status = str(state.get("status") or "")
        return {
            "session": self.name,
            "status": f"{STATUS_MARK.get(status, '')} {status}".strip(),
            "CLI": self.cli,
            "machine": self.machine,
            "directory": self.cwd,
            "cost": dollars(state.get("cost_usd")),
            "age": age(state.get("updated") or self.data.get("created")),
        }

    def _repr_markdown_(self) -> str:
        return session_markdown(results.Session(self.refresh().data))

    def __repr__(self) -> str:
        status = (self.data.get("state") or {}).get("status", "")
        return f"<Session {self.name}: {self.cli} in {self.cwd} on {self.machine}, {status}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Session) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    async def _itself(self) -> Session:
        return self

    def __await__(self) -> Generator[Any, None, Session]:
        """So that `await cc.start(...)` works; the start itself has been waited for."""
        return self._itself().__await__()


def _prompt_row(prompt: Prompt) -> Mapping[str, Any]:
    return {"prompt": prompt.get("text", "")[:80], "state": prompt.get("state"), "id": prompt["id"]}
