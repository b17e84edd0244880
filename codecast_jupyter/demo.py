"""`python -m codecast_jupyter.demo`: try everything here, without a key.

Opens JupyterLab in the folder `.demo`, with the machine `local` and the CLI `demo`, a small
program of ours that edits files and asks permission (it is no AI). With `--check` the same
flow runs without a browser, on a server and in directories of its own that are gone
afterwards, whatever happens; every step is printed with what was seen.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codecast_agent.protocol.errors import CodecastError

from .waiting import within

if TYPE_CHECKING:
    from .client import AsyncClient

PATIENCE = 120.0  # seconds for the whole check, on a slow machine
FILE, TEXT = "hello.txt", "Hello from Codecast"
WELCOME = f"""\
# Codecast, a demo

Open the Codecast panel on the left, start a session of the CLI `demo` on the machine `local`
in this folder, mode `ask`, and send it:

    write {FILE}: {TEXT}

It shows what it wants to write and waits until you allow it. It is no AI: it knows a few
commands (`read FILE`, `run COMMAND`, `ask QUESTION | A | B`, `plan`, `slow SECONDS`) and keeps all
else as a note in a file. CLIs that are installed here are offered beside it.

In a terminal: `codecast ls`, `codecast attach SESSION`.
"""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("codecast_jupyter.demo", description=__doc__)
    parser.add_argument("--check", action="store_true", help="run the flow without a browser")
    parser.add_argument("--folder", default=".demo", help="where it works (.demo)")
    arguments, more = parser.parse_known_args(argv)
    if arguments.check:
        return check()
    return lab(Path(arguments.folder), more)


def lab(folder: Path, more: list[str]) -> int:
    """Become JupyterLab in `folder`; `more` are options for it."""
    folder.mkdir(exist_ok=True)
    welcome = folder / "README.md"
    if not welcome.exists():
        welcome.write_text(WELCOME, "utf-8")
    argv = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder.resolve()}"]
    argv += ["--LabApp.default_url=/lab/tree/README.md"]
    if os.geteuid() == 0:
        argv.append("--allow-root")
    print(f"JupyterLab opens in {folder.resolve()}; Ctrl-C ends it.", flush=True)
    print(f"What to try: {welcome}", flush=True)
    os.execv(sys.executable, [*argv, *more])


def check() -> int:
    """0 when every step was as it should be; else 1 with the reason on stderr."""
    began = time.monotonic()
    try:
        with _own_directories() as directory:
            asyncio.run(_until_told(directory))
    except CodecastError as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    except asyncio.TimeoutError:
        print(f"FAILED: it was not done after {PATIENCE:.0f} seconds", file=sys.stderr)
        return 1
    except (asyncio.CancelledError, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return 130
    print(f"All of it works ({time.monotonic() - began:.1f} s).")
    return 0


@contextlib.contextmanager
def _own_directories() -> Iterator[Path]:
    """Throw-away directories for everything that is written, also by the machine's side."""
    directory = Path(tempfile.mkdtemp(prefix="codecast-demo-"))
    own = {
        "JUPYTER_RUNTIME_DIR": "run",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "XDG_CONFIG_HOME": "xdg",
        "XDG_STATE_HOME": "state",
        "CODECAST_ROOT": "root",
    }
    for name, folder in own.items():
        (directory / folder).mkdir(mode=0o700)
        os.environ[name] = str(directory / folder)
    for name in ("CODECAST_URL", "CODECAST_TOKEN", "CODECAST_CONNECTION_FILE", "JPY_PARENT_PID"):
        os.environ.pop(name, None)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def step(what: str, saw: str) -> None:
    print(f"ok  {what:<22} {saw}", flush=True)


def expect(true: Any, what: str, saw: Any = "") -> None:
    """Raises CodecastError unless `true`."""
    if not true:
        raise CodecastError("internal", what, detail=f"saw: {saw!r}" if saw != "" else "")


