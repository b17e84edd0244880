"""The ways to a machine: a process here, asyncssh, or the `ssh` program as the pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from . import bootstrap, ssh
from .link import Link
from .pipes import ExecPipe, Pipe, ProcessPipe
from .ssh_config import Overrides, Resolved, resolve
from .ssh_keys import Ask

Progress = Callable[[str], None]

# What the Jupyter server was given for itself is not for the CLIs it starts.
SERVER_ONLY = ("JUPYTER_TOKEN", "JUPYTERHUB_", "JPY_", "JUPYTER_SERVER_")


@dataclass
class LocalRoute:
    """The machine the server runs on: the same agent, started by a shell."""

    hub: str
    python: str | None = None

    async def open(self, ask: Ask, progress: Progress, again: bool) -> Link:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(SERVER_ONLY)
        }

        def pipe() -> Pipe:
            return ProcessPipe(["/bin/sh", "-c"], environment)

        booted = await bootstrap.boot(pipe, python=self.python or sys.executable, progress=progress)
        return await Link.open(booted, self.hub)


@dataclass
class SshRoute:
    """A machine behind SSH. `mode` is auto, asyncssh or openssh."""

    name: str
    hub: str
    context: ssh.Context
    overrides: Overrides = field(default_factory=Overrides)
    mode: str = "auto"
    python: str | None = None
    resolved: Resolved | None = None  # of the last attempt

    async def open(self, ask: Ask, progress: Progress, again: bool) -> Link:
        self.resolved = await resolve(self.name, self.context.config, self.overrides)
        return await self._through_asyncssh(self.resolved, ask, progress)

    async def _through_asyncssh(self, resolved: Resolved, ask: Ask, progress: Progress) -> Link:
        progress(f"connecting to {resolved.hostname}")
        made = await ssh.connect(resolved, self.context, ask)
        try:
            progress("starting our agent")
            booted = await bootstrap.boot(
                lambda: ExecPipe(made.connection, made.environment),
                python=self.python,
                progress=progress,
            )
            link = await Link.open(booted, self.hub)
        except BaseException:
            made.abort()
            raise
        made.settled()
        link.add_closer(made.abort)
        return link
