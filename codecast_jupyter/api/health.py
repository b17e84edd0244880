"""Is it there, what is it, and what does it understand."""

from __future__ import annotations

import time

from codecast_agent.protocol.wire import PROTOCOL

from .. import __version__
from . import spec
from .auth import permit
from .base import ResourceHandler

STARTED = "codecast_started"  # key of the settings: when, by time.monotonic()


class HealthHandler(ResourceHandler):
    @permit("read")
    async def get(self) -> None:
        self.query()
        machines = self.hub.machines
        problems = [machines.config_error] if machines.config_error else []
        self.answer(
            {
                "version": __version__,
                "protocol": PROTOCOL,
                "sessions": len(await self.hub.sessions.list()),
                "machines": len(machines.list()),
                "uptime": round(time.monotonic() - self.settings[STARTED], 3),
                "problems": [problem.to_json() for problem in problems],
            }
        )


class OpenApiHandler(ResourceHandler):
    @permit("read")
    async def get(self) -> None:
        self.query()
        self.finish(spec.FILE.read_bytes(), set_content_type="application/yaml")
