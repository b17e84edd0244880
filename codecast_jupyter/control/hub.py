"""The hub: store, machines, sessions, requests, feed and search, wired.

It knows neither web nor Jupyter. Everything that happens to a session passes two places:
verbs go through `sessions`, `requests` and `outbox` to a machine's link; events come
through `mirror` into the store and from there to `feed`.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from codecast_agent.protocol import budget
from codecast_agent.protocol.errors import CodecastError

from . import rows
from .attachments import Attachments
from .editing import Editing
from .feed import Feed, Key
from .files import Files
from .ingest import Taken
from .machines import Machines
from .mirror import Mirror
from .outbox import Outbox
from .prompts import to_json as prompt_json
from .reconcile import Reconcile
from .requests import Requests
from .search import Search
from .sessions import Sessions
from .skills import Skills
from .store import Store
from .terminals import Terminals

PROGRESS_LENGTH = 200  # characters of a machine's words on what it does

log = logging.getLogger(__name__)

MakeMachines = Callable[[Path, "Path | None", str], Any]


class Hub:
    """`Hub(config, data_dir)`, `await start()`, `await close()`.

    `on_lifecycle(action, info)` hears of `created`, `ended`, `failed`,
    `permission_requested`, `resolved` and `destroyed`; info has `session`.
    """

    store: Store
    machines: Machines
    sessions: Sessions
    requests: Requests
    feed: Feed
    mirror: Mirror
    outbox: Outbox
    attachments: Attachments
    files: Files
    editing: Editing
    terminals: Terminals

    def __init__(
        self,
        config_path: Path,
        data_dir: Path,
        ssh_config: Path | None = None,
        *,
        make_machines: MakeMachines | None = None,
    ) -> None:
        self.config_path, self.data_dir, self.ssh_config = config_path, data_dir, ssh_config
        self.on_lifecycle: Callable[[str, dict[str, Any]], None] = lambda action, info: None
        self._make_machines: MakeMachines = make_machines or Machines
        self._online: set[str] = set()  # machines with a link
        self._silent: set[str] = set()  # those of them whose link does not answer
        self._versions: dict[int, tuple[str, int]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._keeping: set[str] = set()
        self._counts: dict[str, int] = {}
        self._doing: dict[str, str] = {}  # what machines say they are busy with, by `_about`
        self._closing = False

    @property
    def id(self) -> str:
        """This hub's own, for ever: it is in the store."""
        return self.store.hub_id

    async def start(self) -> None:
        """Open the store and take up the machines whose sessions have not ended.

        Raises CodecastError when store or configuration cannot be used.
        """
        self.store = await Store.open(self.data_dir / "codecast.db")
        try:
            self.machines = self._make_machines(self.config_path, self.ssh_config, self.id)
            self.feed = Feed(self.store)
            self.feed.render, self.feed.everything = self._render, self._everything
            self.mirror = Mirror(self.store, self._taken)
            self.outbox = Outbox(self)
            self.sessions = Sessions(self)
            self.requests = Requests(self.sessions)
            self.attachments, self.files = Attachments(self), Files(self)
            self.editing, self.terminals = Editing(self), Terminals(self)
            self.skills = Skills(self)
            self._search = Search(self.store)
            self._reconcile = Reconcile(self)
        except BaseException:
            await self.store.close()
            raise
        self._search.start()
        self.store.on_foreign = lambda: self.spawn(self._foreign())
        self.machines.observers.append(self)
        self.machines.count_sessions = lambda machine: self._counts.get(machine, 0)
        self.machines.on_progress = self._progressed
        self._counts = await self.store.read(_counts)
        for machine in await self.store.read(_unfinished):
            self.keep(machine)
        self.spawn(self.attachments.tidy())
        for num in await self.store.read(_purging):
            self.spawn(self.outbox.purge(num))

    async def close(self) -> None:
        """End links and tasks; what is on its way into the store gets there. Machines work on."""
        self._closing = True
        self.feed.close()
        await self.outbox.close()
        await self.machines.close()
        await self.mirror.close()
        await self._search.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.store.close()

    async def search(self, query: str, limit: int = 50) -> list[dict[str, Any]]:
        """See `search.Search.find`."""
        return await self._search.find(query, limit)

    # -- for the parts

    def online(self, machine: str) -> bool:
        """Whether its link answers: one that fell silent may stay so for long."""
        return machine in self._online and machine not in self._silent

    def link_of(self, machine: str) -> Any | None:
        """The living link of a machine, if there is one."""
        try:
            link = self.machines.get(machine).current
        except CodecastError:
            return None
        return link if link is not None and not link.closed.done() else None

    def defaults(self, machine: str) -> dict[str, Any]:
        """`{cli, mode, model, max_cost, max_turns, max_minutes}` of codecast.yaml, the machine's
        own first. Raises `not_found`."""
        settings, general = self.machines.get(machine).settings, self.machines.config.defaults
        words = ("cli", "mode", "model", *budget.LIMITS)
        return {word: getattr(settings, word) or getattr(general, word) for word in words}

    def agent(self, machine: str, cli: str) -> dict[str, Any]:
        """How codecast.yaml has a CLI called there: `{command?, env?}`."""
        env = dict(self.machines.get(machine).settings.env)
        agent = self.machines.config.agents.get(cli)
        if agent is None:
            return {"env": env}
        return {"command": agent.command, "env": {**env, **agent.env}}

    def progress(self, machine: str, session: str, text: str) -> None:
        """What is being done for a session (or, without one, on a machine) that somebody waits
        for; an empty text ends it."""
        about = _about(machine, session)
        if text:
            self._doing[about] = text
        elif self._doing.pop(about, None) is None:
            return
        self.feed.changed(("progress", about))

    def tell(self, action: str, info: dict[str, Any]) -> None:
        """A step in a session's life, for those who only want to hear of such."""
        try:
            self.on_lifecycle(action, info)
        except Exception:
            log.exception("a life-cycle listener failed")

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """A task nobody waits for; what goes wrong in it is logged."""
        if self._closing:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is None:
            return
        error = task.exception()
        if isinstance(error, CodecastError):
            log.info("%s", error.message)
        else:
            log.error("a task of the hub failed", exc_info=error)

    def keep(self, machine: str) -> None:
        """Look (soon, once) whether the link of a machine is to be kept."""
        if machine not in self._keeping:
            self._keeping.add(machine)
            self.spawn(self._keep(machine))

    async def _keep(self, machine: str) -> None:
        self._keeping.discard(machine)
        wanted, self._counts = await self.store.read(lambda db: (_unfinished(db), _counts(db)))
        try:
            self.machines.get(machine).keep(machine in wanted)
        except CodecastError as error:
            log.info("sessions wait for a machine that is not configured: %s", error.message)

    # -- what the machines tell (MachineObserver)

    async def link_up(self, machine: Any, link: Any) -> None:
        self._online.add(machine.name)
        self._silent.discard(machine.name)
        self._machine_moved(machine)
        self.spawn(self._reconcile.machine(machine, link))

    async def link_down(self, machine: Any, error: Any) -> None:
        self._online.discard(machine.name)
        for about in [each for each in self._doing if each.startswith(_about(machine.name, ""))]:
            self.progress(machine.name, about.partition("\n")[2], "")
        self._machine_moved(machine)

    def machine_changed(self, machine: Any) -> None:
        if (machine.state == "reconnecting") == (machine.name in self._silent):
            self.feed.changed(("machine", machine.name))
        else:
            self._silent ^= {machine.name}
            self._machine_moved(machine)

    def session_changed(self, machine: Any, params: dict[str, Any]) -> None:
        link = self.link_of(machine.name)
        if link is not None and isinstance(params.get("session"), str):
            self.spawn(self._reconcile.session(machine, link, params["session"]))

    def _progressed(self, machine: str, params: dict[str, Any]) -> None:
        session, text = params.get("session", ""), params.get("text")
        if isinstance(session, str) and isinstance(text, str):
            self.progress(machine, session, text[:PROGRESS_LENGTH])

    def _machine_moved(self, machine: Any) -> None:
        self.feed.changed(("machine", machine.name))
        self.spawn(self._sessions_moved(machine.name))

    async def _sessions_moved(self, machine: str) -> None:
        found = await self.store.read(lambda db: _ids_of(db, machine))
        self.feed.changed(*(("session", session) for session in found))

    # -- what the mirror and other hubs tell

    def _taken(self, session: str, taken: Taken) -> None:
        self.feed.moved(session, taken.head, taken.rows)
        self._search.stored()
        if taken.changed:
            self.feed.changed(("session", session), *(("prompt", p) for p in taken.prompts))
        for type, data in taken.happened:
            self._happened(session, type, data)

    def _happened(self, session: str, type: str, data: dict[str, Any]) -> None:
        info = {
            "session": session,
            **{k: v for k, v in data.items() if k not in ("raw", "raw_input")},
        }
        if type == "request_opened":
            self.tell("permission_requested", info)
        elif type in ("request_resolved", "request_withdrawn"):
            self.tell("resolved", info)
        elif data.get("state") in ("exited", "stopped"):
            self.tell("ended", info)
        elif data.get("state") == "failed":
            self.tell("failed", info)
        if type == "session_state":
            self.spawn(self._keep_for(session))

    async def _keep_for(self, session: str) -> None:
        row = await self.store.read(lambda db: rows.by_id(db, session))
        if row is not None:
            self.keep(row["machine"])

    async def _foreign(self) -> None:
        await self.feed.refresh()
        self._search.stored()
        now = await self.store.read(_versions)
        before, self._versions = self._versions, now
        moved = [now[num][0] for num in now if now[num] != before.get(num)]
        self.feed.changed(*(("session", session) for session in moved))
        for num in before.keys() - now.keys():
            self.feed.removed(before[num][0])
        for session in moved:
            self.outbox.kick(session)

    async def _everything(self) -> list[Key]:
        machines: list[Key] = [("machine", machine.name) for machine in self.machines.list()]
        found = await self.store.read(_versions)
        doing: list[Key] = [("progress", about) for about in self._doing]
        return machines + [("session", id) for id, _ in found.values()] + doing

    async def _render(self, keys: list[Key]) -> list[dict[str, Any]]:
        def job(db: sqlite3.Connection) -> dict[Key, dict[str, Any]]:
            found: dict[Key, dict[str, Any]] = {}
            for kind, id in keys:
                if kind == "session":
                    row = rows.by_id(db, id)
                    if row is not None and not row["gone"]:
                        session = rows.to_json(row, self.online(row["machine"]))
                        found[(kind, id)] = {"type": "session", "session": session}
                elif kind == "prompt":
                    for row in db.execute(
                        "SELECT prompts.*, sessions.id AS sid FROM prompts JOIN sessions"
                        " ON sessions.num = session WHERE prompts.id = ? AND gone = 0",
                        (id,),
                    ):
                        found[(kind, id)] = {
                            "type": "prompt",
                            "prompt": prompt_json(row, row["sid"]),
                        }
            return found

        stored = await self.store.read(job)
        out = []
        for kind, id in keys:
            if (kind, id) in stored:
                out.append(stored[(kind, id)])
            elif kind == "session_removed":
                out.append({"type": kind, "id": id})
            elif kind == "progress":
                machine, _, session = id.partition("\n")
                about = {"session": session} if session else {}
                text = self._doing.get(id, "")
                out.append({"type": kind, "machine": machine, **about, "text": text})
            elif kind == "machine":
                try:
                    out.append({"type": "machine", "machine": self.machines.get(id).to_json()})
                except CodecastError:
                    out.append({"type": "machine_removed", "name": id})
        return out


