"""Commands for files: what an agent offers, its download; and what goes with a prompt."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from codecast_agent.protocol.errors import CodecastError

from .context import Context
from .results import Done, Files, Result
from .sessions import find
from .table import SESSION, Command, Values, flag, option, positional
from .target import target, writing
from .words import name, one_line, size

FAMILY = "Files"


async def files(context: Context, values: Values) -> Result:
    session = await find(context, values["session"])
    return Files(name(session), await context.client.offered(session["id"]))


async def get(context: Context, values: Values) -> Result:
    session = await find(context, values["session"])
    path = values["path"]
    to = target(context.cwd, values["output"], path.rpartition("/")[2] or "file", values["force"])
    aside = to.with_name(f".{to.name[:100]}.{os.getpid()}.part")
    try:
        with writing(to):
            taken = await context.client.download(
                session["id"], path, _writer(aside, _shower(context, path))
            )
            aside.replace(to)
    finally:
        aside.unlink(missing_ok=True)
        if context.status is not None:
            context.status("")
    words = f"{one_line(path)} is {one_line(to)} now ({size(taken)})."
    return Done(words, {"path": str(to), "size": taken})


def _writer(path: Path, show: Callable[[int, int], None]) -> Callable[[bytes, int], None]:
    """Makes the file with the first piece: a refused download leaves nothing."""
    taken = 0

    def write(data: bytes, whole: int) -> None:
        nonlocal taken
        with path.open("ab") as file:
            file.write(data)
        taken += len(data)
        show(taken, whole)

    return write


def _shower(context: Context, path: str) -> Callable[[int, int], None]:
    status, shown = context.status, ""

    def show(taken: int, whole: int) -> None:
        nonlocal shown
        percent = f"{100 * taken // max(whole, 1)}%"
        if status is not None and percent != shown:
            shown = percent
            status(f"{one_line(path, 60)}: {size(taken)} of {size(whole)}, {percent}")

    return show


async def attached(
    context: Context, session: Mapping[str, Any], paths: Sequence[str]
) -> list[dict[str, Any]]:
    """Content blocks of files of this computer. All are read before the first one is sent."""
    read = []
    for path in paths:
        file = Path(context.cwd, Path(path).expanduser())
        try:
            if file.exists() and not file.is_file():
                raise CodecastError("bad_request", f"{one_line(path)} is no plain file.")
            read.append((file.name, file.read_bytes()))
        except OSError as error:
            raise CodecastError(
                "bad_request", f"{one_line(path)} cannot be read: {error.strerror}."
            ) from error
    blocks = []
    for label, data in read:
        if context.status is not None:
            context.status(f"sending {one_line(label, 60)} ({size(len(data))}) ...")
        try:
            blocks.append(dict(await context.client.attach(session["id"], label, data)))
        finally:
            if context.status is not None:
                context.status("")
    return blocks


COMMANDS = (
    Command(
        "files",
        "List files that the agent named or touched and that can be fetched",
        files,
        (SESSION,),
        examples=(("files brave-otter", "the newest first"),),
        more="`codecast get` fetches one; codecast.yaml (`files`) tells from where.",
        family=FAMILY,
    ),
    Command(
        "get",
        "Fetch a file from a session's machine",
        get,
        (
            SESSION,
            positional(
                "path", "as `codecast files` shows it, or any below its directory", complete="offer"
            ),
            option(
                "output",
                "a file or directory here; by default this directory",
                short="o",
                metavar="FILE",
                complete="file",
            ),
            flag("force", "write over a file that is here", short="f"),
        ),
        examples=(
            ("get brave-otter results.csv", ""),
            ("get brave-otter out/plot.png -o ~/plots", "into a directory"),
        ),
        family=FAMILY,
    ),
)
