"""The life of a session's CLI process: found, started, heard, ended with all its offspring.

    down -> finding -> starting -> ready -> ending -> down

Ending is one road whatever leads to it: the steps of a plan (ask the CLI, close its stdin,
SIGTERM) until its process is gone, then a sweep of everything it left, then the rest of its
output, and only then the word to the session (`Owner.cli_gone`).
"""

import os
import signal
import time
from typing import Any, Dict, List, Optional, Protocol, Tuple

from . import system, tree
from .clis.contract import Adapter, Launch, Process
from .helper import Helper
from .loop import Call, Loop
from .process import Child, describe_exit
from .protocol.errors import CodecastError
from .streams import READ, Lines, Outbox

LINE_LIMIT = 64 << 20  # bytes in a line of the CLI's stdout
SIP = 16 << 10  # bytes a read of it takes while little comes
TAIL = 64 << 10  # bytes of its stderr kept for errors
READY_WITHIN = 60.0  # seconds
FIND_WITHIN = 40.0
SWEEP_GRACE = 0.15  # seconds between SIGTERM and SIGKILL for what the CLI left behind
SWEEP_EVERY = 0.03

# kind of ending -> seconds after which each step is taken, unless the process is gone before
PLANS: Dict[str, Dict[str, float]] = {
    "stop": {"eof": 0.15, "term": 0.35, "kill": 0.6},
    "interrupt": {"term": 0.0, "kill": 0.3},
    "restart": {"eof": 0.0, "term": 2.0, "kill": 4.0},
    "failed": {"eof": 0.0, "term": 0.2, "kill": 0.7},
    "exit": {},
}


class Owner(Protocol):
    """The session, as the life of its CLI sees it."""

    def act(self, call: Call, routine: bool = False) -> None:
        """Run something that may emit, then journal what it emitted. `routine`: unless that
        changes how things stand, there is nothing to do next."""

    def may_read(self) -> bool:
        """False while the journal waits for space."""

    def adapter_for(self, argv: List[str], env: Dict[str, str]) -> Tuple[Adapter, Launch]:
        """A new adapter for a new process."""

    def cli_line(self, line: bytes) -> None:
        """A line of the CLI's stdout."""

    def cli_says_too_much(self, length: int) -> None:
        """A line longer than LINE_LIMIT was dropped."""

    def cli_gone(self, kind: str, fields: Dict[str, int], problem: CodecastError) -> None:
        """The process and all its offspring are gone; `kind` is the plan that ended it."""

    def warn(self, text: str) -> None:
        """Tell the person of something that is not as it should be."""

    def log(self, data: bytes) -> None:
        """Keep it for the curious."""


