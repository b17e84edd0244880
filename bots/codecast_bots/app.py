"""`codecast bots`: the process. A client of the server's API and nothing else.

    codecast bots            run what is configured, until SIGTERM or Ctrl-C
    codecast bots check      look whether each platform's token and rights are as they must be
    codecast bots pair       print a code that lets the first person in who sends it

Settings are read again at SIGHUP: everything is then connected anew. Wrong ones change nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.client import AsyncClient, discovery

from . import logs
from .access import PAIR_FOR, ROLES, make_pairing
from .bot import Bot
from .lease import Lease
from .platforms.contract import Adapter, Occupied, PlatformError
from .settings import PlatformSettings, Settings, load
from .store import Store

log = logging.getLogger(__name__)
MARKS = {"ok": "✓", "warning": "!", "error": "✗"}
LEASE_AGAIN = 10.0  # seconds


def adapter(settings: PlatformSettings) -> Adapter:
    """The platform's adapter; its library is imported now and not before.

    Raises CodecastError("bad_request") that says what to install or to set.
    """
    try:
        module = import_module(f".platforms.{settings.name}", __package__)
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith(f"{__package__}.platforms"):
            raise CodecastError("not_supported", f"{settings.name} is not there yet.") from None
        raise CodecastError(
            "bad_request",
            f"{settings.name} is configured, but its library is not installed ({error.name}).",
            f"Run: pip install 'codecast-jupyter[{settings.name}]'",
        ) from None
    if not settings.secret:
        variable = "SECRET" if settings.name == "lark" else "TOKEN"
        raise CodecastError(
            "bad_request",
            f"{settings.name} has no token.",
            f"Set CODECAST_{settings.name.upper()}_{variable}, or name a file of it in"
            " codecast.yaml that only you can read.",
        )
    made: Adapter = module.make(settings)
    return made


def clients(settings: Settings) -> Callable[[str, str], AsyncClient]:
    """`connect(surface, by)`. Raises CodecastError("unreachable")."""
    if settings.url:
        connection = discovery.Connection(settings.url, settings.token or "")
    else:
        connection = discovery.discover()

    def connect(surface: str, by: str) -> AsyncClient:
        return AsyncClient(connection, surface=surface, by=by)

    return connect


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Run every configured platform until `stop` is set, or none can go on."""
    if not settings.platforms:
        raise CodecastError(
            "bad_request",
            "No chat is configured.",
            "Write `bots: {telegram: {admins: [YOUR ID]}}` into codecast.yaml; see docs/bots.md.",
        )
    made = [adapter(platform) for platform in settings.platforms.values()]
    connect = clients(settings)
    store = Store(settings.state / "bots.sqlite")
    tasks: set[asyncio.Task[None]] = set()
    try:
        for each in made:
            bot = Bot(each, settings, store, lambda by, name=each.name: connect(name, by))  # type: ignore[misc]
            tasks.add(asyncio.create_task(_one(bot, settings.platforms[each.name])))
        stopping = asyncio.create_task(stop.wait())
        left: set[asyncio.Task[Any]] = set(tasks)
        failed: list[BaseException] = []
        while left and not stop.is_set():
            done, _ = await asyncio.wait({*left, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in done & left:
                left.discard(task)
                error = task.exception()
                if error is not None:
                    failed.append(error)
                    log.error("%s", error)
        stopping.cancel()
        if failed and not left:
            raise CodecastError("bad_request", str(failed[0]), "codecast bots check tells more.")
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        store.close()


async def _one(bot: Bot, settings: PlatformSettings) -> None:
    """A bot while this process holds its token; meanwhile it waits, and says so."""
    lease = Lease(settings.name, settings.secret)
    try:
        told = ""
        while True:
            try:
                lease.take()
                break
            except Occupied as error:
                if str(error) != told:
                    told = str(error)
                    log.warning("%s: waiting until it ends", error)
                await asyncio.sleep(LEASE_AGAIN)
        await bot.run()
    finally:
        lease.close()


async def check(settings: Settings) -> int:
    """Print what is well and what is missing; 1 when something is."""
    bad = 0
    try:
        connect = clients(settings)
        async with connect("bots", "") as client:
            health = await client.health()
        _line("ok", "server", f"answers, version {health['version']}", "")
    except CodecastError as error:
        bad += 1
        _line("error", "server", error.message, error.hint)
    for platform in settings.platforms.values():
        if not (platform.viewers or platform.operators or platform.admins):
            words = "nobody is allowed by the settings; `codecast bots pair` lets somebody in"
            _line("warning", platform.name, words, "")
        try:
            for each in await adapter(platform).check():
                bad += each.status == "error"
                _line(each.status, f"{platform.name}: {each.name}", each.message, each.hint)
        except CodecastError as error:
            bad += 1
            _line("error", platform.name, error.message, error.hint)
        except PlatformError as error:
            bad += 1
            _line("error", platform.name, str(error), "")
    if not settings.platforms:
        bad += 1
        _line("error", "settings", "no chat is configured", "See docs/bots.md.")
    return 1 if bad else 0


def _line(status: str, name: str, message: str, hint: str) -> None:
    print(f"{MARKS[status]} {name}: {message}" + (f"\n    {hint}" if hint else ""), flush=True)


def pair(settings: Settings, role: str) -> int:
    store = Store(settings.state / "bots.sqlite")
    code = make_pairing(store, role)
    store.close()
    print(
        f"Send this to the bot within {PAIR_FOR / 60:.0f} minutes, in a private chat:\n\n"
        f"    /pair {code}\n\nWho sends it becomes {role}.",
        flush=True,
    )
    return 0


async def run(path: Path) -> int:
    """`serve`, anew at each SIGHUP."""
    loop = asyncio.get_running_loop()
    ended = False
    stop = asyncio.Event()

    def end() -> None:
        nonlocal ended
        ended = True
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    loop.add_signal_handler(signal.SIGHUP, lambda: stop.set())
    settings = load(path)
    while not ended:
        stop.clear()
        logs.set_up(settings.secrets)
        log.info("serving %s", ", ".join(settings.platforms) or "nothing")
        await serve(settings, stop)
        if not ended:
            settings = _again(path, settings)
    return 0


def _again(path: Path, settings: Settings) -> Settings:
    """The settings as they are now; as they were, where those cannot be used."""
    try:
        return load(path)
    except CodecastError as error:
        log.error("The settings stay as they were: %s", error)
        return settings


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="codecast bots", description="Chat bots.")
    parser.add_argument("action", nargs="?", default="run", choices=("run", "check", "pair"))
    parser.add_argument("--config", help="codecast.yaml; by default in Jupyter's config folder")
    parser.add_argument("--role", default="admin", choices=ROLES, help="of who sends the code")
    given = parser.parse_args(argv)
    path = Path(given.config).expanduser() if given.config else default_path()
    secrets: list[str] = []
    try:
        if given.action == "run":
            return asyncio.run(run(path))
        settings = load(path)
        secrets = settings.secrets
        logs.set_up(secrets, logging.WARNING)
        if given.action == "check":
            return asyncio.run(check(settings))
        return pair(settings, given.role)
    except CodecastError as error:
        print(logs.Redacting(secrets).redact(str(error)), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def default_path() -> Path:
    """Where the server looks for codecast.yaml too."""
    if given := os.environ.get("JUPYTER_CONFIG_DIR"):
        return Path(given) / "codecast.yaml"
    from jupyter_core.paths import jupyter_config_dir

    return Path(jupyter_config_dir(), "codecast.yaml")
