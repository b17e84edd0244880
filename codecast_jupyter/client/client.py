"""The API as methods. Every failure is a CodecastError.

Prompts and starts carry an id chosen here, so that sending one again changes nothing; where
the way to the server was lost under one of them, it is sent again once by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from typing import Any, cast

from codecast_agent.protocol.errors import CodecastError

from . import discovery
from .discovery import Connection
from .http import Http, Lost, Unsent, path
from .stream import Stream
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

Content = list[dict[str, Any]]
HEALTH = 5.0  # seconds a server has to say that it is there
AGAIN = 0.3  # seconds before what was lost is sent again


class AsyncClient:
    """`async with await AsyncClient.discover() as client: ...`, or with a known `Connection`.

    `surface` is told with everything done (`where` in events), and `by`, where a surface speaks for
    several people. Everything belongs to the loop that uses it first. `on_connection` hears of a
    lost event stream (a CodecastError) and of its return (None).
    """

    def __init__(self, connection: Connection, *, surface: str = "python", by: str = "") -> None:
        self.connection = connection
        self.surface = surface
        self.on_connection: Callable[[CodecastError | None], None] = lambda error: None
        self._http = Http(surface, by)
        self._streams: list[Stream] = []

    @classmethod
    async def discover(
        cls, url: str | None = None, token: str | None = None, *, surface: str = "python"
    ) -> AsyncClient:
        """The first server that answers, by `discovery`'s order.

        Raises CodecastError: `unreachable`, or what the only candidate says.
        """
        tried: list[CodecastError] = []
        for connection in discovery.candidates(url, token):
            client = cls(connection, surface=surface)
            try:
                await client._http.call(connection, "GET", "/health", timeout=HEALTH)
            except CodecastError as error:
                tried.append(error)
                await client.close()
            else:
                return client
        if len(tried) == 1:
            raise tried[0]
        raise discovery.nothing_found([error.message for error in tried])

    @property
    def url(self) -> str:
        """The server's, for people."""
        return self.connection.url

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        for stream in list(self._streams):
            await stream.close()
        self._streams.clear()
        self._http.close()

    # -- the server

    async def health(self) -> Health:
        return cast("Health", await self._get("/health"))

    async def search(self, query: str, limit: int = 50) -> list[Hit]:
        """Words, "phrases", -words to exclude; the best hits first."""
        return cast("list[Hit]", await self._get("/search", q=query, limit=limit))

    # -- machines

    async def machines(self) -> list[Machine]:
        return cast("list[Machine]", await self._get("/machines"))

    async def machine(self, machine: str) -> Machine:
        return cast("Machine", await self._get(_machine(machine)))

    async def put_machine(self, machine: str, config: Mapping[str, Any]) -> Machine:
        """Write keys of codecast.yaml; None removes one."""
        return cast("Machine", await self._call("PUT", _machine(machine), dict(config)))

    async def remove_machine(self, machine: str) -> None:
        await self._call("DELETE", _machine(machine))

    async def connect_machine(self, machine: str) -> Machine:
        """Raises what stands in the way: `unknown_host_key` (data: fingerprint),
        `secret_needed` (data: prompt), `unreachable`, ...
        """
        return cast("Machine", await self._call("POST", _machine(machine, "connect")))

    async def disconnect_machine(self, machine: str) -> Machine:
        return cast("Machine", await self._call("POST", _machine(machine, "disconnect")))

    async def accept_host_key(self, machine: str, fingerprint: str) -> Machine:
        body = {"fingerprint": fingerprint}
        return cast("Machine", await self._call("POST", _machine(machine, "host-key"), body))

    async def give_secret(self, machine: str, prompt: str, value: str) -> Machine:
        body = {"prompt": prompt, "value": value}
        return cast("Machine", await self._call("POST", _machine(machine, "secret"), body))

    async def doctor(self, machine: str) -> Examination:
        return cast("Examination", await self._get(_machine(machine, "doctor")))

    async def clis(self, machine: str, refresh: bool = False) -> list[Cli]:
        found = await self._get(_machine(machine, "clis"), refresh=refresh or None)
        return cast("list[Cli]", found)

    async def machine_history(
        self,
        machine: str,
        cli: str | None = None,
        query: str | None = None,
        limit: int | None = None,
        cwd: str | None = None,
    ) -> list[Conversation]:
        """What the CLIs keep of conversations there, the newest first."""
        found = await self._get(
            _machine(machine, "history"), cli=cli, query=query, limit=limit, cwd=cwd
        )
        return cast("list[Conversation]", found)

    async def machine_info(self, machine: str) -> dict[str, Any]:
        """Processors, memory, disk, load, GPUs."""
        return cast("dict[str, Any]", await self._get(_machine(machine, "info")))

    async def directories(
        self, machine: str, directory: str = "~", hidden: bool = False
    ) -> Directory:
        found = await self._get(
            _machine(machine, "directories"), path=directory, hidden=hidden or None
        )
        return cast("Directory", found)

    async def processes(self, machine: str) -> list[Process]:
        return cast("list[Process]", await self._get(_machine(machine, "processes")))

    async def kill(self, machine: str, session: str) -> dict[str, Any]:
        """Kill what a session whose supervisor is gone left on the machine: `{killed}`."""
        route = path("/machines/{machine}/processes/{session}", machine=machine, session=session)
        return cast("dict[str, Any]", await self._call("DELETE", route))

    # -- sessions

    async def sessions(
        self, machine: str | None = None, status: str | None = None, all: bool = False
    ) -> list[Session]:
        found = await self._get("/sessions", machine=machine, status=status, all=all or None)
        return cast("list[Session]", found)

    async def session(self, session: str) -> Session:
        """By id, name, or the beginning of one."""
        return cast("Session", await self._get(_session(session)))

    async def start(
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
        """Start a session. The same `id` (a UUID) again is the same session.

        `native` is a conversation of `machine_history` to go on with, or to `fork`; `history`
        brings what was said in it. Raises CodecastError("session_in_use") (data: pid, program,
        since; or session, name) while somebody else is in it. `budget` has max_cost (US
        dollars), max_turns, max_minutes; None lifts a limit of codecast.yaml. Without
        `skills` the folder of codecast.yaml is not brought to the project.
        """
        body = {
            "machine": machine,
            "cwd": cwd,
            "cli": cli,
            "mode": mode,
            "model": model,
            "name": name,
            "prompt": prompt,
            "id": id or str(uuid.uuid4()),
            "create_directory": create_directory or None,
            "native": native,
            "fork": fork or None,
            "history": history or None,
            "budget": dict(budget) if budget else None,
            "skills": None if skills else False,
        }
        body = {key: value for key, value in body.items() if value is not None}
        return cast("Session", await self._call("POST", "/sessions", body, again=True))

    async def update_session(
        self,
        session: str,
        *,
        name: str | None = None,
        mode: str | None = None,
        model: str | None = None,
        budget: Mapping[str, float | None] | None = None,
    ) -> Session:
        """`budget` changes the limits it names; None lifts one."""
        limits = None if budget is None else dict(budget)
        change = {"name": name, "mode": mode, "model": model, "budget": limits}
        body = {key: value for key, value in change.items() if value is not None}
        return cast("Session", await self._call("PATCH", _session(session), body))

    async def usage(self, session: str) -> Usage:
        """Tokens, cost and time of a session and of each of its turns."""
        return cast("Usage", await self._get(_session(session, "usage")))

    async def usages(self) -> list[Usage]:
        """That of all sessions, without the turns."""
        return cast("list[Usage]", await self._get("/usage"))

    async def stop(self, session: str) -> Session:
        """End the CLI and everything it started; the history stays."""
        return cast("Session", await self._call("POST", _session(session, "stop")))

    async def resume(self, session: str) -> Session:
        return cast("Session", await self._call("POST", _session(session, "resume")))

    async def interrupt(self, session: str, cancel_queue: bool = False) -> Session:
        body = {"cancel_queue": True} if cancel_queue else {}
        return cast("Session", await self._call("POST", _session(session, "interrupt"), body))

    async def remove(self, session: str) -> None:
        """End it and delete its history, on the machine too (when it returns, if it is away)."""
        await self._call("DELETE", _session(session))

    # -- prompts and requests

    async def prompt(
        self,
        session: str,
        prompt: str | Content,
        *,
        id: str | None = None,
        steer: bool = False,
    ) -> Prompt:
        """Stored when this returns, and delivered whenever the machine is there."""
        body = {**_content(prompt), "id": id or str(uuid.uuid4())}
        if steer:
            body["steer"] = True
        answer = await self._call("POST", _session(session, "prompts"), body, again=True)
        return cast("Prompt", answer)

    async def prompts(self, session: str) -> list[Prompt]:
        return cast("list[Prompt]", await self._get(_session(session, "prompts")))

    async def attach(
        self, session: str, name: str, data: bytes, mime_type: str | None = None
    ) -> Block:
        """Bring a file (at most 64 MiB) for a prompt; the answer goes into the prompt's content."""
        answer = await self._http.upload(
            self.connection,
            _session(session, "attachments"),
            data,
            {"name": name, "mime_type": mime_type},
        )
        return cast("Block", answer)

    async def offered(self, session: str) -> list[OfferedFile]:
        """Files the agent named or touched that can be fetched, the newest first."""
        return cast("list[OfferedFile]", await self._get(_session(session, "offered")))

    async def download(self, session: str, path: str, write: Callable[[bytes, int], object]) -> int:
        """Fetch a file; `write(data, size)` is called with each piece and the size of the whole,
        once with nothing for an empty file. Returns the size.

        Raises CodecastError("link_lost") when it ends before its end.
        """
        return await self._http.download(
            self.connection, _session(session, "files"), {"path": path}, write
        )

    async def edit_prompt(self, session: str, prompt: str, text: str | Content) -> Prompt:
        """Raises CodecastError("conflict") when it no longer waits."""
        route = _session(session, "prompts") + path("/{prompt}", prompt=prompt)
        return cast("Prompt", await self._call("PATCH", route, _content(text)))

    async def move_prompt(
        self, session: str, prompt: str, before: str | None = None, *, id: str | None = None
    ) -> Prompt:
        """In front of another prompt that waits, or to the end; `id` makes it happen once.

        Raises CodecastError("conflict") when one of them no longer waits.
        """
        route = _session(session, "prompts") + path("/{prompt}/move", prompt=prompt)
        body = {"before": before, "id": id or str(uuid.uuid4())}
        return cast("Prompt", await self._call("POST", route, body, again=True))

    async def cancel_prompt(self, session: str, prompt: str) -> None:
        """Raises CodecastError("conflict") when it no longer waits."""
        route = _session(session, "prompts") + path("/{prompt}", prompt=prompt)
        await self._call("DELETE", route)

    async def requests(self, session: str | None = None) -> list[Request]:
        """Those of a session, the open ones first; without one, the open ones of all."""
        route = "/requests" if session is None else _session(session, "requests")
        return cast("list[Request]", await self._get(route))

    async def answer(
        self,
        session: str,
        request: str,
        option: str | None = None,
        *,
        answers: Mapping[str, list[str]] | None = None,
        declined: bool = False,
        message: str | None = None,
    ) -> Request:
        """Raises CodecastError("already_resolved") (data: by, where) when somebody was first."""
        given = {
            "option": option,
            "answers": None if answers is None else dict(answers),
            "declined": declined or None,
            "message": message,
        }
        body = {key: value for key, value in given.items() if value is not None}
        route = _session(session, "requests") + path("/{request}/answer", request=request)
        return cast("Request", await self._call("POST", route, body))

    # -- events

    async def history(
        self,
        session: str,
        after: int = 0,
        limit: int | None = None,
        types: Iterable[str] | None = None,
    ) -> EventPage:
        """A page of stored events."""
        wanted = list(types) if types is not None else None
        found = await self._get(
            _session(session, "events"), after=after, limit=limit, types=wanted or None
        )
        return cast("EventPage", found)

    async def events(self, session: str, after: int = 0) -> AsyncIterator[Event]:
        """Every event after a cursor, each exactly once and in order, then those to come; over
        lost connections and restarts of the server, for ever. Ends when the session is removed.
        """
        async with contextlib.aclosing(self.batches(session, after)) as batches:
            async for batch in batches:
                for event in batch:
                    yield event

    async def batches(self, session: str, after: int = 0) -> AsyncGenerator[list[Event], None]:
        """`events`, as many at once as have come: for readers to whom a step is dear."""
        id = (await self.session(session))["id"]
        stream = self._stream(id)
        follower = stream.follow(id, after)
        try:
            while (batch := await stream.read(follower)) is not None:
                yield batch
        finally:
            await stream.leave(follower)

    async def watch(self) -> AsyncIterator[Change]:
        """Summaries of all sessions and machines, now and at each change: `{type: session |
        session_removed | machine | machine_removed | prompt | progress, ...}`. After a lost
        connection everything is told again.
        """
        await self.health()
        stream = self._stream("")
        watcher = stream.watch()
        try:
            await stream.begin()
            while True:
                for change in await watcher.next():
                    yield change
        finally:
            await stream.leave(watcher)

    # -- inside

    def _stream(self, session: str) -> Stream:
        """The socket; another one for a second reader of the same session."""
        for stream in self._streams:
            if not stream.follows(session):
                return stream
        stream = Stream(
            self._where,
            {"X-Codecast-Surface": self.surface},
            lambda error: self.on_connection(error),
        )
        self._streams.append(stream)
        return stream

    async def _where(self) -> Connection:
        """The server, looked for again where it was found by looking: it may have come back
        on another port, with another token.
        """
        await asyncio.to_thread(self._look_again)
        return self.connection

    def _look_again(self) -> bool:
        """Whether the server is another one now."""
        if self.connection.source == "arguments":
            return False
        for connection in discovery.candidates():
            if connection == self.connection:
                return False
        for connection in discovery.candidates():
            self.connection = connection
            return True
        return False

    async def _get(self, route: str, **query: Any) -> Any:
        return await self._call("GET", route, query=query, again=True)

    async def _call(
        self,
        verb: str,
        route: str,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        again: bool = False,
    ) -> Any:
        """`again`: asking twice does no harm."""
        try:
            return await self._http.call(self.connection, verb, route, body, query)
        except Unsent:
            if not await asyncio.to_thread(self._look_again):
                raise
        except Lost:
            if not again:
                raise
            await asyncio.sleep(AGAIN)
        return await self._http.call(self.connection, verb, route, body, query)


def _machine(machine: str, what: str = "") -> str:
    return path("/machines/{machine}", machine=machine) + (f"/{what}" if what else "")


def _session(session: str, what: str = "") -> str:
    return path("/sessions/{session}", session=session) + (f"/{what}" if what else "")


def _content(prompt: str | Content) -> dict[str, Any]:
    return {"text": prompt} if isinstance(prompt, str) else {"content": prompt}
