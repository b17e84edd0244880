"""What processes cost: CPU time to the nanosecond and memory, from /proc."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

import psutil

MIB = 1 << 20


def cpu(pids: Iterable[int]) -> float:
    """Seconds that living processes, all their threads, have run."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                total += int(task.read_text().split()[0])
    return total / 1e9


def memory(pid: int) -> dict[str, float]:
    """MiB: `rss`, `pss` (shared pages divided among their users), `private`."""
    sizes = {
        line.split()[0].rstrip(":"): int(line.split()[1])
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    }
    private = sizes["Private_Clean"] + sizes["Private_Dirty"]
    return {"rss": sizes["Rss"] / 1024, "pss": sizes["Pss"] / 1024, "private": private / 1024}


def tree(pid: int) -> list[psutil.Process]:
    """A process and all below it."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def living(pids: Iterable[int]) -> list[psutil.Process]:
    """Those that are still there."""
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    return found


def words(process: psutil.Process) -> str:
    """Its command line; empty when it is gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.Error:
        return ""
