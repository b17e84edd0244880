"""The environment a person's own terminal would have on this machine.

A command run over SSH or by a server misses what login shells set up: the PATH of nvm,
conda or Homebrew, API keys, proxies. So the person's own shell is asked once, with nothing
on its stdin and a time limit, and well-known directories are added where it cannot tell.
"""

import glob
import os
import pwd
import secrets
import signal
import subprocess
import threading
from typing import Dict, List, Optional

TIMEOUT = 5.0  # seconds the login shell gets
# what describes that shell and not the person's environment
DROPPED = ("_", "SHLVL", "PWD", "OLDPWD", "PS1", "PROMPT_COMMAND", "TERM_PROGRAM")

_lock = threading.Lock()
_cached: Optional[Dict[str, str]] = None


def environment(refresh: bool = False) -> Dict[str, str]:
    """The login shell's variables, PATH completed by well-known directories. Cached."""
    global _cached
    with _lock:
        if _cached is None or refresh:
            found = dict(os.environ)
            found.update(_ask_shell() or {})
            for name in DROPPED:
                if name not in os.environ:
                    found.pop(name, None)
            found["PATH"] = _path(found.get("PATH", os.defpath), found.get("HOME", ""))
            _cached = found
        return dict(_cached)


def login_shell() -> str:
    """The person's shell: `$SHELL`, or the account's, or /bin/sh."""
    shell = os.environ.get("SHELL", "")
    if not shell:
        try:
            shell = pwd.getpwuid(os.getuid()).pw_shell
        except KeyError:
            shell = ""
    if os.path.isabs(shell) and os.access(shell, os.X_OK):
        return shell
    return "/bin/sh"


def _ask_shell() -> Optional[Dict[str, str]]:
    """What `env -0` says between two markers in an interactive login shell; None at failure."""
    shell = login_shell()
    mark = "codecast-" + secrets.token_hex(8)
    # three commands every shell (csh and fish too) understands alike
    script = "echo %s; env -0; echo %s" % (mark, mark)
    # csh takes -l only alone
    flags = ["-ic"] if os.path.basename(shell) in ("csh", "tcsh") else ["-lic"]
    try:
        process = subprocess.Popen(
            [shell, *flags, script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # no terminal to grab, and a group to end
        )
    except OSError:
        return None
    # a start-up file may leave a child behind that keeps the pipe open: end the whole group
    timer = threading.Timer(TIMEOUT, _end_group, [process.pid])
    timer.start()
    out = b""
    try:
        assert process.stdout is not None
        wanted = mark.encode()
        while out.count(wanted) < 2:
            piece = os.read(process.stdout.fileno(), 1 << 16)
            if not piece:
                break
            out += piece
    finally:
        timer.cancel()
        _end_group(process.pid)
        assert process.stdout is not None
        process.stdout.close()
        process.wait()
    parts = out.split(mark.encode())
    if len(parts) < 3:
        return None
    found: Dict[str, str] = {}
    for entry in parts[1].lstrip(b"\r\n").split(b"\0"):
        name, equals, value = entry.partition(b"=")
        if equals and name.strip():
            found[os.fsdecode(name)] = os.fsdecode(value)
    return found if "PATH" in found else None


def _end_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        pass


def _path(path: str, home: str) -> str:
    """`path`, with the well-known directories that exist and are not in it at its end."""
    entries = [entry for entry in path.split(os.pathsep) if entry]
    for directory in _well_known(home):
        if directory not in entries and os.path.isdir(directory):
            entries.append(directory)
    return os.pathsep.join(entries)


def _well_known(home: str) -> List[str]:
    found: List[str] = []
    if home:
        found += [
            os.path.join(home, part)
            for part in (
                ".local/bin",
                ".claude/local",
                ".npm-global/bin",
                ".bun/bin",
                ".cargo/bin",
                ".opencode/bin",
                "bin",
            )
        ]
        # the newest Node of nvm first
        found += sorted(
            glob.glob(os.path.join(glob.escape(home), ".nvm/versions/node/*/bin")),
            key=_version_key,
            reverse=True,
        )
        found += [
            os.path.join(home, name, "bin")
            for name in ("miniconda3", "anaconda3", "miniforge3", "mambaforge")
        ]
    return [*found, "/opt/homebrew/bin", "/usr/local/bin", "/opt/conda/bin", "/snap/bin"]


def _version_key(path: str) -> List[int]:
    version = os.path.basename(os.path.dirname(path)).lstrip("v")
    return [int(part) if part.isdigit() else 0 for part in version.split(".")]
