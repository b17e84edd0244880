"""The processes of a session, wherever they went: children, orphans, marked strays.

A process belongs to a session when it descends from its supervisor (which adopts the orphans
below it) or has CODECAST_SESSION=<id> in the environment it was started with. Supervisors
and relays are no one's, not even when a CLI runs a hub of its own: they have other ends.
"""

import os
import signal
import time
from typing import Dict, Iterator, List, NamedTuple, Optional, Set

from . import system

MARK = "CODECAST_SESSION"


class Entry(NamedTuple):
    """A line of the process table."""

    pid: int
    parent: int
    state: str  # Z: dead, not yet waited for
    name: str


def table() -> Dict[int, Entry]:
    """Every process there is, by pid; empty where there is no /proc."""
    found: Dict[int, Entry] = {}
    try:
        names = os.listdir("/proc")
    except OSError:
        return found
    for name in names:
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb") as file:
                    stat = file.read().decode("utf-8", "replace")
            except OSError:
                continue
            close = stat.rfind(")")
            fields = stat[close + 2 :].split(" ", 2)
            pid = int(name)
            found[pid] = Entry(pid, int(fields[1]), fields[0], stat[stat.find("(") + 1 : close])
    return found


def mark_of(pid: int) -> Optional[str]:
    """The session a process was started for; None when unmarked or not ours to read."""
    try:
        with open("/proc/%d/environ" % pid, "rb") as file:
            environ = file.read()
    except OSError:
        return None
    wanted = MARK.encode() + b"="
    for entry in environ.split(b"\0"):
        if entry.startswith(wanted):
            return entry[len(wanted) :].decode("utf-8", "replace")
    return None


def family(session: str, supervisor: int = 0) -> Set[int]:
    """The living processes of a session, without supervisors, relays and ourselves.

    `supervisor` is the process whose descendants belong to it, 0 when it is dead.
    """
    everyone = table()
    ours = (system.SUPERVISOR, system.RELAY)
    spared = {pid for pid, entry in everyone.items() if entry.name in ours}
    pid = os.getpid()
    while pid in everyone and pid not in spared:  # ourselves and those we live below
        spared.add(pid)
        pid = everyone[pid].parent
    children: Dict[int, List[int]] = {}
    for entry in everyone.values():
        children.setdefault(entry.parent, []).append(entry.pid)
    found: Set[int] = set()
    ahead = list(children.get(supervisor, ())) if supervisor else []
    while ahead:
        pid = ahead.pop()
        if pid not in spared and pid not in found:
            found.add(pid)
            ahead.extend(children.get(pid, ()))
    for pid in everyone:
        if pid not in found and pid not in spared and mark_of(pid) == session:
            found.add(pid)
    return {pid for pid in found if everyone[pid].state not in "ZX"}


def marked() -> Iterator[Entry]:
    """Every living process with a session's mark that we may read."""
    for entry in table().values():
        if entry.state not in "ZX" and mark_of(entry.pid) is not None:
            yield entry


def strike(pids: Set[int], signum: int) -> None:
    """Send a signal to each that is still there."""
    for pid in pids:
        try:
            os.kill(pid, signum)
        except OSError:
            pass


def end(session: str, grace: float = 0.2, patience: float = 5.0) -> int:
    """Terminate, then kill everything of a session whose supervisor is dead; blocks.

    Returns how many processes there were.
    """
    everyone: Set[int] = set()
    begun = time.monotonic()
    while time.monotonic() - begun < patience:
        living = family(session)
        if not living:
            break
        polite = time.monotonic() - begun < grace
        if polite:
            strike(living - everyone, signal.SIGTERM)
        else:
            strike(living, signal.SIGKILL)
        everyone |= living
        time.sleep(0.02)
    return len(everyone)
