"""What a surface gives to a command: the client, a way to ask, a way to say, where it stands."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from codecast_agent.protocol.errors import CodecastError

if TYPE_CHECKING:
    from codecast_jupyter.client import AsyncClient

T = TypeVar("T")


class Ask(Protocol):
    """A question to the person in front of the surface.

    Both raise CodecastError where nobody can be asked; its hint says how to answer otherwise.
    """

    async def confirm(self, question: str, detail: str = "", how: str = "") -> bool:
        """`detail` is shown too; `how` tells what to run where nobody can be asked."""

    async def secret(self, prompt: str, how: str = "") -> str:
        """Read without showing it."""


class NobodyToAsk:
    """An `Ask` for scripts: every question is an error that says what to run instead."""

    async def confirm(self, question: str, detail: str = "", how: str = "") -> bool:
        raise CodecastError("bad_request", question, how or "Run it in a terminal.", detail)

    async def secret(self, prompt: str, how: str = "") -> str:
        raise CodecastError("secret_needed", prompt, how or "Run it in a terminal.")


class Context:
    """One surface's standing.

    `say` shows words that stay. `status` shows one line that changes while a call takes long,
    and takes it away when it is empty; None where nobody would see it.

    `cwd` and `home` are directories of this computer, meant where a command takes a directory
    of the machine `local`. `read_input` gives what was piped in; None on surfaces
    without standard input.
    """

    def __init__(
        self,
        client: AsyncClient,
        ask: Ask | None = None,
        say: Callable[[str], None] | None = None,
        cwd: str | None = None,
        home: str | None = None,
        read_input: Callable[[], str] | None = None,
        status: Callable[[str], None] | None = None,
    ) -> None:
        self.client = client
        self.ask: Ask = ask or NobodyToAsk()
        self.say = say or (lambda text: None)
        self.cwd = cwd or str(Path.cwd())
        self.home = home or str(Path.home())
        self.read_input = read_input
        self.status = status


@contextlib.asynccontextmanager
async def waiting(
    context: Context, text: str, machine: str, session: str = ""
) -> AsyncIterator[None]:
    """While the body waits, tell what is done meanwhile: on the machine, and for a session (its
    id) where one is named. `text` is what is shown first."""
    status = context.status
    if status is None:
        yield
        return
    import asyncio  # not for completion, which imports the table

    status(text)
    task = asyncio.create_task(_tell(context, status, machine, session))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        status("")


async def _tell(
    context: Context, status: Callable[[str], None], machine: str, session: str
) -> None:
    with contextlib.suppress(CodecastError):  # whoever waits hears of it
        async for change in context.client.watch():
            text = _words(change, machine, session)
            if text:
                status(f"{machine}: {text} ...")


def _words(change: Mapping[str, Any], machine: str, session: str) -> str:
    about = change.get("machine")
    if change["type"] == "progress":
        ours = about == machine and change.get("session", "") in ("", session)
        return str(change["text"]) if ours else ""
    if isinstance(about, dict) and about.get("name") == machine and about["state"] != "online":
        return str(about.get("progress", ""))
    return ""


async def on_machine(context: Context, machine: str, call: Callable[[], Awaitable[T]]) -> T:
    """`call()`, asking the person for what stands in its way: an unknown host key, a secret.

    Raises CodecastError when the person says no, and whatever else `call` raises.
    """
    asked: set[str] = set()
    while True:
        try:
            return await call()
        except CodecastError as error:
            if error.code not in ("unknown_host_key", "secret_needed"):
                raise
            await overcome(context, machine, error, asked)


async def connected(context: Context, machine: str) -> Mapping[str, Any]:
    """The machine once it is connected. Raises CodecastError with the machine's own reason."""

    async def call() -> Mapping[str, Any]:
        async with waiting(context, f"connecting to {machine} ...", machine):
            found = await context.client.connect_machine(machine)
        if found.get("state") != "online" and found.get("error"):
            raise CodecastError.from_json(found["error"])
        return found

    return await on_machine(context, machine, call)


async def overcome(
    context: Context, machine: str, error: CodecastError, asked: set[str] | None = None
) -> None:
    """Ask for what `error` lacks and hand it to the hub. `asked` ends a loop of the same key."""
    if error.code == "unknown_host_key":
        fingerprint = str(error.data.get("fingerprint", ""))
        if not fingerprint or (asked is not None and fingerprint in asked):
            raise error
        if asked is not None:
            asked.add(fingerprint)
        accept = f"codecast machines trust {machine} {fingerprint}"
        hint = f"Compare the fingerprint with the machine's own, then run: {accept}"
        parts = (error.message, error.detail or fingerprint, error.hint)
        try:
            trusted = await context.ask.confirm(
                f"{machine} shows a host key that is not known here. Trust it?",
                "\n".join(part for part in parts if part),
                hint,
            )
        except CodecastError:  # nobody is there to answer: what happened, not the question
            raise CodecastError(error.code, error.message, hint, error.detail, error.data) from None
        if not trusted:
            raise CodecastError(
                "unknown_host_key",
                f"The host key of {machine} was not accepted.",
                f"To accept it later: {accept}",
                data=error.data,
            )
        await context.client.accept_host_key(machine, fingerprint)
        return
    prompt = str(error.data.get("prompt") or error.message)
    value = await context.ask.secret(
        "wrong, again: " + prompt if error.data.get("wrong") else prompt,
        f"Run `codecast machines connect {machine}` in a terminal, or add the key to ssh-agent.",
    )
    await context.client.give_secret(machine, prompt, value)
