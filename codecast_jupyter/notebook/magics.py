"""`%codecast` and `%%codecast`: the one command table in a cell.

    %codecast start gpu-1 ~/project --cli codex
    %codecast ls

    %%codecast brave-otter
    Why is the loss NaN? The cell's text is the prompt, and the answer streams into the output.

`%%codecast` before a command that takes a prompt (`start`, `send`) gives it the cell's text.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

from IPython.core.magic import Magics, line_cell_magic, magics_class

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.client import discovery
from codecast_jupyter.commands import completion
from codecast_jupyter.commands.parsing import Parsed, parse
from codecast_jupyter.commands.table import split

from . import connection
from .performing import perform
from .session import session

NAMES = ("%codecast", "%%codecast")


@magics_class
class CodecastMagics(Magics):
    @line_cell_magic  # type: ignore[misc, unused-ignore]
    def codecast(self, line: str, cell: str | None = None) -> Any:
        """Machines and sessions of coding agents: `%codecast help` lists what can be said."""
        words = _words(line)
        if cell is None:
            return perform(_parsed(words))
        text = cell.strip("\n")
        if not text.strip():
            raise CodecastError(
                "bad_request", "The cell has no text to send.", "%%codecast SESSION"
            )
        command, _ = split(words)
        if command is None:
            if len(words) != 1:
                raise CodecastError(
                    "bad_request",
                    "To which session shall the cell's text go?",
                    "%%codecast SESSION, or %%codecast start MACHINE DIRECTORY",
                )
            session(words[0]).ask(text, wait=True)
            return None
        if command.name == "start":
            return perform(_parsed([*words, "--prompt", text]))
        if command.name == "send":
            return perform(_parsed([*words, "--wait", "--file", "-"]), text)
        raise CodecastError(
            "bad_request",
            f"`{command.name}` takes no text of a cell.",
            f"Write %codecast {line.strip()}, with one %.",
        )


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise CodecastError(
            "bad_request", f"The line cannot be read: {error}.", "Close the quotes, or write \\'."
        ) from None


def _parsed(words: list[str]) -> Parsed:
    """Raises CodecastError that names the nearest word."""
    parsed = parse(words)
    if parsed.server is not None:
        connection.connect(parsed.server)
    return parsed


def complete(shell: Any, event: Any) -> list[str]:
    """Completions for IPython: commands, machines, sessions, paths, models, options."""
    line = str(event.text_until_cursor)
    for name in (*reversed(NAMES), "codecast"):
        if line.lstrip().startswith(name):
            typed = line.lstrip()[len(name) :]
            break
    else:
        return []
    words = typed.split()
    if not words or typed[-1:].isspace():
        words.append("")
    fetch = _fetcher()
    found = [candidate.value for candidate in completion.candidates(words, fetch)]
    if line.lstrip().startswith("%%") and len(words) == 1:
        found += [c.value for c in completion.candidates(["show", words[0]], fetch)]
    # IPython cuts words at ":" and "=" and wants only what follows
    current = words[-1]
    cut = max(current.rfind(":"), current.rfind("=")) + 1
    return [value[cut:] for value in found]


def _fetcher() -> Callable[[str], Any]:
    """From the server in use, where one was named; else from the one that would be found."""
    if connection.in_use() is not None:
        return completion.fetch_from([connection.client().connection])
    return completion.fetch_from(discovery.candidates())


def load(ipython: Any) -> None:
    ipython.register_magics(CodecastMagics)
    for name in NAMES:
        ipython.set_hook("complete_command", complete, str_key=name)


def unload(ipython: Any) -> None:
    for kind in ("line", "cell"):
        ipython.magics_manager.magics[kind].pop("codecast", None)
