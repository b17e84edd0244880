"""What the tests of the real Codex do in many places."""

from __future__ import annotations

from pathlib import Path

import psutil

from .driving import Driver

WAIT_FOR_GO = "touch begun; while [ ! -e go ]; do sleep 0.1; done"


def shells(project: Path) -> list[psutil.Process]:
    """The processes whose working directory is the project, but for Codex itself."""
    found = []
    for process in psutil.process_iter(["cwd", "name"]):
        if process.info["cwd"] == str(project) and "codex" not in process.info["name"]:
            found.append(process)
    return found


def switch(cx: Driver, mode: str) -> None:
    """As the supervisor does: in place, or by a new process where the adapter asks for it."""
    if not cx.adapter.set_mode(mode):
        cx.kill()
        cx.start(mode=mode, native=cx.state["native"])
    cx.until(lambda: cx.state["mode"] == mode)
