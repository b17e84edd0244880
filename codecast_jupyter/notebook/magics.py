"""`%codecast` and `%%codecast`: the one command table in a cell.

    %codecast start gpu-1 ~/project --cli codex
    %codecast ls

    %%codecast brave-otter
    Why is the loss NaN? The cell's text is the prompt, and the answer streams into the output.

`%%codecast` before a command that takes a prompt (`start`, `send`) gives it the cell's text.
"""

from __future__ import annotations

import re
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
from .sessions import session

# `%codecast`, also behind an assignment, `%%codecast`, and `codecast` alone, as IPython takes it
OURS = re.compile(r"^\s*(?:\w+\s*=\s*(?=%))?(?P<cell>%%)?%?codecast\s(?P<words>.*)$")


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


def completions(text: str) -> tuple[str, list[str]]:
    """The word before the cursor, and what it may become, of a line up to the cursor: commands,
    machines, sessions, paths, models, options. Nothing for a line that is not ours.
    """
    found = OURS.search(text)
    if found is None:
        return "", []
    words = found["words"].split()
    if not words or found["words"][-1:].isspace():
        words.append("")
    fetch = _fetcher()
    values = [candidate.value for candidate in completion.candidates(words, fetch)]
    if found["cell"] and len(words) == 1:
        values += [c.value for c in completion.candidates(["show", words[0]], fetch)]
    return words[-1], values


def _matcher() -> Any:
    """For IPython: what is ours has no completions of Python beside it."""
    from IPython.core.completer import SimpleCompletion, context_matcher

    @context_matcher(priority=1000, identifier="codecast")  # type: ignore[misc, untyped-decorator, unused-ignore]
    def codecast(context: Any) -> dict[str, Any]:
        line = context.line_with_cursor[: context.cursor_position]
        word, values = completions(line)
        return {
            "completions": [SimpleCompletion(value, type="codecast") for value in values],
            "matched_fragment": word,
            "suppress": True,
            "ordered": True,
        }

    return codecast


def _fetcher() -> Callable[[str], Any]:
    """From the server in use, where one was named; else from the one that would be found."""
    if connection.in_use() is not None:
        return completion.fetch_from([connection.client().connection])
    return completion.fetch_from(discovery.candidates())


def load(ipython: Any) -> None:
    ipython.register_magics(CodecastMagics)
    _unmatch(ipython)
    ipython.Completer.custom_matchers.append(_matcher())


def unload(ipython: Any) -> None:
    for kind in ("line", "cell"):
        ipython.magics_manager.magics[kind].pop("codecast", None)
    _unmatch(ipython)


def _unmatch(ipython: Any) -> None:
    matchers = ipython.Completer.custom_matchers
    matchers[:] = [m for m in matchers if getattr(m, "matcher_identifier", "") != "codecast"]