async def _until_told(directory: Path) -> None:
    """The check; Ctrl-C or SIGTERM cancels it where it waits, and once, so that it tidies up."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await within(_check(directory), PATIENCE)


async def _check(directory: Path) -> None:
    from . import serving

    folder = directory / "work"
    folder.mkdir()
    try:
        began = time.monotonic()
        client = await serving.connect(None)
        step("server", f"{client.url} after {time.monotonic() - began:.1f} s")
        try:
            await _flow(client, folder)
        finally:
            await client.close()
        stopped = await serving.stop()
        step("server stopped", stopped.words.partition(". ")[0])
    except BaseException:
        print(serving.tail(serving.log_file()), file=sys.stderr)
        with contextlib.suppress(CodecastError):
            await serving.stop()
        raise


async def _flow(client: AsyncClient, folder: Path) -> None:
    machine = await client.connect_machine("local")
    expect(machine["state"] == "online", "the machine `local` is not online", machine)
    hello = machine.get("hello") or {}
    step("machine", f"local: {hello.get('hostname')}, Python {hello.get('python')}")
    found = [c["cli"] for c in await client.clis("local") if c.get("found")]
    expect("demo" in found, "the CLI `demo` is not offered", found)
    step("CLIs", ", ".join(found))

    session = await client.start("local", str(folder), cli="demo", mode="ask")
    id, name = session["id"], session["name"]
    try:
        step("session started", f"{name} in {folder}")
        await _turn(client, id, folder)
    except BaseException:
        # nothing of it may stay, whatever failed
        with contextlib.suppress(CodecastError):
            await client.remove(id)
        for pid in processes_of(id):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        raise
    await client.remove(id)
    left = [p for p in await client.processes("local") if p.get("session") == id]
    expect(not left and not processes_of(id), "processes are left of the session", left)
    expect(not await client.sessions(all=True), "the session is still listed")
    step("session destroyed", "no process of it is left")


async def _turn(client: AsyncClient, session: str, folder: Path) -> None:
    prompt = await client.prompt(session, f"write {FILE}: {TEXT}")
    step("prompt", f"{prompt['text']!r} is {prompt['state']}")
    target = folder / FILE
    text, chunks, granted = "", 0, False
    async for event in _until_ended(client, session, prompt["id"]):
        kind = event["type"]
        if kind == "agent_message_chunk":
            text += event["content"].get("text", "")
            chunks += 1
        elif kind == "request_opened":
            expect(chunks, "nothing was streamed before the permission was asked")
            step("answer streamed", f"{text.strip()!r} in {chunks} pieces")
            expect(not target.exists(), "the file was written before it was allowed")
            allow = next((o for o in event["options"] if o["kind"] == "allow_once"), None)
            expect(allow, "the permission request offers no `allow once`", event["options"])
            assert allow is not None
            step("permission asked", f"{event['title']!r}, {len(event['options'])} choices")
            await client.answer(session, event["request"], option=allow["id"])
        elif kind == "request_resolved":
            granted = True
            step("permission granted", f"{event.get('label') or event.get('option')!r}")
        elif kind == "turn_ended":
            expect(event["reason"] == "end_turn", "the turn ended badly", event)
        elif kind == "session_state" and event["state"] in ("failed", "exited"):
            problem = event.get("error") or {"message": f"the CLI is {event['state']}"}
            raise CodecastError.from_json(problem)
    expect(granted, "the permission was never asked", text)
    expect(target.exists(), f"{target} was not written")
    content = target.read_text("utf-8").strip()
    expect(content == TEXT, f"{target} has other words", content)
    step("file changed", f"{FILE} on disk: {content!r}")


async def _until_ended(
    client: AsyncClient, session: str, prompt: str
) -> AsyncIterator[dict[str, Any]]:
    """The session's events until this prompt is done. Raises CodecastError when it fails."""
    async for event in client.events(session):
        yield event
        if event["type"] == "prompt_state" and event["prompt"] == prompt:
            if event["state"] == "done":
                return
            expect(event["state"] in ("queued", "running"), "the prompt failed", event)


def processes_of(session: str) -> list[int]:
    """Living processes marked with that session, by /proc (elsewhere: none are seen)."""
    mark = f"CODECAST_SESSION={session}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found


if __name__ == "__main__":
    sys.exit(main())
