"""A Jupyter server extension that measures its event loop's lag.

A ticker asks to be called every 2 ms and notes how late it is. `GET /bench/lag` answers
`{lags: [ms], seconds}` since the last time it was asked.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

EVERY = 0.002  # seconds


class Ticker:
    def __init__(self) -> None:
        self._lags: list[float] = []
        self._since = time.monotonic()
        self._due = 0.0

    def start(self) -> None:
        self._due = time.monotonic() + EVERY
        asyncio.get_running_loop().call_at(self._due, self._tick)

    def _tick(self) -> None:
        self._lags.append((time.monotonic() - self._due) * 1e3)
        self.start()

    def take(self) -> dict[str, Any]:
        lags, self._lags = self._lags, []
        since, self._since = self._since, time.monotonic()
        return {"lags": lags, "seconds": self._since - since}


class LagHandler(JupyterHandler):
    ticker = Ticker()

    @web.authenticated
    async def get(self) -> None:
        self.finish(json.dumps(self.ticker.take()))


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "tests.bench.probe"}]


def _load_jupyter_server_extension(app: Any) -> None:
    route = url_path_join(app.web_app.settings["base_url"], "/bench/lag")
    app.web_app.add_handlers(".*$", [(route, LagHandler)])
    app.io_loop.add_callback(LagHandler.ticker.start)
