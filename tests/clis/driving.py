"""A smallest supervisor: a real CLI's process, its adapter, and a person who waits for events."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from codecast_agent.clis import catalog
from codecast_agent.clis.contract import Answer, Launch, Prompt
from codecast_agent.protocol import events
from codecast_agent.protocol.errors import CodecastError

from .hosts import Json, RecordingHost

PATIENCE = 60.0  # seconds until a test gives up on a CLI


class Driver(RecordingHost):
    """Runs one process of a session; `restart` is what a supervisor does after a death."""

    def __init__(self, cli: str, command: list[str], cwd: Path, env: dict[str, str]) -> None:
        super().__init__()
        self.cli, self.command, self.cwd = cli, command, cwd
        self.env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **env}
        self.session = str(uuid.uuid4())
        self.adapter: Any = None
        self.process: subprocess.Popen[bytes] | None = None
        self.argv: list[str] = []
        self.user: int | None = None  # run the CLI as this user
        self._lines: queue.Queue[tuple[Any, bytes | None]] = queue.Queue()
        self._alarms: list[tuple[float, Callable[[], None]]] = []

    # -- the process

    def start(
        self,
        mode: str = "ask",
        native: str | None = None,
        fork: bool = False,
        model: str | None = None,
    ) -> Driver:
        """Start and wait until it is ready, has failed or has ended."""
        self.is_ready, self.problem = False, None
        launch = Launch(
            self.session, str(self.cwd), mode, model, native, fork, self.command, self.env
        )
        self.adapter = catalog.adapter(self.cli)(self, launch)  # type: ignore[call-arg]
        asked = self.adapter.launch()
        self.argv = asked.argv
        self.process = subprocess.Popen(
            asked.argv,
            cwd=self.cwd,
            env={**self.env, **asked.env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            user=self.user,
        )
        for pipe, keep in ((self.process.stdout, True), (self.process.stderr, False)):
            threading.Thread(
                target=self._read, args=(self.process, pipe, keep), daemon=True
            ).start()
        self.adapter.begin()
        self.until(lambda: self.is_ready or self.problem is not None or self.process is None)
        return self

    def _read(self, process: subprocess.Popen[bytes], pipe: Any, keep: bool) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in pipe:
                if keep:
                    self._lines.put((process, line.rstrip(b"\n")))
        if keep:
            self._lines.put((process, None))

    def send(self, line: bytes) -> None:
        super().send(line)
        if self.process is not None and self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.write(line + b"\n")
                self.process.stdin.flush()

    def after(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        alarm = (time.monotonic() + seconds, call)
        self._alarms.append(alarm)
        return lambda: self._alarms.remove(alarm) if alarm in self._alarms else None

    def kill(self) -> None:
        """SIGKILL to its process group, and wait until the adapter knows."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.until(lambda: self.process is None)

    def stop(self) -> None:
        """The end of a test: nothing is left."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
            for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
                assert pipe is not None
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
            self.process = None

    # -- waiting

    def until(self, done: Callable[[], Any]) -> Any:
        """Serve the CLI until `done` says something true; that is returned."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found = done()
            if found:
                return found
            now = time.monotonic()
            assert now < deadline, f"nothing came of it; the last events: {self.events[-5:]}"
            for alarm in [alarm for alarm in self._alarms if alarm[0] <= now]:
                self._alarms.remove(alarm)
                alarm[1]()
            try:
                process, line = self._lines.get(timeout=0.05)
            except queue.Empty:
                continue
            if process is not self.process:
                continue
            if line is None:
                self._ended()
            else:
                self.adapter.line(line)

    def _ended(self) -> None:
        assert self.process is not None
        process, self.process = self.process, None
        code = process.wait(10)
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self.adapter.exited(CodecastError("cli_failed", f"the CLI ended with {code}"))
        self._alarms.clear()
        self.nothing_open()

    def wait(self, type: str, after: int = 0, **fields: Any) -> Json:
        """The first event of a type with these fields, from event number `after` on."""

        def found() -> Json | None:
            for event in self.events[after:]:
                if event["type"] == type and all(event.get(k) == v for k, v in fields.items()):
                    return event
            return None

        event: Json = self.until(found)
        return event

    # -- the person

    def prompt(self, text: str) -> str:
        """Send a prompt; its id."""
        id = str(uuid.uuid4())
        self.adapter.prompt(Prompt(id, [events.text(text)]))
        return id

    def steer(self, text: str) -> str:
        id = str(uuid.uuid4())
        self.adapter.steer(Prompt(id, [events.text(text)]))
        return id

    def ask(self, text: str) -> Json:
        """Send a prompt and wait for the end of its turn, which is returned."""
        at = len(self.events)
        self.prompt(text)
        return self.wait("turn_ended", after=at)

    def request(self, after: int = 0) -> Json:
        """The next request to the person."""
        event = self.wait("request_opened", after=after)
        assert event["request"] in self.open_requests
        return event

    def answer(self, request: Json, **answer: Any) -> None:
        self.adapter.answer(request["request"], Answer(**answer))
        self.resolved(request["request"])

    def ended(self, after: int = 0) -> Json:
        return self.wait("turn_ended", after=after)


@contextlib.contextmanager
def driving(cli: str, command: list[str], cwd: Path, env: dict[str, str]) -> Iterator[Driver]:
    """A driver whose process does not outlive the test."""
    driver = Driver(cli, command, cwd, env)
    try:
        yield driver
    finally:
        driver.stop()
