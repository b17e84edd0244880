"""A session's transcript as a file: a notebook, Markdown or JSON."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

from ..commands.export import written
from .auth import permit
from .base import ResourceHandler, closing

TYPES = {
    "ipynb": "application/x-ipynb+json",
    "md": "text/markdown; charset=utf-8",
    "json": "application/json",
}


class ExportHandler(ResourceHandler):
    @permit("read")
    async def get(self, session: str) -> None:
        kind = self.query().get("format", "ipynb")
        found = await self.hub.sessions.get(session)
        events = await self._events(found["id"], found["last_seq"])
        text = await asyncio.to_thread(written, kind, found, events)
        name = f"{found['name']}.{kind}"
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(name)}")
        self.set_header("Cache-Control", "no-store")
        self.clear_header("Etag")
        self.finish(text, set_content_type=TYPES[kind])

    async def _events(self, session: str, last: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        if not last:
            return found
        async with closing(self.hub.feed.subscribe_rows(session, 0)) as batches:
            async for rows in batches:
                found += [json.loads(row.text()) for row in rows]
                if found[-1]["seq"] >= last:
                    break
        return found
