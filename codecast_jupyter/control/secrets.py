"""What a machine asks a person while connecting: passphrases, passwords, one-time codes.

An attempt waits for the answer, as `ssh` would at its prompt, and everybody sees that it does.
Passwords are remembered for reconnects, in memory; codes never.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.waiting import within

from .ssh_keys import Prompt

PATIENCE = 110.0  # seconds; sshd's LoginGraceTime is 120


class Secrets:
    """The open questions of one machine."""

    def __init__(
        self,
        machine: str,
        on_needed: Callable[[CodecastError], None],
        on_settled: Callable[[], None],
    ) -> None:
        self._machine = machine
        self._on_needed = on_needed
        self._on_settled = on_settled
        self._remembered: dict[str, str] = {}
        self._open: dict[str, asyncio.Future[str]] = {}

    async def ask(self, prompt: Prompt) -> str:
        """Raises CodecastError `secret_needed` when nobody answered in time."""
        known = self._known(prompt)
        if known is not None:
            return known
        error = self._needed(prompt)
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._open[prompt.text] = future
        self._on_needed(error)
        try:
            value = await within(future, PATIENCE)
        except asyncio.TimeoutError:
            raise error from None
        finally:
            self._open.pop(prompt.text, None)
        self._on_settled()
        if prompt.kind == "password" or (prompt.hidden and "password" in prompt.text.lower()):
            self._remembered[prompt.text] = value
        return value

    async def quiet(self, prompt: Prompt) -> str:
        """For attempts nobody waits for: what is known, or `secret_needed` at once."""
        known = self._known(prompt)
        if known is None:
            raise self._needed(prompt)
        return known

    def give(self, prompt: str, value: str) -> bool:
        """Whether an attempt was waiting for it; otherwise it is kept for the next."""
        future = self._open.get(prompt)
        if future is None or future.done():
            self._remembered[prompt] = value
            return False
        future.set_result(value)
        return True

    @property
    def waiting(self) -> bool:
        """Whether an attempt waits for a person right now."""
        return bool(self._open)

    def cancel(self) -> None:
        for future in self._open.values():
            future.cancel()

    def _known(self, prompt: Prompt) -> str | None:
        if prompt.wrong:
            self._remembered.pop(prompt.text, None)
            return None
        if prompt.kind == "password":
            return self._remembered.get(prompt.text)
        value = self._remembered.get(prompt.text)
        if "password" not in prompt.text.lower():
            self._remembered.pop(prompt.text, None)  # a code is good once
        return value

    def _needed(self, prompt: Prompt) -> CodecastError:
        return CodecastError(
            "secret_needed",
            f"{self._machine} asks: {prompt.text}"
            + (" (the answer before was wrong)" if prompt.wrong else ""),
            "Answer it where the machine is shown, or with `codecast machines`.",
            data={
                "prompt": prompt.text,
                "kind": prompt.kind,
                "hidden": prompt.hidden,
                "wrong": prompt.wrong,
            },
        )
