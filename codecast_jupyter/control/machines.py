"""The machines a person has: `local`, every concrete host of their ssh config, and those of
codecast.yaml, which may also say more of one of the others.

The files are read again when they change; a machine whose settings changed keeps its link
until it is connected anew. A mistake in codecast.yaml leaves the last good reading in force
and is told (`config_error`).

Where a host of the ssh config leads is `ssh -G`'s to say, a process each: asked in the
background after every reading, so that no listing waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from codecast_agent.protocol.budget import LIMITS
from codecast_agent.protocol.errors import CodecastError

from . import config, ssh
from .config import MachineConfig
from .connection import Connection
from .link import Link
from .route import LocalRoute, SshRoute
from .ssh_config import Hosts, Overrides, concrete_hosts, default_path

LOCAL = "local"
WATCH_EVERY = 2.0  # seconds between looks at the files
LOOK_UPS = 4  # `ssh -G` at once


class MachineObserver(Protocol):
    """Who wants to know of machines."""

    async def link_up(self, machine: Machine, link: Link) -> None: ...
    async def link_down(self, machine: Machine, error: CodecastError) -> None: ...
    def machine_changed(self, machine: Machine) -> None: ...
    def session_changed(self, machine: Machine, params: dict[str, Any]) -> None: ...


class Machine:
    """One machine and its connection. Made by `Machines` alone."""

    def __init__(
        self,
        name: str,
        source: str,
        settings: MachineConfig,
        owner: Machines,
    ) -> None:
        self.name = name
        self.source = source
        self.settings = settings
        self._owner = owner
        self.route = owner._route(name, settings)
        self.connection = Connection(name, self.route, _Listener(self, owner))

    @property
    def kind(self) -> str:
        return "local" if self.name == LOCAL else "ssh"

    @property
    def current(self) -> Link | None:
        """The living link, if there is one."""
        return self.connection.current

    @property
    def state(self) -> str:
        return self.connection.state

    @property
    def error(self) -> CodecastError | None:
        return self.connection.error

    async def link(self, timeout: float = 60) -> Link:
        """The link, made if need be; `timeout` in seconds. Raises CodecastError with the reason."""
        return await self.connection.link(timeout)

    def keep(self, wanted: bool) -> None:
        """A wanted machine is connected and reconnected without anybody asking."""
        self.connection.keep(wanted)

    async def connect(self) -> None:
        """Ask for a connection and wait for the first outcome, told by `state` and `error`."""
        await self.connection.connect()

    async def disconnect(self) -> None:
        await self.connection.disconnect()

    async def accept_host_key(self, fingerprint: str) -> None:
        """Raises CodecastError `conflict` when that key was not offered."""
        await self.connection.accept_host_key(fingerprint)

    async def give_secret(self, prompt: str, value: str) -> None:
        """The answer to `error.data["prompt"]`."""
        await self.connection.give_secret(prompt, value)

    def _budget(self) -> dict[str, Any]:
        limits = {name: getattr(self.settings, name) for name in LIMITS}
        found = {name: limit for name, limit in limits.items() if limit is not None}
        return {"budget": found} if found else {}

    def to_json(self) -> dict[str, Any]:
        """The API's Machine."""
        connection, settings = self.connection, self.settings
        resolved = self.route.resolved if isinstance(self.route, SshRoute) else None
        out: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "source": self.source,
            "host": resolved.hostname if resolved else settings.host,
            "user": resolved.user if resolved else settings.user,
            "port": resolved.port if resolved else settings.port,
            "state": connection.state,
            "since": connection.since,
            "sessions": self._owner.count_sessions(self.name),
            "defaults": {
                "cli": settings.cli,
                "mode": settings.mode,
                "model": settings.model,
                "directories": settings.directories,
                **self._budget(),
            },
            "hidden": settings.hidden,
        }
        if isinstance(self.route, SshRoute) and self.route.pipe:
            out["pipe"] = self.route.pipe
            if self.route.why:
                out["pipe_why"] = self.route.why
        if connection.error is not None:
            out["error"] = connection.error.to_json()
        if connection.progress:
            out["progress"] = connection.progress
        link = connection.current
        if link is not None:
            out["hello"] = link.hello
            if link.latency is not None:
                out["latency_ms"] = round(link.latency * 1000, 2)
        return out


