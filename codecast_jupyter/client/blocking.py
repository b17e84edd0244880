"""`AsyncClient` for code that does not await: the same names, run on a daemon thread's loop.

The thread goes on while a notebook cell blocks, so streams never stop for a busy kernel.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from concurrent.futures import Future
from typing import Any, TypeVar

from codecast_agent.protocol.errors import CodecastError

from .client import AsyncClient, Content
from .discovery import Connection
from .types import (
    Block,
    Change,
    Cli,
    Conversation,
    Directory,
    Event,
    EventPage,
    Examination,
    Health,
    Hit,
    Machine,
    OfferedFile,
    Process,
    Prompt,
    Request,
    Session,
    Usage,
)

T = TypeVar("T")


class Background:
    """An asyncio loop on a daemon thread; one a process is enough."""

    _one: Background | None = None
    _lock = threading.Lock()

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, name="codecast", daemon=True)
        self.thread.start()

    @classmethod
    def shared(cls) -> Background:
        with cls._lock:
            if cls._one is None or not cls._one.thread.is_alive():  # not alive: after a fork
                cls._one = cls()
            return cls._one

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for it. Ctrl-C ends the waiting and the work."""
        if threading.current_thread() is self.thread:
            work.close()
            raise RuntimeError("the blocking client cannot be used on its own loop: use `.aio`")
        future = self.submit(work)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise


