"""Files that people send with prompts.

    DATA/attachments/<session>/<SHA-256>/<name>

A file is kept here first: its machine may be away. It goes with the first prompt that names
it, by `attachment:<8 digits>/<name>`, in pieces that a lost link does not cost twice, and is
deleted here once the machine has the prompt. What is not here any more is there already.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import mimetypes
import re
import shutil
import sqlite3
import time
import unicodedata
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from codecast_agent.protocol.errors import CodecastError

from . import rows
from .incoming import INLINE, Incoming, forget_old
from .prompts import Content

if TYPE_CHECKING:
    from .hub import Hub

SCHEME = "attachment:"
LARGEST = 64 << 20  # bytes; the machine's limit too
IMAGE = 5 * (1 << 20) * 3 // 4  # bytes: 5 MiB as base64 is what model APIs take of one image
PIECE = 256 << 10  # bytes of one call
PUT_LIMIT = 90.0  # seconds for one piece
STUCK = 20  # answers that get no further
KEPT = 7 * 86400.0  # seconds that a file waits for a prompt that names it
_IMAGES = (
    ("image/png", rb"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", rb"\xff\xd8\xff"),
    ("image/gif", rb"GIF8[79]a"),
    ("image/webp", rb"RIFF....WEBP"),
)


class _File(NamedTuple):
    path: Path
    hash: str
    size: int


class Attachments:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._root = hub.data_dir / "attachments"

    def receive(self) -> Incoming:
        """For a file that comes in pieces, to be given to `add`. Whoever writes it discards it."""
        return Incoming(self._root, LARGEST)

    async def add(
        self, session: str, name: str, data: bytes | Incoming, mime_type: str | None = None
    ) -> dict[str, Any]:
        """The content block with which a prompt of this session sends the file.

        Small text is in the block; an image that CLIs take is an `image`, everything else a
        `resource_link`. Raises CodecastError `bad_request`, `too_large`, `not_found`, `disk_full`.
        """
        found = await self._hub.sessions.find(session)
        if not name.strip() or "\0" in name:
            raise CodecastError("bad_request", "An attachment needs a file's name.")
        if isinstance(data, Incoming):
            return await self._take(found.id, name, data, mime_type)
        whole = self.receive()
        try:
            await whole.write(data)
            return await self._take(found.id, name, whole, mime_type)
        except OSError as error:
            raise self.no_room(name, error) from error
        finally:
            whole.discard()

    async def _take(
        self, session: str, name: str, data: Incoming, mime_type: str | None
    ) -> dict[str, Any]:
        if data.size > LARGEST:
            raise CodecastError(
                "too_large",
                f"{label(name)} has {data.size / (1 << 20):.1f} MiB; {LARGEST >> 20} can be sent.",
                "Copy it to the machine in another way and name its path in the prompt.",
            )
        text = None if data.small is None else plain_text(data.small)
        if text is not None:
            return {"type": "text", "text": quoted(label(name), text), "name": label(name)}
        try:
            digest = await data.keep(self._root / session, safe_name(name))
        except OSError as error:
            raise self.no_room(name, error) from error
        uri = f"{SCHEME}{digest[:8]}/{safe_name(name)}"
        image = image_type(data.head)
        if image is not None and data.size <= IMAGE:
            return {"type": "image", "uri": uri, "mime_type": image, "name": label(name)}
        told = mime_type if re.fullmatch(r"[\w.+-]+/[\w.+-]+", mime_type or "") else None
        kind = image or told or mimetypes.guess_type(name)[0] or "application/octet-stream"
        return {
            "type": "resource_link",
            "uri": uri,
            "mime_type": kind,
            "name": label(name),
        }

    def no_room(self, name: str, error: OSError) -> CodecastError:
        """The file cannot be kept."""
        return CodecastError(
            "disk_full",
            f"{label(name)} cannot be kept until it is sent: {error.strerror}.",
            f"Free space below {self._root}.",
        )

    # -- on their way

    async def deliver(self, link: Any, machine: str, session: str, content: Content) -> None:
        """Bring to the machine what `content` names and is still here.

        Raises CodecastError: `link_lost`, or what the machine says.
        """
        for file in self._named(session, content):
            await self._send(link, machine, session, file)

    def _named(self, session: str, content: Content) -> list[_File]:
        found = []
        for uri in uris(content):
            digits, _, name = uri.removeprefix(SCHEME).partition("/")
            if not re.fullmatch("[0-9a-f]{8}", digits) or not name or name != safe_name(name):
                continue
            for path in (self._root / session).glob(f"{digits}*/"):
                with contextlib.suppress(OSError):
                    found.append(_File(path / name, path.name, (path / name).stat().st_size))
        return found

    async def _send(self, link: Any, machine: str, session: str, file: _File) -> None:
        about = {
            "session": session,
            "name": file.path.name,
            "size": file.size,
            "sha256": file.hash,
        }

        async def read(offset: int) -> bytes:
            return await asyncio.to_thread(_read, file.path, offset)

        await bring(link, self._hub.files.turn(machine), about, read)

    async def delivered(self, session: str, content: Content) -> None:
        """The machine has a prompt: its files are needed here only for prompts that wait."""
        if not any(uris(content)):
            return
        waiting = await self._hub.store.read(partial(_named_by_waiting, session))
        for file in self._named(session, content):
            digits = f"{SCHEME}{file.hash[:8]}/{file.path.name}"
            if digits not in waiting:
                await asyncio.to_thread(_delete, file.path)

    # -- tidying

    async def forget(self, session: str) -> None:
        """The session is gone."""
        await asyncio.to_thread(shutil.rmtree, self._root / session, True)

    async def tidy(self) -> None:
        """Delete what belongs to no session, and what no prompt has named for long."""
        await asyncio.to_thread(forget_old, self._root, KEPT)
        for folder in sorted(self._root.glob("*/")):
            session = folder.name
            row = await self._hub.store.read(partial(_row, session))
            if row is None or row["gone"]:
                await self.forget(session)
                continue
            waiting = await self._hub.store.read(partial(_named_by_waiting, session))
            for path in folder.glob("*/*"):
                uri = f"{SCHEME}{path.parent.name[:8]}/{path.name}"
                if uri not in waiting and path.stat().st_mtime < time.time() - KEPT:
                    await asyncio.to_thread(_delete, path)


async def bring(
    link: Any,
    turn: asyncio.Lock,
    about: dict[str, Any],
    read: Callable[[int], Awaitable[bytes]],
) -> str:
    """Bring a file into a session's directory: `about` is its `{session, name, size, sha256}`,
    `read(offset)` gives a piece. Its `uri`.

    Raises CodecastError: `link_lost`, or what the machine says.
    """
    answer: dict[str, Any] = {"offset": -1}
    offset, data, stuck = 0, b"", 0
    while "path" not in answer and stuck < STUCK:
        params = {
            **about,
            "offset": offset,
            "data": base64.b64encode(data).decode("ascii"),
            "done": answer["offset"] >= 0 and offset + len(data) == about["size"],
        }
        async with turn:
            before, answer = (
                int(answer["offset"]),
                await link.call("file/put", params, timeout=PUT_LIMIT),
            )
        stuck = stuck + 1 if answer["offset"] <= before else 0
        offset = int(answer["offset"])
        data = await read(offset)
    if "path" not in answer:
        raise CodecastError(
            "internal",
            f"{about['name']} does not get to the machine.",
            "Try it once more.",
            f"The machine stays at {answer['offset']} of {about['size']} bytes.",
        )
    return str(answer["uri"])


def uris(content: Content) -> list[str]:
    """The attachments that content blocks name."""
    found = [str(block.get("uri", "")) for block in content]
    return [uri for uri in dict.fromkeys(found) if uri.startswith(SCHEME)]


def _row(session: str, db: sqlite3.Connection) -> sqlite3.Row | None:
    return rows.by_id(db, session)


def _named_by_waiting(session: str, db: sqlite3.Connection) -> set[str]:
    """Attachments of prompts that are still here."""
    found = db.execute(
        "SELECT content FROM prompts JOIN sessions ON sessions.num = session"
        " WHERE sessions.id = ? AND prompts.state = 'stored'",
        (session,),
    )
    return {uri for row in found for uri in uris(json.loads(row[0]))}


def _read(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(PIECE)


def _delete(path: Path) -> None:
    path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # others of it wait
        path.parent.rmdir()
        path.parent.parent.rmdir()


# -- what a file is


def image_type(data: bytes) -> str | None:
    """By its first bytes: an API refuses what only has an image's name."""
    for kind, head in _IMAGES:
        if re.match(head, data, re.DOTALL):
            return kind
    return None


def plain_text(data: bytes) -> str | None:
    """The text of a small text file, else None."""
    if len(data) > INLINE:
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    strange = any(unicodedata.category(char) == "Cc" and char not in "\t\n\r\f" for char in text)
    return None if strange or not text.strip() else text


def quoted(name: str, text: str) -> str:
    """A file as a part of the prompt, in a fence that the text cannot end."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{name}:\n{fence}\n{text.rstrip()}\n{fence}"


def label(name: str) -> str:
    """A file's name for people and models: its last part, on one line."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    shown = "".join(char if char.isprintable() else " " for char in last)
    return " ".join(shown.split())[:200] or "file"


def safe_name(name: str) -> str:
    """The name under which it lies on the machine: no word of it needs quotes anywhere."""
    plain = re.sub(r"[^\w.+=@-]+", "_", unicodedata.normalize("NFC", label(name)))
    stem, dot, suffix = plain.lstrip(".-").rpartition(".")
    if not dot or len(suffix) > 20:
        stem, dot, suffix = plain.lstrip(".-"), "", ""
    while len(stem.encode()) > 150:
        stem = stem[:-1]
    return (stem + dot + suffix) or "file"
