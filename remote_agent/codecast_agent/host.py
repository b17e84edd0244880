"""What a machine says of itself: its hardware, its CLIs, its directories, our processes."""

import os
import time
from functools import partial
from typing import Any, Callable, Dict, List, Optional

from . import system, tree
from .helper import Helper
from .login import LoginShell
from .loop import Loop
from .protocol.errors import CodecastError
from .registry import Registry
from .starting import directory
from .waiter import Waiter

Params = Dict[str, Any]
ENTRIES = 5000  # of a directory; more are left out and said
SLOW = 60.0  # seconds for login shells and drivers
KEPT = 2.0  # seconds that hardware's figures are fresh: pages ask often, and drivers are slow


def methods(
    loop: Loop, registry: Registry, login: LoginShell, progress: Callable[[str, str], None]
) -> "Dict[str, Callable[[Params, Waiter], None]]":
    """The `host/*` methods by name."""

    clis: Dict[str, Any] = {}  # the last report: asking programs for versions takes seconds

    def report(params: Params, waiter: Waiter) -> None:
        def keep(value: Any) -> None:
            progress("", "")
            login.keep(value["login"])
            clis["report"] = value["report"]
            waiter.reply(value["report"])

        def refuse(problem: CodecastError) -> None:
            progress("", "")
            waiter.refuse(problem)

        if "report" in clis and not params.get("refresh"):
            waiter.reply(clis["report"])
        else:
            progress("", "asking the login shell and the CLIs for their versions")
            later(_report, params, Waiter(keep, refuse))

    figures: Dict[str, Any] = {}
    asking: List[Waiter] = []  # one look serves all who ask meanwhile

    def figure(params: Params, waiter: Waiter) -> None:
        def keep(value: Any) -> None:
            figures.update(value=value, at=time.monotonic())
            waiting, asking[:] = list(asking), []
            for each in waiting:
                each.reply(value)

        def refuse(problem: CodecastError) -> None:
            waiting, asking[:] = list(asking), []
            for each in waiting:
                each.refuse(problem)

        if figures and time.monotonic() - figures["at"] < KEPT:
            waiter.reply(figures["value"])
            return
        asking.append(waiter)
        if len(asking) == 1:
            later(info, params, Waiter(keep, refuse))

    def later(call: Callable[[Params], Any], params: Params, waiter: Waiter) -> None:
        def done(value: Any, problem: Optional[CodecastError]) -> None:
            if problem is None:
                waiter.reply(value)
            else:
                waiter.refuse(problem)

        Helper(loop, partial(call, params), done, SLOW)

    def history(params: Params, waiter: Waiter) -> None:
        def tell(found: Any) -> None:
            owners = registry.owners()
            for each in found:
                owner = owners.get((each["cli"], each["native"]))
                if owner is not None:
                    each["session"] = owner.place.session
            waiter.reply(found)

        # the login shell knows where the CLIs keep their records
        login.known(partial(later, _history, params, Waiter(tell, waiter.refuse)))

    return {
        "host/info": figure,
        "host/clis": report,
        "host/history": history,
        "host/directories": partial(later, directories),  # a network disk may hang
        "host/processes": partial(later, partial(processes, registry)),
        "host/kill": partial(_kill, registry),
    }


def _report(params: Params) -> Any:
    from .clis import catalog

    return {"report": catalog.report(bool(params.get("refresh"))), "login": catalog.login()}


def _history(params: Params) -> Any:
    from . import adoption

    return adoption.listing(params)


def directories(params: Params) -> Dict[str, Any]:
    """`{path, parent?, entries, left_out?}`, directories first, then by name.

    Raises CodecastError("no_such_directory").
    """
    path = directory(params.get("path") or "~", create=False)[0]
    entries: List[Dict[str, Any]] = []
    with os.scandir(path) as found:
        for entry in found:
            if entry.name.startswith(".") and not params.get("hidden"):
                continue
            try:
                status = entry.stat()
            except OSError:  # a link to nowhere
                continue
            entries.append(
                {
                    "name": entry.name,
                    "is_dir": entry.is_dir(),
                    "size": status.st_size,
                    "mtime": status.st_mtime,
                }
            )
    entries.sort(key=lambda each: (not each["is_dir"], each["name"].lower(), each["name"]))
    answer: Dict[str, Any] = {"path": path, "entries": entries[:ENTRIES]}
    if len(entries) > ENTRIES:
        answer["left_out"] = len(entries) - ENTRIES
    if path != "/":
        answer["parent"] = os.path.dirname(path)
    return answer


