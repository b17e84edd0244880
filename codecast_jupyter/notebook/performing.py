"""A command of the table, run for a cell: its questions, its progress and its result.

The command runs on the client's loop; only the thread of the cell may show things or read the
keyboard. So the two talk through a queue until the command has ended.
"""

from __future__ import annotations

import asyncio
import io
import queue
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from getpass import getpass
from typing import Any, TypeVar

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.commands import results
from codecast_jupyter.commands.context import Context
from codecast_jupyter.commands.parsing import Parsed
from codecast_jupyter.commands.render import markdown
from codecast_jupyter.commands.render.disarm import disarmed
from codecast_jupyter.commands.render.json import document
from codecast_jupyter.commands.transcript import Transcript
from codecast_jupyter.commands.words import safe

from . import connection, surroundings
from .errors import Interrupted

T = TypeVar("T")
Say = tuple[str, Any]
LOOK = 0.2  # seconds between two looks at what takes long
QUICK = 0.8  # seconds in which nobody asks what takes so long


class Shown:
    """What a command returned. `data` is plain JSON, for code; a notebook shows it as Markdown."""

    def __init__(self, result: Any, json: bool = False) -> None:
        self.result = result
        self._json = json

    @property
    def data(self) -> Any:
        return self.result.to_json()

    def _repr_markdown_(self) -> str:
        if self._json:
            return markdown.fence(document(self.data), "json")
        if isinstance(self.result, results.Session):
            return markdown.session(self.result, disarmed)
        return markdown.render(self.result)

    def __repr__(self) -> str:
        if self._json:
            return document(self.data)
        words = getattr(self.result, "words", "") or getattr(self.result, "text", "")
        return str(words) if isinstance(words, str) and words else plain(self.result)


def plain(result: Any) -> str:
    """For a terminal: rich's rendering where it is installed."""
    try:
        from rich.console import Console

        from codecast_jupyter.commands.render.terminal import render
    except ImportError:
        return markdown.render(result)
    drawn = io.StringIO()
    # in a kernel rich would display it by itself
    console = Console(
        file=drawn, width=120, color_system=None, force_jupyter=False, highlight=False,
        markup=False, emoji=False,
    )  # fmt: skip
    console.print(render(result))
    return "\n".join(line.rstrip() for line in drawn.getvalue().rstrip("\n").split("\n"))


class Asking:
    """An `Ask` whose questions the cell's thread puts to the person."""

    def __init__(self, told: Callable[[Say], None]) -> None:
        self._told = told

    async def confirm(self, question: str, detail: str = "", how: str = "") -> bool:
        asked = f"{safe(detail)}\n{safe(question)} [y/N] ".lstrip("\n")
        answer = await self._ask(lambda: input(asked), question, how, detail)
        return answer.strip().lower() in ("y", "yes")

    async def secret(self, prompt: str, how: str = "") -> str:
        return await self._ask(lambda: getpass(safe(prompt).rstrip(": ") + ": "), prompt, how)

    async def _ask(self, read: Callable[[], str], question: str, how: str, detail: str = "") -> str:
        answer: Future[str] = Future()
        self._told(("ask", (read, answer)))
        try:
            return await asyncio.wrap_future(answer)
        except (EOFError, OSError, RuntimeError, NotImplementedError) as error:
            raise CodecastError("bad_request", question, how, detail or str(error)) from None


def perform(parsed: Parsed, stdin: str | None = None) -> Any:
    """Run a command and show its progress. Its result as `Shown`, a live widget for what goes
    on in time, or None for what has been shown. Raises CodecastError.
    """
    said: queue.SimpleQueue[Say] = queue.SimpleQueue()
    context = _context(said, stdin, parsed.command.client)
    result = _drive(parsed.command.run(context, parsed.values), said)
    if isinstance(result, results.Follow):
        return _follow(result)
    if isinstance(result, results.Stream):
        _drive(_stream(result, said), said)
        if result.problem:
            raise CodecastError.from_json(result.problem)
        return None
    return Shown(result, parsed.json)


