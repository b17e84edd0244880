"""The processes of this user, as far as they tell who writes a conversation."""

import os
import time
from typing import Dict, List, NamedTuple, Optional, Set

from ... import tree
from .contract import Found, Live

WRITING = os.O_WRONLY | os.O_RDWR


class Process(NamedTuple):
    pid: int
    program: str  # what a person would call it
    started: float  # seconds since 1970
    ticks: int  # the same on the kernel's clock: with the pid it names a process for good


def process(pid: int) -> Optional[Process]:
    """None when there is none, or it is dead."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            stat = file.read().decode("utf-8", "replace")
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            words = [word.decode("utf-8", "replace") for word in file.read().split(b"\0")]
        name, fields = stat[stat.find("(") + 1 : stat.rfind(")")], stat.rsplit(")", 1)[1].split()
        if fields[0] in "ZX":
            return None
        ticks = int(fields[19])
    except (OSError, ValueError, IndexError):
        return None
    program = os.path.basename(words[0]) or name
    if program.startswith(("node", "bun", "python", "deno")):
        script = next((word for word in words[1:] if word and not word.startswith("-")), "")
        program = os.path.basename(script) or program
    return Process(pid, program, _boot() + ticks / os.sysconf("SC_CLK_TCK"), ticks)


def _boot() -> float:
    try:
        with open("/proc/uptime") as file:
            return time.time() - float(file.read().split()[0])
    except (OSError, ValueError):
        return 0.0


def writers(below: str) -> Dict[str, int]:
    """Which process has which file below a directory open for writing."""
    found: Dict[str, int] = {}
    prefix = os.path.realpath(below).rstrip("/") + "/"
    for pid in _own():
        try:
            numbers = os.listdir("/proc/%d/fd" % pid)
        except OSError:
            continue
        for number in numbers:
            try:
                target = os.readlink("/proc/%d/fd/%s" % (pid, number))
                if target.startswith(prefix) and _writes(pid, number):
                    found.setdefault(target, pid)
            except OSError:
                continue
    return found


def _writes(pid: int, number: str) -> bool:
    with open("/proc/%d/fdinfo/%s" % (pid, number)) as file:
        for line in file:
            if line.startswith("flags:"):
                return bool(int(line.split()[1], 8) & WRITING)
    return False


def at_work(words: Set[str]) -> Dict[str, List[Process]]:
    """Processes whose command is one of `words`, by the directory they stand in.

    Those of our own sessions are left out: what they write is known to be theirs.
    """
    found: Dict[str, List[Process]] = {}
    for pid in _own():
        try:
            with open("/proc/%d/cmdline" % pid, "rb") as file:
                head = file.read(4096).split(b"\0")[:4]
            names = {os.path.basename(word.decode("utf-8", "replace")) for word in head}
            if not names & words or tree.mark_of(pid) is not None:
                continue
            cwd = os.readlink("/proc/%d/cwd" % pid)
        except OSError:
            continue
        one = process(pid)
        if one is not None:
            found.setdefault(cwd, []).append(one)
    return found


def guess(found: List[Found], title: str, words: Set[str]) -> List[Found]:
    """With `live` filled in for CLIs that lock nothing: where such a program runs in the
    directory since before the last message, it may well be the one that wrote it."""
    busy = at_work(words) if found else {}
    out = []
    for each in found:
        there = busy.get(os.path.realpath(each.cwd), []) if each.cwd else []
        # a program that starts itself anew is told by the first of its processes
        one = min(there, key=lambda process: process.ticks, default=None)
        if one is not None and one.started <= each.updated:
            why = "%s (process %d) runs in its directory and may be writing it."
            reason = why % (title, one.pid)
            each = each._replace(live=Live(one.pid, one.program, one.started, reason))
        out.append(each)
    return out


def _own() -> List[int]:
    uid, pids = os.getuid(), []
    try:
        names = os.listdir("/proc")
    except OSError:
        return []
    for name in names:
        if name.isdigit():
            try:
                if os.stat("/proc/" + name).st_uid == uid:
                    pids.append(int(name))
            except OSError:
                continue
    return pids