class Client:
    """`Client()` finds the server of this kernel. `aio` is the client for `await`, whose
    coroutines belong to the daemon's loop (`submit` runs one there).
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        connection: Connection | None = None,
        surface: str = "python",
    ) -> None:
        self._background = Background.shared()
        self.aio: AsyncClient = (
            AsyncClient(connection, surface=surface)
            if connection is not None
            else self._run(AsyncClient.discover(url, token, surface=surface))
        )

    def __repr__(self) -> str:
        return f"<Client of {self.aio.connection.url}>"

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run it beside; the future is concurrent.futures'."""
        return self._background.submit(work)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._background.run(work)

    def _iterate(self, items: AsyncIterator[T]) -> Generator[T, None, None]:
        end = object()

        async def step() -> Any:
            return await anext(items, end)

        async def close() -> None:
            await items.aclose()  # type: ignore[attr-defined]

        try:
            while (item := self._run(step())) is not end:
                yield item
        finally:
            self._run(close())

    @property
    def connection(self) -> Connection:
        return self.aio.connection

    @property
    def url(self) -> str:
        return self.aio.url

    @property
    def on_connection(self) -> Callable[[CodecastError | None], None]:
        """Called on the daemon thread."""
        return self.aio.on_connection

    @on_connection.setter
    def on_connection(self, told: Callable[[CodecastError | None], None]) -> None:
        self.aio.on_connection = told

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._run(self.aio.close())

    def health(self) -> Health:
        return self._run(self.aio.health())

    def search(self, query: str, limit: int = 50) -> list[Hit]:
        return self._run(self.aio.search(query, limit))

    def machines(self) -> list[Machine]:
        return self._run(self.aio.machines())

    def machine(self, machine: str) -> Machine:
        return self._run(self.aio.machine(machine))

    def put_machine(self, machine: str, config: Mapping[str, Any]) -> Machine:
        return self._run(self.aio.put_machine(machine, config))

    def remove_machine(self, machine: str) -> None:
        self._run(self.aio.remove_machine(machine))

    def connect_machine(self, machine: str) -> Machine:
        return self._run(self.aio.connect_machine(machine))

    def disconnect_machine(self, machine: str) -> Machine:
        return self._run(self.aio.disconnect_machine(machine))

    def accept_host_key(self, machine: str, fingerprint: str) -> Machine:
        return self._run(self.aio.accept_host_key(machine, fingerprint))

    def give_secret(self, machine: str, prompt: str, value: str) -> Machine:
        return self._run(self.aio.give_secret(machine, prompt, value))

    def doctor(self, machine: str) -> Examination:
        return self._run(self.aio.doctor(machine))

    def clis(self, machine: str, refresh: bool = False) -> list[Cli]:
        return self._run(self.aio.clis(machine, refresh))

    def machine_history(
        self,
        machine: str,
        cli: str | None = None,
        query: str | None = None,
        limit: int | None = None,
        cwd: str | None = None,
    ) -> list[Conversation]:
        return self._run(self.aio.machine_history(machine, cli, query, limit, cwd))

    def machine_info(self, machine: str) -> dict[str, Any]:
        return self._run(self.aio.machine_info(machine))

    def directories(self, machine: str, directory: str = "~", hidden: bool = False) -> Directory:
        return self._run(self.aio.directories(machine, directory, hidden))

    def processes(self, machine: str) -> list[Process]:
        return self._run(self.aio.processes(machine))

    def kill(self, machine: str, session: str) -> dict[str, Any]:
        return self._run(self.aio.kill(machine, session))

    def sessions(
        self, machine: str | None = None, status: str | None = None, all: bool = False
    ) -> list[Session]:
        return self._run(self.aio.sessions(machine, status, all))

    def session(self, session: str) -> Session:
        return self._run(self.aio.session(session))

    def start(
        self,
        machine: str,
        cwd: str,
        *,
        cli: str | None = None,
        mode: str | None = None,
        model: str | None = None,
        name: str | None = None,
        prompt: str | None = None,
        id: str | None = None,
        create_directory: bool = False,
        native: str | None = None,
        fork: bool = False,
        history: bool = False,
        budget: Mapping[str, float | None] | None = None,
        skills: bool = True,
    ) -> Session:
        return self._run(
            self.aio.start(
                machine,
                cwd,
                cli=cli,
                mode=mode,
                model=model,
                name=name,
                prompt=prompt,
                id=id,
                create_directory=create_directory,
                native=native,
                fork=fork,
                history=history,
                budget=budget,
                skills=skills,
            )
        )

    def update_session(
        self,
        session: str,
        *,
        name: str | None = None,
        mode: str | None = None,
        model: str | None = None,
        budget: Mapping[str, float | None] | None = None,
    ) -> Session:
        return self._run(
            self.aio.update_session(session, name=name, mode=mode, model=model, budget=budget)
        )

    def usage(self, session: str) -> Usage:
        return self._run(self.aio.usage(session))

    def usages(self) -> list[Usage]:
        return self._run(self.aio.usages())

    def stop(self, session: str) -> Session:
        return self._run(self.aio.stop(session))

    def resume(self, session: str) -> Session:
        return self._run(self.aio.resume(session))

    def interrupt(self, session: str, cancel_queue: bool = False) -> Session:
        return self._run(self.aio.interrupt(session, cancel_queue))

    def remove(self, session: str) -> None:
        self._run(self.aio.remove(session))

    def prompt(
        self,
        session: str,
        prompt: str | Content,
        *,
        id: str | None = None,
        steer: bool = False,
    ) -> Prompt:
        return self._run(self.aio.prompt(session, prompt, id=id, steer=steer))

    def prompts(self, session: str) -> list[Prompt]:
        return self._run(self.aio.prompts(session))

    def attach(self, session: str, name: str, data: bytes, mime_type: str | None = None) -> Block:
        return self._run(self.aio.attach(session, name, data, mime_type))

    def offered(self, session: str) -> list[OfferedFile]:
        return self._run(self.aio.offered(session))

    def download(self, session: str, path: str, write: Callable[[bytes, int], object]) -> int:
        """`write` is called on the background thread."""
        return self._run(self.aio.download(session, path, write))

    def edit_prompt(self, session: str, prompt: str, text: str | Content) -> Prompt:
        return self._run(self.aio.edit_prompt(session, prompt, text))

    def move_prompt(
        self, session: str, prompt: str, before: str | None = None, *, id: str | None = None
    ) -> Prompt:
        return self._run(self.aio.move_prompt(session, prompt, before, id=id))

    def cancel_prompt(self, session: str, prompt: str) -> None:
        self._run(self.aio.cancel_prompt(session, prompt))

    def requests(self, session: str | None = None) -> list[Request]:
        return self._run(self.aio.requests(session))

    def answer(
        self,
        session: str,
        request: str,
        option: str | None = None,
        *,
        answers: Mapping[str, list[str]] | None = None,
        declined: bool = False,
        message: str | None = None,
    ) -> Request:
        return self._run(
            self.aio.answer(
                session, request, option, answers=answers, declined=declined, message=message
            )
        )

    def history(
        self,
        session: str,
        after: int = 0,
        limit: int | None = None,
        types: Iterable[str] | None = None,
    ) -> EventPage:
        return self._run(self.aio.history(session, after, limit, types))

    def events(self, session: str, after: int = 0) -> Iterator[Event]:
        # a step is two changes of thread: one for all that came together
        with contextlib.closing(self.batches(session, after)) as batches:
            for batch in batches:
                yield from batch

    def batches(self, session: str, after: int = 0) -> Generator[list[Event], None, None]:
        return self._iterate(self.aio.batches(session, after))

    def watch(self) -> Iterator[Change]:
        return self._iterate(self.aio.watch())