def guided(work: Callable[[Context], Awaitable[T]]) -> T:
    """Wait for `work`, with its progress shown and its questions put to the person."""
    said: queue.SimpleQueue[Say] = queue.SimpleQueue()
    found: T = _drive(work(_context(said)), said)
    return found


def _context(
    said: queue.SimpleQueue[Say], stdin: str | None = None, client: bool = True
) -> Context:
    return Context(
        connection.client().aio if client else None,  # type: ignore[arg-type]
        ask=Asking(said.put),
        say=lambda text: said.put(("say", text)),
        # to hear of progress costs a connection: only where somebody would see it
        status=(lambda text: said.put(("status", text))) if surroundings.in_kernel() else None,
        read_input=None if stdin is None else lambda: stdin,
    )


def _drive(work: Awaitable[Any], said: queue.SimpleQueue[Say]) -> Any:
    """Wait for `work`, doing meanwhile what has to happen on this thread."""

    async def run() -> Any:
        return await work

    status = _Status()
    future = connection.Background.shared().submit(run())
    future.add_done_callback(lambda _: said.put(("end", None)))
    try:
        while True:
            try:
                kind, what = said.get(timeout=LOOK)
            except queue.Empty:
                status.look()
                continue
            if kind == "end":
                return future.result()
            if kind == "say":
                print(what)
            elif kind == "status":
                status.show(what)
            elif kind == "markdown":
                status.grow(what)
            else:
                read, answer = what
                try:
                    answer.set_result(read())
                except Exception as error:  # nobody sits there: said where it was asked
                    answer.set_exception(error)
    except KeyboardInterrupt:
        raise Interrupted("It was given up; what it had begun may go on.") from None
    finally:
        future.cancel()
        status.show("")


class _Status:
    """One output that changes: a line of progress, or Markdown that grows.

    What is quick shows no progress: it would leave an empty output in every cell.
    """

    def __init__(self) -> None:
        self._handle: Any = None
        self._line = ""
        self._since = time.monotonic()

    def show(self, text: str) -> None:
        """A line of progress; an empty one takes it away."""
        changed, self._line = text != self._line, text
        if changed and self._handle is not None:
            self._put_line()

    def look(self) -> None:
        if self._line and self._handle is None and time.monotonic() - self._since > QUICK:
            self._put_line()

    def _put_line(self) -> None:
        words = f"*{markdown.esc(self._line)}*" if self._line else ""
        self._put({"text/plain": self._line, "text/markdown": words})

    def grow(self, text: str) -> None:
        self._line = ""
        self._put({"text/markdown": text, "text/plain": text})

    def _put(self, bundle: dict[str, str]) -> None:
        from IPython.display import display

        if not bundle["text/plain"]:
            bundle = {"text/plain": "", "text/html": "<span hidden></span>"}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(bundle, raw=True)


def _follow(result: results.Follow) -> Any:
    from .session import Session

    session = Session(result.session)  # type: ignore[arg-type]
    if surroundings.in_kernel() and surroundings.has_widgets():
        return session.widget(after=result.after)
    return session


async def _stream(result: results.Stream, said: queue.SimpleQueue[Say]) -> None:
    """Events as Markdown that grows, at most a few times a second."""
    loop = asyncio.get_running_loop()
    folded, lines = Transcript(), []
    due = 0.0
    async for event in result.items:
        if result.raw:
            lines.append(document(event))
        folded.apply(event)
        if loop.time() >= due:
            said.put(("markdown", _words(result, folded, lines)))
            due = loop.time() + 0.4
    said.put(("markdown", _words(result, folded, lines)))


def _words(result: results.Stream, folded: Transcript, lines: list[str]) -> str:
    if result.raw:
        return markdown.fence("\n".join(lines), "json")
    said = [markdown.entry(entry, disarmed) for entry in folded.entries]
    return "\n\n".join(part for part in said if part)
