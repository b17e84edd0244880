"""Names of people: Lark's events tell only ids."""

from __future__ import annotations

import asyncio
import contextlib

from codecast_jupyter.waiting import within

from ..recent import Recent
from .contract import MissingPermission, Person, PlatformError
from .lark_http import Http

KEEP = 1000
PATIENCE = 1.5  # seconds that words wait for a name


class People:
    """`person` may ask the platform, `known` never waits."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._names: Recent[str, str] = Recent(KEEP)
        self._allowed = True

    def known(self, id: str) -> Person:
        return Person(id, self._names.get(id, id))

    async def person(self, id: str) -> Person:
        if id not in self._names and self._allowed:
            with contextlib.suppress(PlatformError, asyncio.TimeoutError):
                name = await within(self._name(id), PATIENCE)
                self._names[id] = name or id
        return self.known(id)

    async def _name(self, id: str) -> str:
        try:
            found = await self._http.call(
                "GET", f"/contact/v3/users/{id}", params={"user_id_type": "open_id"}
            )
        except MissingPermission:
            self._allowed = False  # it was not granted: ids are shown
            raise
        return str(found["data"]["user"].get("name") or "")