class _Listener:
    """Tells the observers what a connection tells us."""

    def __init__(self, machine: Machine, owner: Machines) -> None:
        self._machine = machine
        self._owner = owner

    def state_changed(self) -> None:
        for observer in self._owner.observers:
            observer.machine_changed(self._machine)

    async def link_up(self, link: Link) -> None:
        for observer in list(self._owner.observers):
            # The next one must hear of it even when this one could not use the link.
            with contextlib.suppress(CodecastError):
                await observer.link_up(self._machine, link)

    async def link_down(self, error: CodecastError) -> None:
        for observer in list(self._owner.observers):
            with contextlib.suppress(CodecastError):
                await observer.link_down(self._machine, error)

    def notified(self, method: str, params: dict[str, Any]) -> None:
        if method == "session/changed":
            for observer in self._owner.observers:
                observer.session_changed(self._machine, params)
        elif method == "progress":
            self._owner.on_progress(self._machine.name, params)


class Machines:
    """All of them. `observers` is a plain list to append to.

    `count_sessions(machine)` and `on_progress(machine, params)` are set by whoever knows
    sessions. `ssh_config` None means OpenSSH's own default file.
    """

    def __init__(
        self,
        config_path: Path,
        ssh_config: Path | None,
        hub_id: str,
        *,
        local_python: str | None = None,
    ) -> None:
        self.config_path = config_path
        self.observers: list[MachineObserver] = []
        self.count_sessions: Callable[[str], int] = lambda machine: 0
        self.on_progress: Callable[[str, dict[str, Any]], None] = lambda machine, params: None
        self.config = config.Config()
        self.config_error: CodecastError | None = None
        self._ssh_config = ssh_config
        self._hub = hub_id
        self._local_python = local_python
        self._context = ssh.Context(ssh_config)
        self._machines: dict[str, Machine] = {}
        self._hosts = Hosts()
        self._stamp: Any = None
        self._watcher: asyncio.Task[None] | None = None
        self._unresolved: dict[str, None] = {}  # in the order of the list
        self._resolver: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._refresh()

    def list(self) -> list[Machine]:
        """`local` first, then in the files' order; hidden ones too."""
        self._refresh()
        return [*self._machines.values()]

    def get(self, name: str) -> Machine:
        """Raises CodecastError `not_found` that names the nearest one."""
        self._refresh()
        machine = self._machines.get(name)
        if machine is None:
            near = difflib.get_close_matches(name, self._machines, 1, 0.5)
            hint = f"Did you mean `{near[0]}`? " if near else ""
            raise CodecastError(
                "not_found",
                f"There is no machine {name!r}.",
                f"{hint}Add it to your ssh config or to {self.config_path}.",
                data={"nearest": near[0]} if near else None,
            )
        return machine

    def put(self, name: str, values: dict[str, Any]) -> Machine:
        """Write settings of a machine to codecast.yaml (None removes a key) and use them."""
        config.put_machine(self.config_path, name, values)
        self._refresh(force=True)
        return self.get(name)

    def remove(self, name: str) -> None:
        """Take a machine out of codecast.yaml. Raises CodecastError where it is not from there."""
        machine = self.get(name)
        if not config.remove_machine(self.config_path, name):
            where = "is built in" if name == LOCAL else f"comes from {machine.source}"
            raise CodecastError(
                "conflict",
                f"{name} {where} and cannot be removed here.",
                "Hide it instead (`hidden: true`), or remove it there.",
            )
        self._refresh(force=True)

    async def close(self) -> None:
        """End all links. What runs on the machines goes on."""
        for task in (self._watcher, self._resolver):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        machines = list(self._machines.values())
        await asyncio.gather(*(machine.connection.close() for machine in machines))
        await asyncio.gather(*self._closing, return_exceptions=True)

    # reading

    def _ssh_path(self) -> Path:
        return self._ssh_config or default_path()

    def _stamps(self) -> Any:
        stamps = []
        for path in [self.config_path, *sorted(self._hosts.watched)]:
            try:
                status = path.stat()
                stamps.append((str(path), status.st_mtime_ns, status.st_size, status.st_ino))
            except OSError:
                stamps.append((str(path), 0, 0, 0))
        return stamps

    def _refresh(self, force: bool = False) -> None:
        """Read the files again if they changed."""
        self._watch()
        if self._stamps() == self._stamp and not force:
            self._look_up()
            return
        self._hosts = concrete_hosts(self._ssh_path())
        self._stamp = self._stamps()
        try:
            self.config = config.load(self.config_path)
            self.config_error = None
        except CodecastError as error:
            self.config_error = error
        wanted: dict[str, tuple[str, MachineConfig]] = {
            LOCAL: ("built-in", self.config.machines.get(LOCAL, MachineConfig()))
        }
        for name in self._hosts.names:
            wanted.setdefault(name, ("ssh_config", self.config.machines.get(name, MachineConfig())))
        for name, settings in self.config.machines.items():
            wanted.setdefault(name, ("codecast.yaml", settings))
        self._replace(wanted)
        self._unresolved = dict.fromkeys(name for name in wanted if name != LOCAL)
        self._look_up()

    def _look_up(self) -> None:
        """Ask where the hosts lead, as soon as there is a loop to do it in."""
        if self._unresolved and (self._resolver is None or self._resolver.done()):
            with contextlib.suppress(RuntimeError):
                loop = asyncio.get_running_loop()
                self._resolver = loop.create_task(self._resolve_all())

    async def _resolve_all(self) -> None:
        await asyncio.gather(*(self._resolve_some() for _ in range(LOOK_UPS)))

    async def _resolve_some(self) -> None:
        while self._unresolved:
            name = next(iter(self._unresolved))
            del self._unresolved[name]
            machine = self._machines.get(name)
            if machine is None or not isinstance(machine.route, SshRoute):
                continue
            before = machine.route.resolved
            with contextlib.suppress(CodecastError):  # told when somebody connects
                if await machine.route.resolve() != before:
                    self._changed(machine)

    def _replace(self, wanted: dict[str, tuple[str, MachineConfig]]) -> None:
        old, self._machines = self._machines, {}
        for name, (source, settings) in wanted.items():
            machine = old.pop(name, None)
            if machine is None:
                machine = Machine(name, source, settings, self)
                self._machines[name] = machine
                self._changed(machine)
                continue
            self._machines[name] = machine
            if (machine.source, machine.settings) != (source, settings):
                machine.source, machine.settings = source, settings
                machine.route = self._route(name, settings)
                machine.connection.route = machine.route
                self._changed(machine)
        for machine in old.values():
            with contextlib.suppress(RuntimeError):  # no loop: nothing can be connected either
                task = asyncio.get_running_loop().create_task(machine.connection.close())
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

    def _changed(self, machine: Machine) -> None:
        for observer in self.observers:
            observer.machine_changed(machine)

    def _route(self, name: str, settings: MachineConfig) -> LocalRoute | SshRoute:
        if name == LOCAL:
            return LocalRoute(self._hub, settings.python or self._local_python)
        overrides = Overrides(
            settings.host,
            settings.user,
            settings.port,
            settings.identity_file,
            settings.proxy_jump,
        )
        return SshRoute(name, self._hub, self._context, overrides, settings.ssh, settings.python)

    def _watch(self) -> None:
        """Look at the files from time to time, as soon as there is a loop to do it in."""
        if self._watcher is not None:
            return
        with contextlib.suppress(RuntimeError):
            self._watcher = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(WATCH_EVERY)
            self._refresh()
