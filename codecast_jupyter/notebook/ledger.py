"""What a run has done, kept on this computer, one file a run: results that survive the kernel,
and the removal of the sessions they came from.

The hub's own memory of prompts makes each task happen once; the ledger only saves asking it,
and keeps what is done done when somebody has removed its session.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codecast_agent.protocol.errors import CodecastError

Json = Mapping[str, Any]


def folder() -> Path:
    """`$CODECAST_RUNS`, or beside Jupyter's own data. Made for us alone."""
    given = os.environ.get("CODECAST_RUNS")
    path = Path(given) if given else _data() / "codecast_runs"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _data() -> Path:
    try:
        from jupyter_core.paths import jupyter_data_dir
    except ImportError:
        return Path(os.environ.get("JUPYTER_DATA_DIR") or Path.home() / ".local/share/jupyter")
    return Path(jupyter_data_dir())


def check(name: str) -> str:
    """Raises CodecastError("bad_request") for what is no name of a run."""
    if not re.fullmatch(r"[^\W_][\w.-]{0,63}", name):
        raise CodecastError(
            "bad_request",
            f"{name!r} is no name for a run.",
            "Take up to 64 letters and digits, with - _ . between them, such as flaky-tests.",
        )
    return name


class Ledger:
    """Lines of JSON: `{asked: ...}` for each asking, `{done: ...}` for each task that ended."""

    def __init__(self, run: str) -> None:
        self.run = check(run)
        self.path = folder() / f"{run}.jsonl"

    def lines(self) -> list[dict[str, Any]]:
        """All that can be read: a line cut by a crash is none."""
        found = []
        try:
            text = self.path.read_text("utf-8")
        except OSError:
            return []
        for line in text.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def asked(self) -> dict[str, Any]:
        """The last asking."""
        asked = [line["asked"] for line in self.lines() if "asked" in line]
        return asked[-1] if asked else {}

    def done(self) -> dict[str, dict[str, Any]]:
        """Results by the task's session id, the newest of each."""
        found = [line["done"] for line in self.lines() if "done" in line]
        return {result["session"]: result for result in found}

    def write(self, kind: str, what: Json) -> None:
        # a line cut by a crash must not swallow this one
        line = "\n" + json.dumps({kind: what}, default=str) + "\n"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        file = os.open(self.path, flags, 0o600)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)


def names() -> list[str]:
    """Runs this computer knows, the newest first."""
    dated = [(path.stat().st_mtime, path.stem) for path in folder().glob("*.jsonl")]
    return [name for _, name in sorted(dated, reverse=True)]
