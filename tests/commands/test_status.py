"""Who waits sees what is done meanwhile, on one line that goes away; a pipe sees nothing of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .terminal import ROOT, Terminal

SLOW = """
import asyncio, os, pathlib, sys
from codecast_jupyter import cli, serving
from tests.commands.fakes import FakeClient

GO = pathlib.Path(os.environ["GO"])

async def until_told():
    while not GO.exists():
        await asyncio.sleep(0.01)

class Slow(FakeClient):
    async def start(self, machine, cwd, **more):
        self.id = more["id"]
        await until_told()
        return await super().start(machine, cwd, **more)

    async def doctor(self, machine):
        await until_told()
        return await super().doctor(machine)

    async def connect_machine(self, machine):
        await until_told()
        return await super().connect_machine(machine)

    async def watch(self):
        yield {"type": "watching"}
        while not getattr(self, "id", None) and "start" in sys.argv:
            await asyncio.sleep(0.01)
        about = {"type": "progress", "machine": "gpu-1"}
        yield {**about, "session": "another", "text": "not mine"}
        yield {**about, "machine": "local", "text": "not there"}
        machine = {"name": "gpu-1", "state": "connecting", "progress": "sending our agent (99 KB)"}
        yield {"type": "machine", "machine": machine}
        await asyncio.sleep(0.3)
        mine = {"session": self.id} if "start" in sys.argv else {}
        yield {**about, **mine, "text": "waiting \\x1b[31muntil it is ready"}
        await asyncio.sleep(600)

async def connect(*more, **options):
    client = Slow()
    client.add()
    client.machine_states["gpu-1"] = "online" if "start" in sys.argv else "offline"
    return client

serving.connect = connect
sys.exit(cli.main(sys.argv[1:]))
"""
COMMANDS = ["start gpu-1 ~/x --cli demo", "doctor gpu-1", "machines connect gpu-1"]


@pytest.mark.parametrize("words", COMMANDS)
def test_one_line_changes_and_goes_away(words: str, tmp_path: Path) -> None:
    go = tmp_path / "go"
    with Terminal(["-c", SLOW, *words.split()], {"GO": str(go), "CODECAST_DEBUG": "1"}) as terminal:
        terminal.shows("gpu-1: sending our agent (99 KB) ...")
        terminal.shows("gpu-1: waiting \u241b[31muntil it is ready ...")
        go.touch()
        terminal.end()
        left = terminal.display.bottom(30)
    assert left.strip(), "the result"
    assert "not mine" not in terminal.text and "not there" not in terminal.text
    assert "ready ..." not in left and "agent (99" not in left


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("json", [[], ["--json"]])
def test_a_pipe_sees_nothing_of_it(words: str, json: list[str], tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    done = subprocess.run(
        [sys.executable, "-c", SLOW, *words.split(), *json],
        env={
            **os.environ,
            "GO": str(tmp_path / "go"),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'remote_agent'}",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    assert done.stdout.strip() and "\x1b" not in done.stdout and "..." not in done.stdout


def test_json_on_a_terminal_is_only_json(tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    argv = ["-c", SLOW, "machines", "connect", "gpu-1", "--json"]
    with Terminal(argv, {"GO": str(tmp_path / "go")}) as terminal:
        terminal.end()
    assert terminal.text.lstrip().startswith("{") and "connecting to" not in terminal.text
