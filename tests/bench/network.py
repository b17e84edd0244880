"""A host behind a wire of a given length: a network namespace and the program `delay.c`.

Round trips of 0 need neither; longer ones need root, iproute2, a C compiler and /dev/net/tun.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shutil
import subprocess
from pathlib import Path

from tests.fixtures.netns import ip

SOURCE = Path(__file__).with_name("delay.c")
_count = itertools.count()


class Unavailable(Exception):
    """What this computer lacks for a measurement."""


class Wire:
    """`with Wire(directory, rtt) as wire`: `wire.address` is the host's, `wire.wrap` what to put
    before a command to run it there. `rtt` in ms. Raises Unavailable."""

    def __init__(self, directory: Path, rtt: float) -> None:
        self.rtt = rtt
        self._control = directory / "wire"
        self._program = directory / "delay"
        self._process: subprocess.Popen[bytes] | None = None
        self._space = f"ccb{os.getpid()}-{next(_count)}"
        base = f"198.{random.choice((18, 19))}.{random.randrange(256)}.{4 * random.randrange(63)}"
        head, _, last = base.rpartition(".")
        self._here, self.address = f"{head}.{int(last) + 1}", f"{head}.{int(last) + 2}"
        self.wrap = ["ip", "netns", "exec", self._space]

    def __enter__(self) -> Wire:
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if os.getuid() != 0 or not shutil.which("ip") or not Path("/dev/net/tun").exists():
            raise Unavailable("a wire of some length needs root, iproute2 and /dev/net/tun")
        if compiler is None:
            raise Unavailable("a wire of some length needs a C compiler (apt install gcc libc-dev)")
        subprocess.run([compiler, "-O2", "-o", self._program, SOURCE], check=True)
        try:
            self._make()
        except BaseException:
            self._unmake()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._unmake()

    def _make(self) -> None:
        ip("netns", "add", self._space)
        ip("-n", self._space, "link", "set", "lo", "up")
        here, there = f"{self._space}a"[-15:], f"{self._space}b"[-15:]
        words = [self._program, "-", here, self._space, there, str(self.rtt / 2), self._control]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"ready\n":
            raise Unavailable("the wire could not be made")
        ip("addr", "add", self._here, "peer", self.address, "dev", here)
        ip("-n", self._space, "addr", "add", self.address, "peer", self._here, "dev", there)
        ip("link", "set", here, "up")
        ip("-n", self._space, "link", "set", there, "up")

    def _unmake(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
        with contextlib.suppress(subprocess.CalledProcessError):
            ip("netns", "del", self._space)

    def say(self, word: str) -> None:
        """A line for the wire, see `delay.c`."""
        self._control.write_text(word + "\n")

    def cut(self) -> None:
        """Everything is lost from now on, and nobody is told."""
        self.say("drop 3")

    def mend(self) -> None:
        self.say("drop 0")


def sweep() -> None:
    """Remove the namespaces that runs which were killed have left."""
    for space in Path("/run/netns").glob("ccb*-*"):
        owner = space.name.removeprefix("ccb").partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            with contextlib.suppress(subprocess.CalledProcessError):
                ip("netns", "del", space.name)
