"""Files of machines, for people: what an agent offers, and its download.

Which directories are open is said by the session (its own, its attachments) and by codecast.yaml
(`files: roots`); the machine judges it. `files: rules` say what of that is shown, by pattern and
size; the first that fits decides. One piece is under way at a time on a machine, and as large
as comes within a moment (`Stride`), so that events hardly notice.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncGenerator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from codecast_agent.protocol.errors import CodecastError

from . import mentions
from .config import FileRule
from .rows import Found

if TYPE_CHECKING:
    from .hub import Hub

PIECE, LARGEST = 256 << 10, 8 << 20  # bytes of a piece, at first and at most
MOMENT = 0.15  # seconds that a piece may take on its way
GET_LIMIT = 75.0  # seconds without a sign of a piece
PATIENCE = 90.0  # seconds for a lost link to come back


class Download(NamedTuple):
    """`path` is where it really lies; `pieces` must be read to its end or closed."""

    path: str
    size: int
    mtime: float
    pieces: AsyncGenerator[bytes, None]


class Stride:
    """How large the next piece may be: what the line carries in a MOMENT."""

    def __init__(self) -> None:
        self.size = PIECE

    def took(self, size: int, seconds: float) -> None:
        """A piece's way."""
        if seconds > 2 * MOMENT:
            self.size = max(self.size // 2, PIECE)
        elif seconds < MOMENT and size >= self.size:
            self.size = min(self.size * 2, LARGEST)


class Files:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._turns: dict[str, asyncio.Lock] = {}

    def turn(self, machine: str) -> asyncio.Lock:
        """One piece at a time, either way."""
        return self._turns.setdefault(machine, asyncio.Lock())

    async def open(self, session: str, path: str) -> Download:
        """Raises CodecastError: `not_found`, `forbidden`, `bad_request`, `too_large`, or what
        keeps the machine away."""
        if not path or "\0" in path:
            raise CodecastError("bad_request", "A file is named by its path.")
        found = await self._hub.sessions.find(session)
        stride = Stride()
        first = await self._get(found, path, 0, stride)
        rule = self.rule(path, first)
        if rule.offer == "never":
            raise CodecastError(
                "forbidden",
                f"{path} is not given out.",
                f"The rule `{rule.pattern}` in {self._hub.config_path} says so.",
            )
        if rule.max_size is not None and first["size"] > rule.max_size:
            raise CodecastError(
                "too_large",
                f"{path} has {first['size']} bytes; {rule.max_size} are given out.",
                f"The rule `{rule.pattern}` in {self._hub.config_path} says so.",
            )
        pieces = self._pieces(found, path, first, stride)
        return Download(first["path"], first["size"], first["mtime"], pieces)

    async def _pieces(
        self, found: Found, path: str, first: dict[str, Any], stride: Stride
    ) -> AsyncGenerator[bytes, None]:
        """The bytes the file had when it was opened. Raises CodecastError("conflict") when it
        became another one meanwhile."""
        piece, at = first, 0
        while True:
            for data in piece["data"]:
                if at < first["size"]:
                    yield data[: first["size"] - at]
                at += len(data)
            if at >= first["size"]:
                return
            piece = await self._get(found, path, at, stride)
            same = piece["id"] == first["id"]
            grew = piece["size"] > first["size"]  # a log that is written on
            if not same or not piece["data"] or not (piece["mtime"] == first["mtime"] or grew):
                raise CodecastError(
                    "conflict", f"{path} was changed while it was read.", "Get it once more."
                )

    async def _get(self, found: Found, path: str, offset: int, stride: Stride) -> dict[str, Any]:
        """A piece, its `data` as bytes in the parts they came in."""
        params = self._params(found, {"path": path, "offset": offset, "length": stride.size})

        async def call(link: Any) -> dict[str, Any]:
            data: list[bytes]
            async with self.turn(found.machine):
                begin = time.monotonic()
                answer, data = await link.fetch("file/get", params, GET_LIMIT)
                stride.took(sum(map(len, data)), time.monotonic() - begin)
                if answer.get("data"):  # a relay that does not know of channels
                    data = [base64.b64decode(answer["data"])]
                return {**answer, "data": data}

        piece: dict[str, Any] = await self._hub.sessions.over_link(found.machine, call, PATIENCE)
        return piece

    async def _ask(self, method: str, found: Found, params: dict[str, Any]) -> Any:
        params = self._params(found, params)

        async def call(link: Any) -> Any:
            async with self.turn(found.machine):
                return await link.call(method, params, timeout=GET_LIMIT)

        return await self._hub.sessions.over_link(found.machine, call, PATIENCE)

    def _params(self, found: Found, params: dict[str, Any]) -> dict[str, Any]:
        roots = self._hub.machines.config.files.roots
        return {"session": found.id, "roots": roots, **params}

    async def offered(self, session: str) -> list[dict[str, Any]]:
        """Files the agent named or touched, which exist and may be fetched, the newest first:
        `[{path, name, size, mtime, offer}]`."""
        found = await self._hub.sessions.find(session)
        names = await self._hub.store.read(lambda db: mentions.in_events(db, found.num))
        if not names:
            return []
        there = await self._ask("file/stat", found, {"paths": names})
        offered = []
        for each in there:
            rule = self.rule(each["name"], each)
            small = rule.max_size is None or each["size"] <= rule.max_size
            if rule.offer != "never" and small:
                shown = {key: each[key] for key in ("path", "name", "size", "mtime")}
                offered.append({**shown, "offer": rule.offer})
        return offered

    def rule(self, asked: str, about: dict[str, Any]) -> FileRule:
        """The first that fits what the file is called or where it really lies."""
        every = {asked.removeprefix("file://").removeprefix("./"), about["path"]}
        every |= {about["relative"]} if "relative" in about else set()
        for rule in self._hub.machines.config.files.rules:
            for path in every:
                name = path if "/" in rule.pattern else path.rpartition("/")[2]
                if fnmatchcase(name, rule.pattern):
                    return rule
        return FileRule("*")
