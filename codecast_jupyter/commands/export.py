"""The command that writes a session's transcript to a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .context import Context
from .results import Done, Result, Text
from .sessions import find, history
from .table import SESSION, Command, Values, flag, option
from .target import target, writing
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
    path = target(context.cwd, output, f"{name(session)}.{kind}", values["force"])
    with writing(path):
        path.write_text(text, "utf-8")
    return Done(f"{name(session)} is {one_line(path)} now.", {"path": str(path), "format": kind})


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