def processes(registry: Registry, params: Params) -> List[Dict[str, Any]]:
    """Every process of ours: supervisors by their locks, the others by their mark."""
    everyone = tree.table()
    found: Dict[int, str] = {entry.pid: tree.mark_of(entry.pid) or "" for entry in tree.marked()}
    supervisors = set()
    for session, entry in registry.entries.items():
        pid = entry.place.read_pid()
        if (
            pid in everyone
            and everyone[pid].name == system.SUPERVISOR
            and everyone[pid].state != "Z"
        ):
            supervisors.add(pid)
            found[pid] = session
    boot = time.time() - _uptime()
    ticks = os.sysconf("SC_CLK_TCK")
    answer = []
    for pid, session in sorted(found.items()):
        if pid not in everyone or (everyone[pid].name == system.RELAY and pid not in supervisors):
            continue
        try:
            with open("/proc/%d/stat" % pid) as file:
                fields = file.read().rsplit(")", 1)[1].split()
            with open("/proc/%d/cmdline" % pid, "rb") as file:
                words = [
                    word.decode("utf-8", "replace") for word in file.read().split(b"\0") if word
                ]
        except (OSError, IndexError):
            continue
        is_supervisor = pid in supervisors
        answer.append(
            {
                "pid": pid,
                "session": session,
                "ppid": everyone[pid].parent,
                "age": max(0.0, time.time() - boot - int(fields[19]) / ticks),
                "memory": int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
                "command": [system.SUPERVISOR] if is_supervisor else words,
                "supervisor": is_supervisor,
            }
        )
    return answer


def _kill(registry: Registry, params: Params, waiter: Waiter) -> None:
    """Everything marked with a session whose supervisor is gone; `{killed}`."""
    session = str(params.get("session"))
    entry = registry.entries.get(session)
    if entry is not None and entry.alive:
        raise CodecastError(
            "conflict", "That session is alive.", "Stop it: then nothing of it is left."
        )
    if entry is not None:
        registry.bury_now(entry, {}, waiter)
        return

    def done(value: Any, problem: Optional[CodecastError]) -> None:
        if problem is None:
            waiter.reply({"killed": value})
        else:
            waiter.refuse(problem)

    Helper(registry.loop, partial(tree.end, session), done, SLOW)


# -- info


def info(params: Params) -> Dict[str, Any]:
    """Processor, memory, disk of home, load, GPUs, uptime; what the system does not tell is
    left out. Bytes and seconds."""
    import pwd

    answer: Dict[str, Any] = {"cpus": os.cpu_count(), "gpus": _gpus(), "uptime": _uptime()}
    try:
        answer["load"] = list(os.getloadavg())
    except OSError:
        pass
    memory = _memory()
    if memory:
        answer["memory"] = memory
    try:
        disk = os.statvfs(os.path.expanduser("~"))
        answer["disk"] = {
            "total": disk.f_blocks * disk.f_frsize,
            "available": disk.f_bavail * disk.f_frsize,
        }
    except OSError:
        pass
    try:
        answer["shell"] = pwd.getpwuid(os.getuid()).pw_shell
    except KeyError:
        pass
    answer["kill_user_processes"] = kills_user_processes()
    return answer


def _memory() -> Dict[str, int]:
    found: Dict[str, int] = {}
    try:
        with open("/proc/meminfo") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name in ("MemTotal", "MemAvailable"):
                    found[name[3:].lower()] = int(value.split()[0]) * 1024
    except (OSError, ValueError):
        pass
    return found


def _uptime() -> float:
    try:
        with open("/proc/uptime") as file:
            return float(file.read().split()[0])
    except (OSError, ValueError):
        return 0.0


def _gpus() -> List[Dict[str, Any]]:
    """By `nvidia-smi`; MiB become bytes, utilization is a percentage."""
    import subprocess

    query = "name,memory.used,memory.total,utilization.gpu"
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=" + query, "--format=csv,noheader,nounits"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            timeout=10,
            env={**os.environ, "PATH": os.environ.get("PATH", os.defpath) + ":/usr/local/bin"},
        )
    except (OSError, subprocess.SubprocessError):
        return []
    gpus = []
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == 4:
            gpus.append(
                {
                    "name": fields[0],
                    "memory_used": _number(fields[1], 1 << 20),
                    "memory_total": _number(fields[2], 1 << 20),
                    "utilization": _number(fields[3], 1),
                }
            )
    return gpus


def _number(text: str, unit: int) -> Optional[int]:
    try:
        return int(float(text) * unit)
    except ValueError:
        return None


def kills_user_processes() -> bool:
    """Whether logind ends everything of a user at logout, detached or not."""
    setting = "no"
    files = ["/etc/systemd/logind.conf"]
    for folder in ("/usr/lib/systemd/logind.conf.d", "/etc/systemd/logind.conf.d"):
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        files += [folder + "/" + name for name in names if name.endswith(".conf")]
    for path in files:
        try:
            with open(path) as file:
                for line in file:
                    name, _, value = line.partition("=")
                    if name.strip() == "KillUserProcesses":
                        setting = value.strip().lower()
        except OSError:
            continue
    return setting in ("yes", "true", "1", "on") and os.path.isdir("/run/systemd/system")
