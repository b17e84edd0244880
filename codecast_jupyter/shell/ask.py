"""Questions at the terminal; without one, errors that say what to run instead."""

from __future__ import annotations

import asyncio
import getpass
import sys

from codecast_agent.protocol.errors import CodecastError

from ..commands.context import NobodyToAsk
from ..commands.words import safe


class TerminalAsk:
    """Asks on the terminal even where stdout goes elsewhere."""

    async def confirm(self, question: str, detail: str = "", how: str = "") -> bool:
        if detail:
            sys.stderr.write(safe(detail) + "\n")
        answer = await _read(f"{safe(question)} [y/N] ")
        return answer.strip().lower() in ("y", "yes")

    async def secret(self, prompt: str, how: str = "") -> str:
        def read() -> str:
            return getpass.getpass(safe(prompt).rstrip(": ") + ": ", sys.stderr)

        try:
            return await asyncio.to_thread(read)
        except EOFError as error:
            raise CodecastError("secret_needed", f"{prompt}: no answer.", how) from error


async def _read(prompt: str) -> str:
    def read() -> str:
        sys.stderr.write(prompt)
        sys.stderr.flush()
        return sys.stdin.readline()

    return await asyncio.to_thread(read)


def make() -> TerminalAsk | NobodyToAsk:
    """By whether a person sits at this terminal."""
    return TerminalAsk() if sys.stdin.isatty() and sys.stderr.isatty() else NobodyToAsk()
