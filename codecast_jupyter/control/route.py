"""The ways to a machine: a process here, asyncssh, or the `ssh` program as the pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from codecast_agent.protocol.errors import CodecastError

from . import bootstrap, openssh, ssh, ssh_options
from .link import Link
from .pipes import ExecPipe, Pipe, ProcessPipe
from .ssh_config import Overrides, Resolved, resolve
from .ssh_keys import Ask

Progress = Callable[[str], None]

# What the Jupyter server was given for itself is not for the CLIs it starts.
SERVER_ONLY = ("JUPYTER_TOKEN", "JUPYTERHUB_", "JPY_", "JUPYTER_SERVER_")

# Of a new attempt after a loss: a lost SYN is repeated ever more slowly, a fresh one is not.
TCP_TIMEOUT_AGAIN = 3.0  # seconds


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
    pipe: str = ""  # asyncssh or openssh: what the last attempt took
    why: str = ""  # the options that made it openssh

    async def resolve(self) -> Resolved:
        """Raises CodecastError `bad_request`."""
        self.resolved = await resolve(self.name, self.context.config, self.overrides)
        return self.resolved

    async def open(self, ask: Ask, progress: Progress, again: bool) -> Link:
        resolved = await self.resolve()
        if self.mode == "openssh":
            return await self._through_openssh(resolved, progress, "codecast.yaml says so")
        try:
            self.pipe, self.why = "asyncssh", ""
            return await self._through_asyncssh(resolved, ask, progress, again)
        except ssh_options.Unsupported as error:
            if self.mode == "asyncssh":
                raise
            return await self._through_openssh(resolved, progress, error.message)
        except CodecastError as error:
            reasons = ssh_options.would_help(resolved, error)
            if self.mode == "asyncssh" or not reasons:
                raise
            why = "; ".join(str(reason) for reason in reasons)
            try:
                return await self._through_openssh(resolved, progress, why)
            except CodecastError as second:
                error.detail = "\n".join(
                    filter(None, [error.detail, f"Tried with `ssh` too ({why}): {second.message}"])
                )
                raise error from None

    async def _through_asyncssh(
        self, resolved: Resolved, ask: Ask, progress: Progress, again: bool
    ) -> Link:
        progress(f"connecting to {resolved.hostname}")
        timeout = TCP_TIMEOUT_AGAIN if again else None
        made = await ssh.connect(resolved, self.context, ask, timeout)
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
            await made.ended()
            raise
        made.settled()
        link.carries(made.abort, made.ended)
        return link

    async def _through_openssh(self, resolved: Resolved, progress: Progress, why: str) -> Link:
        self.pipe, self.why = "openssh", why
        hops = await ssh.hops(resolved, self.context)
        for hop in hops:
            try:
                await openssh.check_hop(hop)
            except CodecastError as error:
                raise ssh.at_hop(error, hop, resolved) from None
        progress(f"connecting to {resolved.hostname} with `ssh`")
        try:
            booted = await bootstrap.boot(
                lambda: openssh.pipe(resolved), python=self.python, progress=progress
            )
        except CodecastError as error:
            if error.code == "unknown_host_key":
                raise await openssh.offered_key(resolved, error) from None
            changed = openssh.changed_at(hops, error)
            if changed is not None:
                again = openssh.explain(changed, 255, error.detail)
                raise ssh.at_hop(again or error, changed, resolved) from None
            raise
        return await Link.open(booted, self.hub)
