"""Runs parts, each in a process of its own with a deadline: one that fails or hangs says so, and
the rest goes on. Whatever it leaves is found by its mark and ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.fixtures.live import gone, kill, living, with_environment

from . import processes
from .figures import Result
from .network import Unavailable, sweep
from .parts import Part
from .settings import Settings
from .site import MARK

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Outcome:
    """Of one part: a result, or why there is none."""

    part: str
    seconds: float
    result: Result | None = None
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        result = self.result.to_json() if self.result else None
        return {
            "part": self.part,
            "seconds": round(self.seconds, 1),
            "result": result,
            "problem": self.problem,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Outcome:
        result = Result.from_json(data["result"]) if data["result"] else None
        return cls(data["part"], data["seconds"], result, data["problem"])


def run(part: Part, settings: Settings, directory: Path | None = None) -> Outcome:
    """Never raises for what goes wrong in the part. Its files lie in a directory of its own
    below `directory`, while it runs."""
    mark = uuid.uuid4().hex
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(
        prefix="ccb", dir=directory, ignore_cleanup_errors=True
    ) as home:
        answer = Path(home) / "answer.json"
        words = [part.name, json.dumps(settings.to_json()), home, str(answer)]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.runner", *words],
            cwd=ROOT,
            env={**os.environ, MARK: mark},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        limit = part.limit(settings)
        problem = ""
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            problem = f"it was not finished after {limit:.0f} seconds"
        finally:
            end(process, mark, home)
        try:
            return Outcome.from_json(json.loads(answer.read_text()))
        except (OSError, ValueError):
            problem = problem or f"it ended with status {process.returncode}"
            return Outcome(part.name, time.monotonic() - begin, None, problem)


def end(process: subprocess.Popen[bytes], mark: str, home: str) -> None:
    """A part's process, its group, and everything that bears its mark or names its directory
    (sshd writes its title over its environment)."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for _ in range(3):  # what was just forked may be missed once
        left = with_environment(MARK, mark) | naming(home)
        if not left:
            break
        kill(*left)
        gone(left)
    sweep()


def naming(directory: str) -> set[int]:
    """Living processes whose command line has the directory in it."""
    return {
        process.pid
        for process in psutil.process_iter()
        if f"{directory}/" in processes.words(process) and living(process.pid)
    }


def settings_of(data: dict[str, Any]) -> Settings:
    values = {key: tuple(each) if isinstance(each, list) else each for key, each in data.items()}
    return Settings(**values)


def _child(name: str, settings: Settings, home: Path, answer: Path) -> None:
    begin = time.monotonic()
    random.seed(f"{settings.seed} {name}")
    result, problem = None, ""
    try:
        (home / "home").mkdir()
        result = asyncio.run(_measured(name, settings, home / "home"))
    except Unavailable as error:
        problem = str(error)
    except BaseException as error:
        traceback.print_exc()
        problem = f"{type(error).__name__}: {error}"
    outcome = Outcome(name, time.monotonic() - begin, result, problem)
    answer.write_text(json.dumps(outcome.to_json()))


async def _measured(name: str, settings: Settings, home: Path) -> Result:
    return await Part(name, "", 0).measure()(settings, home)


if __name__ == "__main__":
    _child(sys.argv[1], settings_of(json.loads(sys.argv[2])), Path(sys.argv[3]), Path(sys.argv[4]))
