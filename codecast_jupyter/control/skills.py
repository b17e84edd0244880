"""A person's instructions and skills from a folder of this computer, for every project.

    FOLDER/INSTRUCTIONS.md           as CLAUDE.md, AGENTS.md or GEMINI.md, by the CLI
    FOLDER/CLAUDE.md ...             goes before it for its CLI
    FOLDER/skills/<name>/SKILL.md    and what lies beside it, where the CLI looks for skills

They are put before the CLI starts. The machine never overwrites; whatever goes wrong here is
told in the session and keeps none from starting.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from codecast_agent.protocol.errors import CodecastError

if TYPE_CHECKING:
    from .hub import Hub

LARGEST = 10 << 20  # bytes of all files
MOST = 2000  # files
BATCH = 1 << 20  # bytes of one call, and one file more
PUT_LIMIT = 90.0  # seconds of one call
# CLI -> its file of instructions and its directory of skills, in a project
NAMES = {
    "claude": ("CLAUDE.md", ".claude/skills"),
    "codex": ("AGENTS.md", ".agents/skills"),
    "gemini": ("GEMINI.md", ".gemini/skills"),
    "opencode": ("AGENTS.md", ".opencode/skills"),
}
Report = dict[str, Any]  # {added, same, skipped: [{path, reason}], problem?}


class File(NamedTuple):
    path: str  # in the project
    data: bytes
    executable: bool

    def to_json(self) -> dict[str, Any]:
        mode = 0o755 if self.executable else 0o644
        return {"path": self.path, "data": base64.b64encode(self.data).decode(), "mode": mode}


class Skills:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def put(self, link: Any, machine: str, params: dict[str, Any]) -> Report | None:
        """Bring the folder's files to the project of a session that `params` (those of
        `session/start`) begin; None where nothing is to be brought.

        Raises CodecastError `link_lost` alone.
        """
        folder = self._hub.machines.config.skills.directory
        if folder is None or params["cli"] not in NAMES:
            return None
        report: Report = {"added": [], "same": [], "skipped": []}
        try:
            files, left = await asyncio.to_thread(collect, Path(folder), params["cli"])
            report["skipped"] += left
            named = ("cwd", "create_directory")
            about: dict[str, Any] = {key: params[key] for key in named if key in params}
            for batch in _batches(files):
                call = {**about, "files": [file.to_json() for file in batch]}
                async with self._hub.files.turn(machine):
                    answer = await link.call("skills/put", call, timeout=PUT_LIMIT)
                for key in ("added", "same", "skipped"):
                    report[key] += answer[key]
        except CodecastError as error:
            if error.code == "link_lost":
                raise
            report["problem"] = error.to_json()
        return report if any(report.values()) else None


def notice(report: Report) -> dict[str, str] | None:
    """What a person is told in the session; None where all was there already."""
    words = []
    if report["added"]:
        words.append(f"added {_count(report['added'])}")
    if report["skipped"]:
        told = [f"{each['path']} ({each['reason']})" for each in report["skipped"][:5]]
        more = len(report["skipped"]) - len(told)
        words.append("skipped " + ", ".join(told) + (f" and {more} more" if more else ""))
    problem = report.get("problem")
    if problem:
        words.append(f"not all could be brought: {problem['message']}")
    if not words:
        return None
    text = "Skills: " + "; ".join(words)
    level = "warning" if problem else "info"
    return {"level": level, "text": text if text.endswith(".") else text + "."}


def _count(paths: list[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{len(paths)} files"


def _batches(files: list[File]) -> Iterator[list[File]]:
    batch: list[File] = []
    for file in files:
        batch.append(file)
        if sum(len(each.data) for each in batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def collect(folder: Path, cli: str) -> tuple[list[File], list[dict[str, str]]]:
    """The folder's files for a CLI, and those left out with the reason.

    Raises CodecastError `not_found`, `too_large`, `bad_request`.
    """
    instructions, skills = NAMES[cli]
    if not folder.is_dir():
        raise CodecastError(
            "not_found",
            f"There is no folder {folder} on the computer of the server.",
            "`skills: directory` of codecast.yaml names it.",
        )
    found = _Collector(folder)
    try:
        for name in (instructions, "INSTRUCTIONS.md"):
            if (folder / name).exists():
                found.file(folder / name, instructions)
                break
        below = folder / "skills"
        for each in sorted(below.iterdir()) if below.is_dir() else []:
            if (each / "SKILL.md").is_file() and not each.name.startswith("."):
                found.walk(each, f"{skills}/{each.name}", ())
    except OSError as error:
        raise CodecastError(
            "bad_request", f"{error.filename or folder} cannot be read: {error.strerror}."
        ) from None
    return found.files, found.left


class _Collector:
    """Plain files; links are followed where they stay in the folder."""

    def __init__(self, folder: Path) -> None:
        self.files: list[File] = []
        self.left: list[dict[str, str]] = []
        self._folder = folder
        self._real = folder.resolve()
        self._size = 0

    def walk(self, directory: Path, target: str, above: tuple[Path, ...]) -> None:
        real = directory.resolve()
        if real in above:
            self._leave(target, "the link leads in a circle")
            return
        if not self._inside(real):
            self._leave(target, "the link leads out of the folder")
            return
        for each in sorted(directory.iterdir()):
            if each.name.startswith(".") or each.name == "__pycache__":
                continue
            if each.is_dir():
                self.walk(each, f"{target}/{each.name}", (*above, real))
            else:
                self.file(each, f"{target}/{each.name}")

    def file(self, path: Path, target: str) -> None:
        real = path.resolve()
        try:
            target.encode()
        except UnicodeEncodeError:
            self._leave(target.encode("utf-8", "replace").decode(), "its name is no text")
            return
        if not self._inside(real):
            self._leave(target, "the link leads out of the folder")
        elif not real.is_file():
            self._leave(target, "it is no plain file")
        else:
            status = real.stat()
            self._size += status.st_size
            if self._size > LARGEST or len(self.files) >= MOST:
                raise CodecastError(
                    "too_large",
                    f"{self._folder} has more than {LARGEST >> 20} MiB or {MOST} files.",
                    "Keep only instructions and skills in it.",
                )
            self.files.append(File(target, real.read_bytes(), bool(status.st_mode & 0o100)))

    def _inside(self, real: Path) -> bool:
        return real.is_relative_to(self._real)

    def _leave(self, target: str, reason: str) -> None:
        self.left.append({"path": target, "reason": reason})