def _about(machine: str, session: str) -> str:
    return f"{machine}\n{session}"


def _unfinished(db: sqlite3.Connection) -> list[str]:
    """Machines with sessions that have not ended, or with something to be done on them."""
    found = db.execute(
        "SELECT DISTINCT machine FROM sessions WHERE gone = 1 OR (gone = 0 AND error IS NULL AND"
        " (coalesce(json_extract(state, '$.process'), 'starting') IN ('starting', 'ready')"
        " OR num IN (SELECT session FROM prompts WHERE state = 'stored')))"
    )
    return [row[0] for row in found]


def _counts(db: sqlite3.Connection) -> dict[str, int]:
    """Sessions a machine."""
    found = db.execute("SELECT machine, count(*) FROM sessions WHERE gone = 0 GROUP BY machine")
    return {row[0]: row[1] for row in found}


def _purging(db: sqlite3.Connection) -> list[int]:
    return [row[0] for row in db.execute("SELECT num FROM sessions WHERE gone = 2")]


def _ids_of(db: sqlite3.Connection, machine: str) -> list[str]:
    found = db.execute("SELECT id FROM sessions WHERE machine = ? AND gone = 0", (machine,))
    return [row[0] for row in found]


def _versions(db: sqlite3.Connection) -> dict[int, tuple[str, int]]:
    found = db.execute("SELECT num, id, version FROM sessions WHERE gone = 0")
    return {row[0]: (row[1], row[2]) for row in found}
