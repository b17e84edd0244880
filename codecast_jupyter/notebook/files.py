"""What a session changed, and the files it offers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from codecast_jupyter.client.types import OfferedFile
from codecast_jupyter.commands.render.markdown import code, fence
from codecast_jupyter.commands.target import target, writing
from codecast_jupyter.commands.words import age, size

from .connection import client

Json = Mapping[str, Any]


class Diff(str):
    """Unified diffs, in the order of the edits, as one text; shown in colours.

    >>> s.diff.paths
    """

    parts: list[tuple[str, str]]  # path and unified diff of each edit

    def __new__(cls, parts: Iterable[tuple[str, str]]) -> Diff:
        kept = list(parts)
        made = super().__new__(cls, "\n".join(diff.rstrip("\n") for _, diff in kept))
        made.parts = kept
        return made

    @property
    def paths(self) -> list[str]:
        """The files that were changed, each once."""
        return list(dict.fromkeys(path for path, _ in self.parts))

    def _repr_markdown_(self) -> str:
        if not self.parts:
            return "Nothing was changed."
        return "\n\n".join(f"{code(path)}\n\n{fence(diff, 'diff')}" for path, diff in self.parts)

    def __repr__(self) -> str:
        return f"<Diff of {', '.join(self.paths) or 'nothing'}>"


def edits(entries: Iterable[Any]) -> Diff:
    """The diffs of the tool calls that were done, of a transcript's entries."""
    return Diff(
        (str(block.get("path") or ""), str(block.get("diff") or ""))
        for entry in entries
        if entry.kind == "tool" and entry.data.get("status") == "completed"
        for block in entry.data.get("content") or []
        if block.get("type") == "diff"
    )


class File:
    """A file that an agent named or touched and that can be fetched."""

    def __init__(self, session: str, data: OfferedFile) -> None:
        self.session = session
        self.data = data

    @property
    def path(self) -> str:
        return self.data["path"]

    @property
    def name(self) -> str:
        return self.data["name"]

    @property
    def size(self) -> int:
        """Bytes."""
        return self.data["size"]

    def read(self) -> bytes:
        """Raises CodecastError("link_lost") when it ends before its end."""
        pieces: list[bytes] = []
        client().download(self.session, self.path, lambda data, whole: pieces.append(data))
        return b"".join(pieces)

    def text(self) -> str:
        return self.read().decode("utf-8", "replace")

    def save(self, to: str | Path = ".") -> Path:
        """Write it to a file or into a directory of this computer, over what is there."""
        path = target("", to, Path(self.name).name, force=True)
        content = self.read()
        with writing(path, "Name another place: file.save(path)."):
            path.write_bytes(content)
        return path

    def _row(self) -> Json:
        return {"file": self.name, "size": size(self.size), "age": age(self.data.get("mtime"))}

    def __repr__(self) -> str:
        return f"<File {self.name}: {size(self.size)}>"
