"""The environment a person's own terminal would have on this machine.

A command run over SSH or by a server misses what login shells set up: the PATH of nvm,
conda or Homebrew, API keys, proxies. So the person's own shell is asked once, with nothing
on its stdin and a time limit, and well-known directories are added where it cannot tell.

With conda that takes seconds, so the answer is good for MAX_AGE, or until a start-up file
changes. Relays keep it (`keep`), and the supervisors they fork inherit it.
"""

import os
import pwd
import select
import signal
import time
from _thread import allocate_lock
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

if TYPE_CHECKING:
    import subprocess

TIMEOUT = 10.0  # seconds the login shell gets
MAX_AGE = 300.0  # seconds its answer is good for
START_UP_FILES = (
    "/etc/environment",
    "/etc/profile",
    "/etc/profile.d",
    "/etc/bash.bashrc",
    "/etc/zsh/zshenv",
    "/etc/zsh/zprofile",
    "/etc/zsh/zshrc",
    "~/.profile",
    "~/.bash_profile",
    "~/.bash_login",
    "~/.bashrc",
    "~/.zshenv",
    "~/.zprofile",
    "~/.zshrc",
    "~/.zlogin",
    "~/.cshrc",
    "~/.tcshrc",
    "~/.login",
    "~/.kshrc",
    "~/.config/fish/config.fish",
    "~/.config/fish/conf.d",
)
# what describes that shell and not the person's environment
DROPPED = ("_", "SHLVL", "PWD", "OLDPWD", "PS1", "PROMPT_COMMAND", "TERM_PROGRAM")

_lock = allocate_lock()
_cached: Optional[Dict[str, Any]] = None  # what `login` says, with its stamp and time


def environment(refresh: bool = False) -> Dict[str, str]:
    """The login shell's variables, PATH completed by well-known directories. Cached."""
    return dict(login(refresh)["env"])


def login(refresh: bool = False) -> Dict[str, Any]:
    """`{env, path, problem}`: the environment, the PATH the shell itself has, and why it could
    not be asked (then `env` is the plain one; else empty)."""
    global _cached
    with _lock:
        if _cached is None or refresh or not _is_good(_cached):
            stamp = _stamp()  # before the shell reads them
            told, problem = _ask_shell()
            found = dict(os.environ)
            found.update(told or {})
            for name in DROPPED:
                if name not in os.environ:
                    found.pop(name, None)
            own = found.get("PATH", os.defpath)
            found["PATH"] = _path(own, found.get("HOME", ""))
            _cached = {
                "env": found,
                "path": own,
                "problem": problem,
                "stamp": stamp,
                "until": time.monotonic() + MAX_AGE,
            }
        return _cached


def fresh() -> bool:
    """Whether `login` would answer without asking the shell."""
    return _cached is not None and _is_good(_cached)


def keep(answer: Dict[str, Any]) -> None:
    """Take over what a child's `login` said."""
    global _cached
    _cached = answer


def _is_good(answer: Dict[str, Any]) -> bool:
    return bool(time.monotonic() < answer["until"] and answer["stamp"] == _stamp())


def _stamp() -> List[Any]:
    """Changes with the shell and its start-up files. JSON keeps it as it is."""
    found: List[Any] = [login_shell()]
    for name in START_UP_FILES:
        try:
            found.append(os.stat(os.path.expanduser(name)).st_mtime_ns)
        except OSError:
            found.append(0)
    return found


def which(program: str, path: Optional[str] = None) -> Optional[str]:
    """The executable that `program` names on `path` (else our own PATH); None when there is
    none. `shutil` has it too, and loads five compressors with it."""
    if os.path.dirname(program):
        return program if _runs(program) else None
    if path is None:
        path = os.environ.get("PATH", os.defpath)
    for directory in path.split(os.pathsep) if path else ():
        found = os.path.join(directory, program)
        if _runs(found):
            return found
    return None


def _runs(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


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


def _ask_shell() -> Tuple[Optional[Dict[str, str]], str]:
    """What `env -0` says between two markers in an interactive login shell, or why not."""
    import subprocess  # in a helper process; a supervisor needs none of it

    shell = login_shell()
    mark = "codecast-" + os.urandom(8).hex()  # `secrets` would load OpenSSL
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
    except OSError as problem:
        return None, _fallen_back("%s cannot be run (%s)" % (shell, problem.strerror))
    assert process.stdout is not None
    out, late = _read_until(process.stdout.fileno(), mark.encode())
    parts = out.split(mark.encode())
    ended = len(parts) < 3 and not late
    status = _exit_code(process) if ended else None
    # a start-up file may leave a child behind: end the whole group
    _end_group(process.pid)
    process.stdout.close()
    process.wait()
    if len(parts) < 3:
        if late:
            reason = "%s did not answer within %g seconds" % (shell, TIMEOUT)
        else:
            reason = "%s ended before it answered" % shell
            reason += " (exit code %d)" % status if status else ""
        return None, _fallen_back(reason)
    found: Dict[str, str] = {}
    for entry in parts[1].lstrip(b"\r\n").split(b"\0"):
        name, equals, value = entry.partition(b"=")
        if equals and name.strip():
            found[os.fsdecode(name)] = os.fsdecode(value)
    if "PATH" not in found:
        return None, _fallen_back("%s has no PATH" % shell)
    return found, ""


def _exit_code(process: "subprocess.Popen[bytes]") -> Optional[int]:
    """Of a shell that has closed its output; None when it lives on or was killed."""
    import subprocess

    try:
        status = process.wait(1.0)
    except subprocess.TimeoutExpired:
        return None
    return status if status > 0 else None


def _fallen_back(reason: str) -> str:
    return (
        "The login shell %s, so what it sets up (PATH, keys, proxies) is missing here."
        " Look into its start-up files." % reason
    )


def _read_until(fd: int, mark: bytes) -> Tuple[bytes, bool]:
    """What comes until `mark` stood there twice, and whether time was up before. A child that
    left the shell's group may hold the pipe for ever."""
    out = b""
    end = time.monotonic() + TIMEOUT
    while out.count(mark) < 2:
        left = end - time.monotonic()
        if left <= 0 or not select.select([fd], [], [], left)[0]:
            return out, True
        piece = os.read(fd, 1 << 16)
        if not piece:
            break
        out += piece
    return out, False


def _end_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        pass


def _path(path: str, home: str) -> str:
    """`path`, and at its end what it lacks of the plain PATH and of well-known directories."""
    entries = [entry for entry in path.split(os.pathsep) if entry]
    for entry in os.environ.get("PATH", "").split(os.pathsep):
        if entry and entry not in entries:  # a profile may set PATH anew
            entries.append(entry)
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
        import glob

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
