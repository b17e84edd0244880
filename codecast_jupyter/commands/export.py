"""The command that writes a session's transcript to a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codecast_agent.protocol.errors import CodecastError

from .context import Context
from .results import Done, Result, Text
from .sessions import find, history
from .table import SESSION, Command, Values, flag, option
from .words import name, one_line

Json = Mapping[str, Any]
FAMILY = "Sessions"
FORMATS = ("ipynb", "md", "json")


async def export(context: Context, values: Values) -> Result:
    session = await find(context, values["session"])
    output = values["output"]
    kind = values["format"] or _by_name(output)
    events = await history(context, session["id"], 0, int(session.get("last_seq") or 0))
    text = written(kind, session, events)
    if output == "-":
        return Text(text)
    target = Path(context.cwd, Path(output or ".").expanduser())
    if target.is_dir():
        target /= f"{name(session)}.{kind}"
    if target.exists() and not values["force"]:
        raise CodecastError(
            "conflict",
            f"{one_line(target)} exists already.",
            "Write elsewhere by --output FILE, or over it by --force.",
        )
    try:
        target.write_text(text, "utf-8")
    except OSError as error:
        raise CodecastError(
            "disk_full" if error.errno == 28 else "bad_request",
            f"{one_line(target)} cannot be written: {error.strerror or error}.",
            "Name another place by --output FILE.",
        ) from error
    return Done(
        f"{name(session)} is {one_line(target)} now.", {"path": str(target), "format": kind}
    )


def _by_name(output: str | None) -> str:
    ending = (output or "").rpartition(".")[2]
    return ending if ending in FORMATS else FORMATS[0]


def written(kind: str, session: Json, events: Sequence[Json]) -> str:
    """The transcript as the text of a file of that format."""
    from .render import json as as_json

    if kind == "ipynb":
        from .render.notebook import notebook

        return as_json.document(notebook(session, events)) + "\n"
    if kind == "json":
        return as_json.document({"session": session, "events": list(events)}) + "\n"
    from .render.markdown import transcript

    return f"# {name(session)}\n\n{transcript(events)}\n"


COMMANDS = (
    Command(
        "export",
        "Write a session's transcript to a file: a notebook, Markdown or JSON",
        export,
        (
            SESSION,
            option("format", "ipynb, md or json; by the file's name, else ipynb", choices=FORMATS),
            option(
                "output",
                "a file or directory here, `-` for standard output; by default this directory",
                short="o",
                metavar="FILE",
                complete="file",
            ),
            flag("force", "write over a file that is here", short="f"),
        ),
        examples=(
            ("export brave-otter", "brave-otter.ipynb, to read in JupyterLab"),
            ("export brave-otter -o report.md", ""),
        ),
        more="Nothing in the notebook runs: commands of the agent are shown, not repeated.",
        family=FAMILY,
    ),
)
