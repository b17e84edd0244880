"""Commands for the chat bots, which are a process of their own."""

from __future__ import annotations

import contextlib
import signal
import sys

from codecast_agent.protocol.errors import CodecastError

from .context import Context
from .results import Done, Result
from .table import Command, Values, option

FAMILY = "The shell"
ROLES = ("viewer", "operator", "admin")


async def _run(context: Context, values: Values, *words: str) -> Result:
    """The process, with this terminal; it ends with us."""
    if context.read_input is None:
        raise CodecastError(
            "not_supported", "The bots are a process of their own.", "Run it in a terminal."
        )
    import asyncio  # not for completion, which imports the table

    command = [sys.executable, "-m", "codecast_bots", *words]
    if values["config"]:
        command += ["--config", values["config"]]
    process = await asyncio.create_subprocess_exec(*command)
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.wait()
        raise
    if code:
        raise CodecastError("bad_request", "The bots ended with an error, told above.")
    return Done("")


async def bots(context: Context, values: Values) -> Result:
    return await _run(context, values, "run")


async def check(context: Context, values: Values) -> Result:
    return await _run(context, values, "check")


async def pair(context: Context, values: Values) -> Result:
    return await _run(context, values, "pair", "--role", values["role"] or "admin")


CONFIG = option("config", "another codecast.yaml", metavar="FILE", complete="file")
COMMANDS = (
    Command(
        "bots",
        "Run the chat bots that codecast.yaml configures",
        bots,
        (CONFIG,),
        ("bots run",),
        (("bots", "until Ctrl-C or SIGTERM; SIGHUP reads the settings again"),),
        "The section `bots` of codecast.yaml names the platforms and who may use them.",
        FAMILY,
        client=False,
    ),
    Command(
        "bots check",
        "Look whether the bots' tokens and rights are as they must be",
        check,
        (CONFIG,),
        examples=(("bots check", "says what is missing and where to click"),),
        family=FAMILY,
        client=False,
    ),
    Command(
        "bots pair",
        "Print a code that lets in who sends it to the bot",
        pair,
        (
            option("role", "viewer, operator or admin (the default)", choices=ROLES),
            CONFIG,
        ),
        examples=(("bots pair --role operator", "valid once, for five minutes"),),
        family=FAMILY,
        client=False,
    ),
)
