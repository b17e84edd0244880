"""Takes away agents of older versions, and what a killed unpack left.

An agent's directory may be needed by whoever was started from it: modules are loaded late, and
the demo CLI runs there. Who that is tell the command lines, in which the stub names its agent
(`boot`). Where that cannot be told, of a session's supervisor here or of one on another machine
that shares the home, nothing is removed. A directory's time is that of its last relay's start.
"""

import base64
import os
import re
import time
import zlib
from typing import Dict, Optional, Set

from . import system, tree
from .places import places, sessions_directory

UNUSED = 7 * 86400.0  # seconds after which an agent that nobody runs is removed
ASIDE = 3600.0  # seconds after which an unpack was killed
_NAME = re.compile(r"[0-9a-f]{16}\Z")
_PACKED = re.compile(rb'b64decode\(b[\\]*"([A-Za-z0-9+/=]+)')
_STUB = re.compile(rb"boot\('([0-9a-f]{16})")
_PLACE = re.compile(rb"/agent/([0-9a-f]{16})")


def used(root: str, name: str) -> None:
    """The agent of that name is started."""
    try:
        os.utime("%s/agent/%s" % (root, name))
    except OSError:
        return


def tidy(root: str, own: str) -> None:
    """Remove what is old and unused below `root`/agent; `own` is the agent that we are."""
    directory = root + "/agent"
    old = []
    for name in os.listdir(directory):
        path = directory + "/" + name
        try:
            age = time.time() - os.lstat(path).st_mtime
        except OSError:
            continue
        if name.startswith(".") and age > ASIDE:
            _delete(path)
        elif _NAME.match(name) and name != own and age > UNUSED:
            old.append(name)
    if old and not _others_live(root):
        for name in old:
            _remove(root, name)


def _remove(root: str, name: str) -> None:
    """In one step: whoever comes meanwhile finds none and installs it anew, or is seen by us."""
    path, aside = "%s/agent/%s" % (root, name), "%s/agent/.%s-%d-old" % (root, name, os.getpid())
    if _may_run(root, name):
        return
    try:
        os.rename(path, aside)
    except OSError:  # another janitor was faster
        return
    if _may_run(root, name):
        try:
            os.rename(aside, path)
            return
        except OSError:  # it was installed anew, which serves as well
            pass
    _delete(aside)


def _may_run(root: str, name: str) -> bool:
    """Whether a process runs, or may run, from the agent of that name."""
    running = running_agents()
    if running is None:
        return True
    for place in places([sessions_directory(root)]):
        pid = place.read_pid()
        if pid in running and not running[pid]:
            return True  # started by other means: from where, nobody can tell
    return any(name in agents for agents in running.values())


def _delete(path: str) -> None:
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            system.delete(path)
        else:
            os.unlink(path)
    except OSError:
        return


def running_agents() -> Optional[Dict[int, Set[str]]]:
    """The processes of this account that run from agents, or are supervisors, and which agents
    their command lines name; None where there is no table of processes."""
    everyone = tree.table()
    if not everyone:
        return None
    found: Dict[int, Set[str]] = {}
    for pid, entry in everyone.items():
        try:
            if entry.state in "ZX" or os.stat("/proc/%d" % pid).st_uid != os.getuid():
                continue
            with open("/proc/%d/cmdline" % pid, "rb") as file:
                line = file.read()
        except OSError:
            continue
        for packed in _PACKED.findall(line):
            try:
                line += zlib.decompress(base64.b64decode(packed))
            except (ValueError, zlib.error):
                continue
        # a stub or what came of it; a CLI of ours, which is told the directory
        agents = {each.decode() for pattern in (_STUB, _PLACE) for each in pattern.findall(line)}
        if agents or entry.name == system.SUPERVISOR:
            found[pid] = agents
    return found


def _others_live(root: str) -> bool:
    """Whether a machine that shares this root may have a supervisor: its processes are not ours
    to see."""
    own = os.path.dirname(sessions_directory(root))
    try:
        for host in os.listdir(root + "/hosts"):
            path = root + "/hosts/" + host
            if path != own and any(place.has_socket() for place in places([path + "/sessions"])):
                return True
    except OSError:
        return True
    return False
