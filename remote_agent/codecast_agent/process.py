"""A CLI's process: started in a session of its own, with three pipes, bound to our life."""

import os
import signal
from typing import Dict, List

from . import system
from .protocol.errors import CodecastError

OOM_SCORE = 300  # memory pressure takes the CLI, not its supervisor


class Child:
    """A running program. `stdin`, `stdout` and `stderr` are our non-blocking ends.

    Raises CodecastError: `cli_missing` when there is no such program, `no_such_directory`,
    or `cli_failed` with the system's reason.
    """

    def __init__(self, argv: List[str], env: Dict[str, str], cwd: str) -> None:
        system.preload()
        pipes = [os.pipe(), os.pipe(), os.pipe()]
        said, say = os.pipe()  # closed by a successful exec, told an errno by a failed one
        supervisor = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _become(argv, env, cwd, pipes, say, supervisor)
        for fd in (pipes[0][0], pipes[1][1], pipes[2][1], say):
            os.close(fd)
        word = os.read(said, 256)
        os.close(said)
        self.stdin, self.stdout, self.stderr = pipes[0][1], pipes[1][0], pipes[2][0]
        if word:
            os.waitpid(self.pid, 0)
            self.close()
            raise _refusal(word, argv, cwd)
        for fd in (self.stdin, self.stdout, self.stderr):
            os.set_blocking(fd, False)
        _widen(self.stdout)

    def close_stdin(self) -> None:
        if self.stdin >= 0:
            os.close(self.stdin)
            self.stdin = -1

    def close(self) -> None:
        self.close_stdin()
        for fd in (self.stdout, self.stderr):
            if fd >= 0:
                os.close(fd)
        self.stdout = self.stderr = -1

    def signal(self, signum: int) -> None:
        """To the whole process group."""
        try:
            os.killpg(self.pid, signum)
        except OSError:
            pass


def _become(
    argv: List[str],
    env: Dict[str, str],
    cwd: str,
    pipes: "List[tuple[int, int]]",
    say: int,
    supervisor: int,
) -> None:
    """The forked half: never returns."""
    step = b"exec"
    try:
        os.setsid()
        system.die_with_parent(signal.SIGKILL, supervisor)
        system.set_oom_score(OOM_SCORE)
        for wanted, fd in ((0, pipes[0][0]), (1, pipes[1][1]), (2, pipes[2][1])):
            os.dup2(fd, wanted)
        system.close_all_but([say])
        for signum in (
            signal.SIGPIPE,
            signal.SIGINT,
            signal.SIGTERM,
            signal.SIGHUP,
            signal.SIGCHLD,
        ):
            signal.signal(signum, signal.SIG_DFL)
        if hasattr(signal, "SIGXFSZ"):
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        step = b"chdir"
        os.chdir(cwd)
        step = b"exec"
        env = dict(env, PWD=cwd)
        os.execvpe(argv[0], argv, env)
    except OSError as problem:
        os.write(say, b"%s %d" % (step, problem.errno or 0))
    except BaseException as problem:
        os.write(say, b"exec 0 " + repr(problem).encode()[:200])
    finally:
        os._exit(127)


def _refusal(word: bytes, argv: List[str], cwd: str) -> CodecastError:
    parts = word.split(b" ", 2)
    number = int(parts[1])
    reason = os.strerror(number) if number else parts[-1].decode("utf-8", "replace")
    if parts[0] == b"chdir":
        return CodecastError(
            "no_such_directory",
            "%s: %s." % (cwd, reason),
            "Name a directory of that machine that you may enter.",
        )
    if number == 2:
        return CodecastError(
            "cli_missing",
            "The program %s is not there." % argv[0],
            "Install it on the machine, or name its command.",
        )
    return CodecastError("cli_failed", "%s cannot be run: %s." % (argv[0], reason))


def _widen(fd: int) -> None:
    """A pipe of 1 MiB: fewer turns of the loop for a CLI that talks much."""
    try:
        import fcntl

        fcntl.fcntl(fd, getattr(fcntl, "F_SETPIPE_SZ", 1031), 1 << 20)
    except OSError:
        pass


def describe_exit(status: int) -> "tuple[Dict[str, int], str]":
    """A wait status as the fields of `session_state` and in words."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = str(number)
        return {"signal": number}, "was killed by %s" % name
    code = os.WEXITSTATUS(status)
    return {"code": code}, "ended with exit code %d" % code