class Life:
    """One CLI process at a time. `phase` is down, finding, starting, ready or ending."""

    def __init__(self, loop: Loop, owner: Owner, session: str, cli: str) -> None:
        self.loop = loop
        self.owner = owner
        self.session = session
        self.cli = cli
        self.phase = "down"
        self.kind = ""  # of the ending
        self.adapter: Optional[Adapter] = None
        self.pid: Optional[int] = None
        self._helper: Optional[Helper] = None
        self._child: Optional[Child] = None
        self._stdin: Optional[Outbox] = None
        self._lines = Lines(LINE_LIMIT)
        self._appetite = SIP
        self._tail = b""
        self._timers: Dict[int, Call] = {}  # cancel them at the end
        self._timer = 0
        self._status: Optional[int] = None
        self._problem: Optional[CodecastError] = None
        self._swept = 0.0  # when the sweep began
        self._listening = False

    # -- starting

    def start(self, command: Optional[List[str]], env: Dict[str, str]) -> None:
        """From `down`: find the program (in a child: a login shell may be slow), then run it."""
        self.phase, self.kind = "finding", ""
        self._problem, self._status, self._tail = None, None, b""

        def find() -> Dict[str, Any]:
            from .clis import catalog

            login = catalog.login()
            argv = catalog.resolve(self.cli, command)
            return {"argv": argv, "env": login["env"], "problem": login["problem"]}

        def found(value: Any, problem: Optional[CodecastError]) -> None:
            self._helper = None
            if problem is not None:
                self._never(problem)
                return
            full = {**value["env"], **env, tree.MARK: self.session}

            def launch() -> None:
                if value["problem"]:
                    self.owner.warn(value["problem"])
                self._launch(value["argv"], full)

            self.owner.act(launch)

        self._helper = Helper(self.loop, find, found, FIND_WITHIN)

    def _never(self, problem: CodecastError) -> None:
        """It failed before there was a process."""
        self.phase, self.kind = "down", "failed"
        self.owner.act(lambda: self.owner.cli_gone("failed", {}, problem))

    def _launch(self, argv: List[str], env: Dict[str, str]) -> None:
        self.phase = "starting"
        try:
            adapter, launch = self.owner.adapter_for(argv, env)
            process: Process = adapter.launch()
            child = Child(process.argv, {**env, **process.env}, launch.cwd)
        except CodecastError as problem:
            self.phase, self.kind = "down", "failed"
            self.owner.cli_gone("failed", {}, problem)
            return
        self.adapter, self._child, self.pid = adapter, child, child.pid
        self._lines = Lines(LINE_LIMIT)
        self._stdin = Outbox(self.loop, child.stdin, self._stdin_broken)
        self.resume_reading()
        self.loop.reader(child.stderr, self._read_stderr)
        self.after(READY_WITHIN, self._not_ready)
        adapter.begin()

    def _not_ready(self) -> None:
        if self.phase == "starting":
            self.fail(
                CodecastError(
                    "cli_failed",
                    "%s was not ready within %d seconds." % (self.cli, READY_WITHIN),
                    "Run it by hand on the machine to see what it waits for.",
                )
            )

    def ready(self) -> bool:
        """The adapter says so; False when it does not matter any more."""
        if self.phase != "starting":
            return False
        self.phase = "ready"
        return True

    def fail(self, problem: CodecastError) -> None:
        """It runs but is of no use: end it for this reason."""
        if self.phase in ("starting", "ready"):
            if not problem.detail:
                problem.detail = self.tail()
            self.end("failed", problem)

    def after(self, seconds: float, call: Call) -> Call:
        """A timer that ends with the process."""
        return self._after(seconds, lambda: self.owner.act(call))

    def _after(self, seconds: float, call: Call) -> Call:
        self._timer += 1
        number = self._timer

        def fire() -> None:
            self._timers.pop(number, None)
            call()

        def cancel() -> None:
            stop = self._timers.pop(number, None)
            if stop is not None:
                stop()

        self._timers[number] = self.loop.after(seconds, fire)
        return cancel

    # -- pipes

    def send(self, line: bytes) -> None:
        """To the CLI's stdin."""
        if self._stdin is not None:
            self._stdin.put(line + b"\n")

    def _stdin_broken(self) -> None:
        self._close_stdin()  # the CLI is on its way out: its exit says why

    def _close_stdin(self) -> None:
        if self._stdin is not None and self._child is not None:
            self._stdin.close()
            self._stdin = None
            self.loop.forget(self._child.stdin)
            self._child.close_stdin()

    def pause_reading(self) -> None:
        """The CLI's next words wait in its pipe."""
        if self._child is not None and self._listening:
            self._listening = False
            self.loop.reader(self._child.stdout, None)

    def resume_reading(self) -> None:
        if self._child is not None and not self._listening and self._child.stdout >= 0:
            self._listening = True
            self.loop.reader(self._child.stdout, self._hear)

    def _hear(self) -> bool:
        """One read of the pipe, one write of the journal; False when there is nothing."""
        child = self._child
        if child is None or child.stdout < 0:
            return False
        try:
            data = os.read(child.stdout, self._appetite)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        self._appetite = READ if len(data) == self._appetite else SIP
        if not data:
            self.pause_reading()
            os.close(child.stdout)
            child.stdout = -1
            return False
        lines, too_long = self._lines.feed(data)
        if lines or too_long:
            take = self.owner.cli_line

            def hear() -> None:
                for length in too_long:
                    self.owner.cli_says_too_much(length)
                for line in lines:
                    take(line)

            self.owner.act(hear, True)
        return True

    def _read_stderr(self) -> None:
        child = self._child
        if child is None or child.stderr < 0:
            return
        try:
            data = os.read(child.stderr, READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.loop.forget(child.stderr)
            os.close(child.stderr)
            child.stderr = -1
            return
        self._tail = (self._tail + data)[-TAIL:]
        self.owner.log(data)

    def tail(self) -> str:
        """The end of what the CLI wrote to stderr."""
        return self._tail.decode("utf-8", "replace").strip()

    # -- ending

    def end(self, kind: str, problem: Optional[CodecastError] = None) -> None:
        """Begin one of PLANS. A stop overtakes every other ending."""
        if self.phase == "down":
            return
        if self.phase == "finding":
            if self._helper is not None:
                self._helper.cancel()
                self._helper = None
            self._never_mind(kind, problem)
            return
        if self.phase == "ending" and kind != "stop":
            return
        self.phase, self.kind = "ending", kind
        if problem is not None:
            self._problem = problem
        for step, delay in PLANS[kind].items():
            action = {"eof": self._close_stdin, "term": self._term, "kill": self._sweep}[step]
            if delay:
                self._after(delay, action)
            else:
                action()
        if self._status is not None:
            self._sweep()

    def hasten(self) -> None:
        """The turn has ended: no reason to wait before closing stdin."""
        if self.phase == "ending":
            self._close_stdin()

    def _never_mind(self, kind: str, problem: Optional[CodecastError]) -> None:
        self.phase, self.kind = "down", kind
        reason = problem or CodecastError("cli_failed", "%s was stopped." % self.cli)
        self.owner.act(lambda: self.owner.cli_gone(kind, {}, reason))

    def _term(self) -> None:
        if self._child is not None and self._status is None:
            self._child.signal(signal.SIGTERM)
            tree.strike(tree.family(self.session, os.getpid()), signal.SIGTERM)

    def exited(self, pid: int, status: int) -> None:
        """A child was reaped."""
        if self._child is None or pid != self.pid or self._status is not None:
            return
        self._status = status
        if self.phase != "ending":
            self.kind = "failed" if self.phase == "starting" else "exit"
            self.phase = "ending"
        self._sweep()

    def _sweep(self) -> None:
        """Until nothing is left: SIGTERM once, SIGKILL after that."""
        child = self._child
        if self.phase != "ending" or child is None:
            return
        left = tree.family(self.session, os.getpid())
        if self._status is None and not system.LINUX:
            left.add(child.pid)
        now = time.monotonic()
        if not left and self._status is not None:
            self.finish()
            if self._child is not child:
                return
            # the disk is full: look again until it is not
        first = not self._swept
        if first:
            self._swept = now
            self._after(SWEEP_EVERY, self._sweep_on)
        if self._status is None:  # the plan's patience is over
            child.signal(signal.SIGKILL)  # a reaped one's number may be another's by now
            tree.strike(left, signal.SIGKILL)
        elif now - self._swept >= SWEEP_GRACE:
            tree.strike(left, signal.SIGKILL)
        elif first:
            tree.strike(left, signal.SIGTERM)

    def _sweep_on(self) -> None:
        self._after(SWEEP_EVERY if self.owner.may_read() else 0.3, self._sweep_on)
        self._sweep()

    def finish(self) -> None:
        """Everything is dead: take its last words, then say so. Waits while the disk is full."""
        child, status, adapter = self._child, self._status, self.adapter
        if self.phase != "ending" or child is None or status is None or adapter is None:
            return
        while self.owner.may_read() and self._hear():
            pass
        if not self.owner.may_read() and self.kind != "stop":
            return
        rest = self._lines.rest()
        if rest:
            last = rest
            self.owner.act(
                lambda: (
                    self.owner.cli_says_too_much(last)
                    if isinstance(last, int)
                    else self.owner.cli_line(last)
                )
            )
        self._read_stderr()
        fields, words = describe_exit(status)
        problem = self._problem or CodecastError(
            "cli_failed",
            "%s %s%s." % (self.cli, words, " before it was ready" if self.kind == "failed" else ""),
            "" if self.kind == "failed" else "The next prompt resumes its conversation.",
            self.tail(),
        )
        kind = self.kind
        self._clear(child)

        def tell() -> None:
            try:
                adapter.exited(problem)
            finally:
                self.owner.cli_gone(kind, fields, problem)

        self.owner.act(tell)

    def _clear(self, child: Child) -> None:
        for cancel in self._timers.values():
            cancel()
        self._timers = {}
        self._close_stdin()
        self.pause_reading()
        for fd in (child.stdout, child.stderr):
            if fd >= 0:
                self.loop.forget(fd)
        child.close()
        self._child = self.adapter = self.pid = None
        self._swept = 0.0
        self._listening = False
        self.phase = "down"
