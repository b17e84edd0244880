"""A session's files for an editor: listed, saved, made, renamed, deleted, compared.

What may be fetched (`files.py`) may be changed, by the same directories and rules; the
machine judges where things lie. Large files go in pieces, which a lost link does not cost
twice; the last step is one rename on the machine.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from typing import TYPE_CHECKING, Any

from codecast_agent.protocol.errors import CodecastError

from . import attachments
from .files import GET_LIMIT, PATIENCE, PIECE
from .rows import Found

if TYPE_CHECKING:
    from .hub import Hub

LARGEST = 64 << 20  # bytes of a file that is saved
Json = dict[str, Any]


class Editing:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def tree(self, session: str, path: str) -> Json:
        """`{name, path, kind, size, mtime, writable, entries?, left_out?}`.

        Raises CodecastError: `not_found`, `forbidden`, or what keeps the machine away.
        """
        found = await self._hub.sessions.find(session)
        listed: Json = await self._ask("file/list", found, {"path": path or "."})
        return listed

    async def save(self, session: str, path: str, data: bytes, **known: float | None) -> Json:
        """Write a file whole. With `mtime` it must be the one of that time, or (None) not be yet.

        Raises CodecastError, `conflict` and `too_large` among them.
        """
        if len(data) > LARGEST:
            raise CodecastError(
                "too_large",
                f"{path} has {len(data) >> 20} MiB; {LARGEST >> 20} can be saved.",
                "Copy it to the machine in another way.",
            )
        found = await self._allowed(session, path)
        try:  # it may be a link to what is not given out
            self._check_rules(path, await self._ask("file/list", found, {"path": path}))
        except CodecastError as error:
            if error.code != "not_found":
                raise
        params: Json = {"path": path, **known}
        if len(data) <= PIECE:
            params["data"] = base64.b64encode(data).decode("ascii")
        else:
            params["upload"] = await self._upload(found, data)
        saved: Json = await self._ask("file/save", found, params)
        return saved

    async def _upload(self, found: Found, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        about: Json = {"session": found.id, "name": f"saving-{uuid.uuid4()}"}
        about |= {"size": len(data), "sha256": digest}

        async def read(offset: int) -> bytes:
            return data[offset : offset + PIECE]

        async def send(link: Any) -> str:
            return await attachments.bring(link, self._hub.files.turn(found.machine), about, read)

        return await self._hub.sessions.over_link(found.machine, send, PATIENCE)

    async def make(self, session: str, path: str, kind: str) -> Json:
        """A new directory, or an empty file. Raises CodecastError, `conflict` among them."""
        return await self._change("file/make", session, path, kind=kind)

    async def rename(self, session: str, path: str, to: str) -> Json:
        """Raises CodecastError, `conflict` where something is called so already."""
        await self._allowed(session, to)
        return await self._change("file/rename", session, path, to=to)

    async def delete(self, session: str, path: str) -> None:
        """A file, or a directory with nothing in it. Raises CodecastError."""
        await self._change("file/delete", session, path)

    async def changes(self, session: str) -> Json:
        """What git tells of the session's directory, see docs/protocol.md."""
        found = await self._hub.sessions.find(session)
        told: Json = await self._ask("changes/list", found, {})
        return told

    async def diff(self, session: str, path: str, before: str | None = None) -> Json:
        """`{path, diff, binary?, cut?}` of one file. Raises CodecastError."""
        found = await self._allowed(session, path)
        params = {"path": path, **({"from": before} if before else {})}
        told: Json = await self._ask("changes/diff", found, params)
        return told

    async def _change(self, method: str, session: str, path: str, **more: str) -> Json:
        """Not repeated over a new link: nobody knows whether it was done."""
        found = await self._allowed(session, path)
        params = {"session": found.id, "roots": self._roots(), "path": path, **more}
        link = await self._hub.machines.get(found.machine).link()
        changed: Json = await link.call(method, params, timeout=GET_LIMIT)
        return changed

    async def _allowed(self, session: str, path: str) -> Found:
        """The session. Raises CodecastError("forbidden") where the rules say never."""
        if not path or "\0" in path:
            raise CodecastError("bad_request", "A file is named by its path.")
        found = await self._hub.sessions.find(session)
        self._check_rules(path, {"path": path})
        return found

    def _check_rules(self, path: str, about: Json) -> None:
        rule = self._hub.files.rule(path, about)
        if rule.offer == "never":
            raise CodecastError(
                "forbidden",
                f"{path} is not given out.",
                f"The rule `{rule.pattern}` in {self._hub.config_path} says so.",
            )

    async def _ask(self, method: str, found: Found, params: Json) -> Any:
        params = {"session": found.id, "roots": self._roots(), **params}

        async def call(link: Any) -> Any:
            return await link.call(method, params, timeout=GET_LIMIT)

        return await self._hub.sessions.over_link(found.machine, call, PATIENCE)

    def _roots(self) -> list[str]:
        roots: list[str] = self._hub.machines.config.files.roots
        return roots
