"""The faults of a schedule, done to a rig. Each begins at once and is healed by itself later.

A fault that finds nothing to hit (no relay at the moment, no supervisor) is counted as
missed, not as done.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable

import psutil

from tests.fixtures.live import comm, environ

from .rig import Rig
from .schedule import Fault
from .surfaces import Page

SWALLOW = 0.25  # seconds in which every packet is lost, and as many in which none is


class Faults:
    """`begin` each; `heal_all` at the end."""

    def __init__(self, rig: Rig, sessions: dict[str, list[str]], pages: list[Page]) -> None:
        self.rig = rig
        self.sessions = sessions  # by machine
        self.pages = pages
        self.done: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self.killed: set[str] = set()  # sessions whose CLI a fault has ended
        self.log: Callable[[str], None] = lambda text: None
        self._threads: list[threading.Thread] = []
        self._over = threading.Event()
        self._places: dict[str, threading.Lock] = {}
        self._problems: list[BaseException] = []

    def begin(self, fault: Fault) -> None:
        """In a thread of its own; two of one kind on one machine follow each other."""
        thread = threading.Thread(target=self._run, args=(fault,), name=fault.kind)
        self._threads.append(thread)
        thread.start()

    def _run(self, fault: Fault) -> None:
        place = self._places.setdefault(f"{fault.kind}/{fault.machine}", threading.Lock())
        with place:
            if self._over.is_set():
                return
            self.log(f"begin {fault}")
            try:
                hit = getattr(
                    self, "_" + fault.kind.replace(" ", "_").replace("'", "").replace("-", "_")
                )(fault)
            except (psutil.Error, FileNotFoundError, subprocess.CalledProcessError):
                hit = False
            except BaseException as problem:
                self._problems.append(problem)
                raise
            (self.done if hit else self.missed)[fault.kind] += 1
            self.log(f"{'did' if hit else 'missed'}: {fault}")

    def heal_all(self) -> None:
        """Ends what lasts, and waits for it."""
        self._over.set()
        for thread in self._threads:
            thread.join(120)
        stuck = [thread.name for thread in self._threads if thread.is_alive()]
        assert not stuck, f"faults that do not end: {stuck}"
        if self._problems:
            raise self._problems[0]
        for machine in self.rig.machines.values():
            machine.mend()
        if not self.rig.server.healthy():
            self.rig.restart_hub()

    def _wait(self, fault: Fault) -> bool:
        self._over.wait(fault.seconds)
        return True

    # -- the link

    def _cut_the_link(self, fault: Fault) -> bool:
        wire = self.rig.machines[fault.machine].wire
        assert wire is not None
        wire.cut()
        return True

    def _stall_the_link(self, fault: Fault) -> bool:
        wire = self.rig.machines[fault.machine].wire
        assert wire is not None
        wire.stall()
        self._wait(fault)
        wire.resume()
        return True

    def _leave_the_link_half_open(self, fault: Fault) -> bool:
        wire = self.rig.machines[fault.machine].wire
        assert wire is not None
        wire.half_open()
        return True

    def _delay_the_link(self, fault: Fault) -> bool:
        wire = self.rig.machines[fault.machine].wire
        assert wire is not None
        wire.delay = 0.02 + 0.3 * fault.value
        self._wait(fault)
        wire.delay = 0.0
        return True

    def _swallow_all_packets(self, fault: Fault) -> bool:
        network = self.rig.machines[fault.machine].network
        assert network is not None
        with self._places.setdefault("packets", threading.Lock()):
            network.cut()
            self._wait(fault)
            network.mend()
        return True

    def _drop_packets(self, fault: Fault) -> bool:
        network = self.rig.machines[fault.machine].network
        assert network is not None
        end = time.monotonic() + fault.seconds
        with self._places.setdefault("packets", threading.Lock()):
            while time.monotonic() < end and not self._over.is_set():
                network.cut()
                self._over.wait(SWALLOW * (0.2 + fault.value))
                network.mend()
                self._over.wait(SWALLOW)
        return True

    def _kill_sshds_connections(self, fault: Fault) -> bool:
        return self._signal(self.rig.machines[fault.machine].connections(), signal.SIGKILL)

    def _kill_the_jump_hosts_connections(self, fault: Fault) -> bool:
        return self._signal(self.rig.machines[fault.machine].jumps(), signal.SIGKILL)

    def _kill_sshd(self, fault: Fault) -> bool:
        host = self.rig.machines[fault.machine].hosts[-1]
        with self._places.setdefault(f"sshd of {fault.machine}", threading.Lock()):
            host.kill()
            self._wait(fault)
            host.start()
        return True

    def _stop_sshds_connections(self, fault: Fault) -> bool:
        return self._stop(self.rig.machines[fault.machine].connections(), fault)

    # -- the processes of a machine

    def _relays(self, fault: Fault) -> list[psutil.Process]:
        return [psutil.Process(pid) for pid in self.rig.machines[fault.machine].ground.relays()]

    def _kill_the_relay(self, fault: Fault) -> bool:
        return self._signal(self._relays(fault), signal.SIGKILL)

    def _stop_the_relay(self, fault: Fault) -> bool:
        return self._stop(self._relays(fault), fault)

    def _supervisor(self, fault: Fault) -> list[psutil.Process]:
        session = self._session(fault)
        path = self.rig.machines[fault.machine].ground.directory(session) / "lock"
        pid = int(path.read_text() or 0)
        return [psutil.Process(pid)] if pid and comm(pid) == "codecast-sup" else []

    def _session(self, fault: Fault) -> str:
        sessions = self.sessions[fault.machine]
        return sessions[fault.victim % len(sessions)]

    def _kill_a_supervisor(self, fault: Fault) -> bool:
        self.killed.add(self._session(fault))
        return self._signal(self._supervisor(fault), signal.SIGKILL)

    def _stop_a_supervisor(self, fault: Fault) -> bool:
        return self._stop(self._supervisor(fault), fault)

    def _cli(self, fault: Fault) -> list[psutil.Process]:
        session = self._session(fault)
        below = [child for each in self._supervisor(fault) for child in each.children()]
        return [p for p in below if environ(p.pid).get("CODECAST_SESSION") == session]

    def _kill_a_CLI(self, fault: Fault) -> bool:
        self.killed.add(self._session(fault))
        return self._signal(self._cli(fault), signal.SIGKILL)

    def _stop_a_CLI(self, fault: Fault) -> bool:
        return self._stop(self._cli(fault), fault)

    def _signal(self, processes: list[psutil.Process], number: int) -> bool:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        return bool(processes)

    def _stop(self, processes: list[psutil.Process], fault: Fault) -> bool:
        """SIGSTOP, and SIGCONT later; who is killed meanwhile stays dead."""
        self._signal(processes, signal.SIGSTOP)
        self._wait(fault)
        self._signal(processes, signal.SIGCONT)
        return bool(processes)

    # -- the hub and its pages

    def _kill_the_hub(self, fault: Fault) -> bool:
        self.rig.restart_hub()
        return True

    def _stop_the_hub(self, fault: Fault) -> bool:
        with self.rig.hub:
            process = self.rig.server.process
            assert process is not None
            process.send_signal(signal.SIGSTOP)
            self._wait(fault)
            process.send_signal(signal.SIGCONT)
        return True

    def _upgrade_hub_and_agent(self, fault: Fault) -> bool:
        """To any other version there is, newer or older."""
        others = [n for n in range(len(self.rig.versions)) if n != self.rig.version]
        self.rig.restart_hub(others[int(fault.value * len(others))])
        return True

    def _reload_every_page(self, fault: Fault) -> bool:
        for page in self.pages:
            page.reload()
        return True

    # -- the machine as a whole

    def _fill_the_disk(self, fault: Fault) -> bool:
        machine = self.rig.machines[fault.machine]
        machine.fill_disk()
        self._wait(fault)
        machine.free_disk()
        return True

    def _set_the_clock_wrong(self, fault: Fault) -> bool:
        machine = self.rig.machines[fault.machine]
        machine.set_clock((fault.value - 0.5) * 2 * 86400)
        self._wait(fault)
        machine.set_clock(0.0)
        return True

    def _end_all_that_is_detached(self, fault: Fault) -> bool:
        """As a host does that forbids processes to outlive their login."""
        self.killed.update(self.sessions[fault.machine])
        self.rig.machines[fault.machine].end_all()
        return True

    def _cut_the_power(self, fault: Fault) -> bool:
        """The hub's own computer takes the hub with it."""
        self.killed.update(self.sessions[fault.machine])
        machine = self.rig.machines[fault.machine]
        with self._places.setdefault(f"sshd of {machine.name}", threading.Lock()):
            if machine.hosts:
                machine.power_off()
                machine.power_on()
            else:
                self.rig.restart_hub(meanwhile=machine.power_off)
        return True
