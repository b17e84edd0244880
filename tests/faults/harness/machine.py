"""A machine of a run, and everything that can happen to it.

`near` is behind an sshd on loopback and a wire that can be hurt, with its state on a small
disk of its own; `far` is two hosts away in network namespaces; `local` is the hub's own
computer. Each runs its relay and supervisors under `probe.py`, so that its clock can be set
wrong and its power cut.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import psutil

from tests.fixtures.live import Ground, comm, environ, kill, with_environment
from tests.fixtures.netns import Network
from tests.fixtures.sshd import Sshd

from .wire import Wire

PROBE = Path(__file__).parent / "probe.py"
DISK = 192 << 20  # bytes of the small disk


class Machine:
    """Files and processes below `home`."""

    def __init__(
        self,
        name: str,
        home: Path,
        control: Path,
        *,
        hosts: tuple[Sshd, ...] = (),
        wire: Wire | None = None,
        network: Network | None = None,
        small_disk: bool = False,
    ) -> None:
        self.name = name
        self.ground = Ground(home)
        self.control = control
        self.hosts = hosts  # the last one is the machine itself, those before lead to it
        self.wire = wire
        self.network = network
        self.small_disk = small_disk
        self.lost_power = 0
        control.mkdir(parents=True)
        self.set_clock(0.0)
        self.python = control / "python"
        self.python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {PROBE} {control} "$@"\n')
        self.python.chmod(0o755)
        if small_disk:
            self.ground.root.mkdir(parents=True, mode=0o700)
            options = f"size={DISK},mode=700"
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.ground.root], check=True
            )

    def close(self) -> None:
        self.ground.sweep()
        if self.small_disk:
            subprocess.run(["umount", "-l", self.ground.root], check=True)

    # -- processes

    def processes(self) -> list[psutil.Process]:
        """All that run there: relays, supervisors, CLIs and theirs."""
        found = []
        for pid in with_environment("HOME", str(self.ground.home)):
            if comm(pid).startswith("codecast-") or "CODECAST_SESSION" in environ(pid):
                with contextlib.suppress(psutil.NoSuchProcess):
                    found.append(psutil.Process(pid))
        return found

    def connections(self) -> list[psutil.Process]:
        return [process for host in self.hosts[-1:] for process in host.connections()]

    def jumps(self) -> list[psutil.Process]:
        return [process for host in self.hosts[:-1] for process in host.connections()]

    def end_all(self) -> None:
        """kill -9 of everything that runs there, until nothing does."""
        for process in [*self.connections(), *self.jumps()]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        while found := self.processes():
            for process in found:
                kill(process.pid)
            psutil.wait_procs(found, 10)

    # -- disk, clock, power

    def fill_disk(self) -> None:
        with (self.ground.root / "filler").open("wb", buffering=0) as file:
            piece = bytes(1 << 20)
            while piece:
                try:
                    file.write(piece)
                except OSError as problem:
                    if problem.errno != errno.ENOSPC:
                        raise
                    piece = piece[: len(piece) // 2]

    def free_disk(self) -> None:
        (self.ground.root / "filler").unlink(missing_ok=True)

    def set_clock(self, wrong: float) -> None:
        """In place: it is mapped into living processes."""
        path = self.control / "skew"
        with path.open("r+b" if path.exists() else "wb", buffering=0) as file:
            file.write(struct.pack("d", wrong))

    def power_off(self) -> None:
        """Everything ends at once, and of the journals only what was synced is there again."""
        for host in self.hosts[-1:]:
            host.kill()
        self.end_all()
        synced: dict[str, int] = {}
        with contextlib.suppress(FileNotFoundError):
            for line in (self.control / "synced").read_text().splitlines():
                written, _, name = line.partition(" ")
                synced[name] = int(written)
        for path in self.ground.root.glob("hosts/*/sessions/*/journal/*.j"):
            size = synced.get(str(path), 0)
            if path.stat().st_size > size:
                os.truncate(path, size)
        self.lost_power += 1

    def power_on(self) -> None:
        for host in self.hosts[-1:]:
            if not host.running:
                host.start()

    def signal_all(self, processes: list[psutil.Process], number: int) -> None:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def mend(self) -> None:
        """Nothing of it is stopped, full, wrong or silent any more."""
        self.free_disk()
        self.set_clock(0.0)
        if self.wire is not None:
            self.wire.delay = 0.0
            self.wire.resume()
        with contextlib.suppress(subprocess.CalledProcessError):
            if self.network is not None:
                self.network.mend()
        self.signal_all([*self.processes(), *self.connections(), *self.jumps()], signal.SIGCONT)
        for host in self.hosts:
            if not host.running:
                host.start()
