"""The server extension: settings and wiring, nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_core.paths import jupyter_config_dir, jupyter_data_dir, secure_write
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp
from traitlets import Bool, Unicode, default

from .api import HANDLERS, lifecycle
from .api.auth import FAILED, HUB, KERNEL_TOKEN, READY
from .api.base import as_problem
from .api.health import STARTED
from .control.hub import Hub

if TYPE_CHECKING:
    from jupyter_events import EventLogger

CONNECTION_FILE = "CODECAST_CONNECTION_FILE"  # environment: kernels inherit where we are


class CodecastApp(ExtensionApp):
    """Coding-agent sessions on machines, inside Jupyter."""

    name = "codecast_jupyter"
    app_name = "Codecast"
    description = "Coding-agent sessions on machines, inside Jupyter."
    load_other_extensions = True

    # `config_file`, the natural name, is Jupyter's own: the file of `jupyter lab --config`.
    machines_file = Unicode(
        help="The file that names machines beside those of the ssh config: codecast.yaml."
    ).tag(config=True)
    data_dir = Unicode(help="Where the store of sessions lives; ours alone (0700).").tag(
        config=True
    )
    ssh_config = Unicode(
        "", help="The ssh config whose hosts are machines; empty: the person's own."
    ).tag(config=True)
    kernel_access = Bool(
        True,
        help="Write a connection file, so that kernels and shells of this user find the API.",
    ).tag(config=True)

    hub: Hub
    _lifecycle: asyncio.Task[None] | None = None
    _file: Path | None = None

    @default("machines_file")
    def _default_machines_file(self) -> str:
        return str(Path(jupyter_config_dir(), "codecast.yaml"))

    @default("data_dir")
    def _default_data_dir(self) -> str:
        return str(Path(jupyter_data_dir(), "codecast"))

    @property
    def _server(self) -> ServerApp:
        assert self.serverapp is not None
        return self.serverapp

    @property
    def _events(self) -> EventLogger:
        assert self._server.event_logger is not None
        return self._server.event_logger

    def initialize_settings(self) -> None:
        self.hub = self.make_hub()
        self.settings[HUB] = self.hub
        self.settings[READY] = asyncio.Event()
        self.settings[STARTED] = time.monotonic()
        # a server with a password and no token still has to let kernels in
        if self.kernel_access and not self._server.identity_provider.token:
            self.settings[KERNEL_TOKEN] = secrets.token_urlsafe(32)
        lifecycle.register(self._events)

    def make_hub(self) -> Hub:
        return Hub(
            Path(self.machines_file).expanduser(),
            Path(self.data_dir).expanduser(),
            Path(self.ssh_config).expanduser() if self.ssh_config else None,
        )

    def initialize_handlers(self) -> None:
        self.handlers.extend(HANDLERS)

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        settings = serverapp.web_app.settings
        try:
            await self.hub.start()
        except Exception as error:  # every answer will tell it, and the server works on
            self.log.exception("codecast could not start")
            settings[FAILED] = as_problem(500, error)
        else:
            life = lifecycle.Lifecycle(self.hub, self._emit, settings["last_activity_times"])
            self._lifecycle = asyncio.create_task(life.run())
        settings[READY].set()
        if self.kernel_access:
            self._write_connection_file(serverapp)

    def _write_connection_file(self, serverapp: ServerApp) -> None:
        path = Path(serverapp.runtime_dir, f"codecast-{os.getpid()}.json")
        info = {
            "url": serverapp.connection_url,
            "token": self.settings.get(KERNEL_TOKEN) or serverapp.identity_provider.token,
            "pid": os.getpid(),
            "root_dir": serverapp.root_dir,
        }
        with secure_write(str(path)) as file:
            json.dump(info, file)
        self._file = path
        os.environ[CONNECTION_FILE] = str(path)

    def _emit(self, schema: str, data: dict[str, Any]) -> None:
        self._events.emit(schema_id=schema, data=data)

    async def stop_extension(self) -> None:
        if self._file is not None:
            self._file.unlink(missing_ok=True)
            if os.environ.get(CONNECTION_FILE) == str(self._file):
                del os.environ[CONNECTION_FILE]
        if self._lifecycle is not None:
            self._lifecycle.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._lifecycle
            await self.hub.close()
