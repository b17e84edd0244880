"""One round: a schedule done to a rig, everybody come to rest, and the judgement."""

from __future__ import annotations

import contextlib
import re
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.client.blocking import Client
from tests.fixtures.agent import RelayProcess
from tests.fixtures.live import Talk, comm, of_session, until

from .faults import Faults
from .machine import Machine
from .oracle import Counts, Evidence, Finding, Oracle, read_journal, read_store, read_witness
from .people import PATIENCE, Person
from .rig import Rig
from .schedule import Schedule
from .surfaces import ENDED, Page, Progress, Reader, Shown

Json = dict[str, Any]
# Descriptors that are held when all is quiet: generous, since a leak is one more with every fault.
FDS_OF_SUPERVISOR = 24  # 3 pipes of its CLI, journal, lock, socket, loop, log, a socket a relay
FDS_OF_RELAY = 20  # pipes, loop; its sessions are gone
FDS_OF_HUB = 64  # the store's readers, a socket a machine and page, the server's own


class Verdict(NamedTuple):
    """What a round has shown. `replays` counts cursors taken up again and proven."""

    schedule: Schedule
    findings: list[Finding]
    counts: Counts
    faults: Counter[str]
    missed: Counter[str]
    seconds: float
    replays: int
    reloads: int
    latency: list[float]
    orphans: int
    log: list[str]

    def complaint(self) -> str:
        """For the person who has to mend it: what broke, and how to see it again."""
        lines = [
            f"{len(self.findings)} promises broken with seed {self.schedule.seed}"
            f" ({self.schedule.prompts} prompts).",
            *(f"  {finding}" for finding in self.findings[:30]),
            "What was done:",
            *(f"  {line}" for line in self.log[-60:]),
        ]
        if self.schedule.seed:  # one that was made, not written by hand
            command = (
                f"make soak SEED={self.schedule.seed} PROMPTS={self.schedule.prompts} ROUNDS=1"
            )
            lines.append(f"To do the same again: {command}")
        return "\n".join(lines)


class Round:
    """`Round(rig, schedule).run()`; leaves no session behind."""

    def __init__(
        self,
        rig: Rig,
        schedule: Schedule,
        tell: Callable[[str], None] = lambda text: None,
        patience: float = PATIENCE,
    ) -> None:
        self.rig, self.schedule, self.tell, self.patience = rig, schedule, tell, patience
        self.log: list[str] = []
        self.began = time.monotonic()
        self.nonce = uuid.uuid4().hex[:6]
        self.progress = Progress()
        self.counted = threading.Semaphore(0)
        self.oracle = Oracle()
        self.replays = 0
        self.orphans = 0
        self.client = Client(connection=rig.connection, surface="client")
        self.page = Page(rig.connection, self.progress)
        self.other_page = Page(rig.connection)
        self.readers: list[Reader] = []
        self.people: dict[str, Person] = {}
        self.where: dict[str, list[str]] = {name: [] for name in rig.machines}
        self.projects: dict[str, Path] = {}
        self._power = {name: machine.lost_power for name, machine in rig.machines.items()}
        self.progress.on_request = lambda session, event: self.people[session].asked(event)

    def say(self, text: str) -> None:
        line = f"{time.monotonic() - self.began:7.2f} {text}"
        self.log.append(line)
        with (self.rig.directory / "faults.log").open("a") as file:
            file.write(line + "\n")

    def run(self) -> Verdict:
        faults = Faults(self.rig, self.where, [self.page, self.other_page])
        faults.log = self.say
        try:
            self._start()
            self._act(faults)
            self.tell("coming to rest")
            self._rest()
            self._judge(faults.killed)
            self._relays_prove_cursors()
            self._tidy()
        finally:
            for person in self.people.values():
                person.over.set()
            try:
                faults.heal_all()
            finally:
                self._close()
        latency = [each for person in self.people.values() for each in person.told.latency]
        return Verdict(
            self.schedule,
            self.oracle.findings,
            self.oracle.counts,
            faults.done,
            faults.missed,
            time.monotonic() - self.began,
            self.replays,
            self.page.loads + self.other_page.loads,
            latency,
            self.orphans,
            self.log,
        )

    def _close(self) -> None:
        for close in (self.page.close, self.other_page.close, *(r.close for r in self.readers)):
            close()
        for person in self.people.values():
            person.close()
        self.client.close()

    # -- beginning

    def _start(self) -> None:
        api = self.rig.api("lab")
        for number, machine in enumerate(self.schedule.machines):
            project = self.rig.directory / "projects" / f"{self.nonce}-{number}"
            project.mkdir(parents=True)
            talk = api.start(machine, project, "witness", mode="ask")
            self.where[machine].append(talk.id)
            self.projects[talk.id] = project
            self.people[talk.id] = Person(
                self.rig, talk.id, machine, self.nonce, self.progress, self.client
            )
            self.people[talk.id].patience = self.patience
            self.page.follow(talk.id)
            self.other_page.follow(talk.id)
        for sessions in self.where.values():
            self.readers += [Reader(self.rig.connection, id) for id in sessions[:1]]

    def _act(self, faults: Faults) -> None:
        threads = [
            threading.Thread(target=person.follow, args=(steps, self.counted), name=id[:8])
            for (id, person), steps in zip(self.people.items(), self.schedule.people, strict=True)
        ]
        for thread in threads:
            thread.start()
        ahead = list(self.schedule.faults)
        sent, told = 0, time.monotonic()
        while any(thread.is_alive() for thread in threads):
            while self.counted.acquire(blocking=False):
                sent += 1
            while ahead and ahead[0].after <= sent:
                faults.begin(ahead.pop(0))
            if time.monotonic() - told > 10:
                told = time.monotonic()
                self.tell(f"{sent} of {self.schedule.prompts} prompts, {len(ahead)} faults ahead")
            time.sleep(0.02)
        for thread in threads:
            thread.join()
        faults.heal_all()
        for person in self.people.values():
            if person.problem is not None:
                raise person.problem

    # -- the end

    def _rest(self) -> None:
        """Until every prompt has ended and every surface has seen it, or nothing moves."""
        news, seen = time.monotonic(), -1
        while True:
            waiting = [person for person in self.people.values() if not self._quiet(person)]
            if not waiting:
                break
            if self.progress.events != seen:
                seen, news = self.progress.events, time.monotonic()
            if time.monotonic() - news > self.patience:
                self.say(f"gave up waiting for {[person.session for person in waiting]}")
                return
            for person in waiting:
                person._look()
            with self.progress.changed:
                self.progress.changed.wait(0.3)
        with contextlib.suppress(AssertionError):
            until(self._all_shown, "every surface has seen everything", self.patience, 0.3)

    def _quiet(self, person: Person) -> bool:
        try:
            talk = Talk(self.rig.api("lab"), person.session)
            shown = talk.show()
            if any(prompt["state"] not in ENDED for prompt in talk.prompts().values()):
                return False
            return shown["link"] == "online" and shown["state"]["turn"] is None
        except (CodecastError, OSError, AssertionError):
            return False

    def _all_shown(self) -> bool:
        for session, shown in self._shown().items():
            journal = self._journal(session)
            stored = read_store(self.rig.server.home / "store" / "codecast.db", session)[0]
            if not stored or not journal or _body(stored[-1]) != _body(journal[-1]):
                return False
            if any(each.last != stored[-1]["seq"] for each in shown):
                return False
        return True

    def _machine(self, session: str) -> Machine:
        return next(
            machine for name, machine in self.rig.machines.items() if session in self.where[name]
        )

    def _journal(self, session: str) -> list[Json]:
        return read_journal(self._machine(session).ground.directory(session) / "journal")

    def _shown(self) -> dict[str, list[Shown]]:
        found = {
            session: [self.page.shown[session], self.other_page.shown[session]]
            for session in self.people
        }
        for reader in self.readers:
            found[reader.shown.session].append(reader.shown)
        return found

    def _judge(self, killed: set[str]) -> None:
        shown = self._shown()
        for session, person in self.people.items():
            machine = self._machine(session)
            store, prompts, order = read_store(
                self.rig.server.home / "store" / "codecast.db", session
            )
            self.oracle.judge(
                Evidence(
                    session,
                    machine.name,
                    self._journal(session),
                    store,
                    prompts,
                    order,
                    read_witness(self.projects[session] / "witness.log"),
                    shown[session],
                    person.told,
                    machine.lost_power - self._power[machine.name],
                    session in killed,
                )
            )

    def _relays_prove_cursors(self) -> None:
        """A second hub reads from any cursor: what follows it, from the next number on."""
        for name, sessions in self.where.items():
            if not sessions:
                continue
            with self.rig.other_hub(name) as relay:
                for session in sessions:
                    self._prove_cursors(relay, session)

    def _prove_cursors(self, relay: RelayProcess, session: str) -> None:
        last = len(self._journal(session))
        for after in {0, 1, last // 2, last - 1, last}:
            if not 0 <= after <= last:
                continue
            feed = relay.subscribe(session, after)
            if after < last:
                feed.wait_seq(last)
            self.replays += 1
            first = feed.events[0].seq if feed.events else last + 1
            if first != after + 1:
                self.oracle.findings.append(
                    Finding(
                        "replay begins behind the cursor",
                        session,
                        f"asked for what follows {after}, got {first} first",
                    )
                )

    def _tidy(self) -> None:
        """Every session removed by the product; nothing of it may be left anywhere."""
        for session, person in self.people.items():
            machine = self._machine(session)
            self._descriptors(session, machine)
            with contextlib.suppress(CodecastError):
                Talk(self.rig.api("lab"), session).destroy()
            person.over.set()
        self._nothing_left()

    def _descriptors(self, session: str, machine: Machine) -> None:
        """A supervisor after all that holds no more than it needs."""
        with contextlib.suppress(OSError, ValueError):
            pid = int((machine.ground.directory(session) / "lock").read_text() or 0)
            if comm(pid) == "codecast-sup":
                self._hold("a supervisor", pid, FDS_OF_SUPERVISOR)

    def _hold(self, who: str, pid: int, most: int) -> None:
        held = _held(pid)
        if held.total() > most:
            self._leak(f"{who} holds {held.total()} descriptors: {held.most_common(6)}")

    def _leak(self, text: str) -> None:
        self.oracle.findings.append(Finding("nothing leaks", "-", text))

    def _nothing_left(self) -> None:
        def left() -> list[str]:
            found = [f"process {pid} of {id}" for id in self.people for pid in of_session(id)]
            for machine in self.rig.machines.values():
                ground = machine.ground
                found += [f"supervisor {pid} on {machine.name}" for pid in ground.supervisors()]
                found += [str(path) for path in ground.directories()]
                relays = ground.relays()
                if len(relays) > 1:
                    found.append(f"{len(relays)} relays on {machine.name}: {relays}")
                if len(machine.connections()) > 1:
                    found.append(f"{len(machine.connections())} connections of {machine.name}")
            return found

        try:
            until(lambda: not left(), "nothing is left", 45)
        except AssertionError:
            things = left()
            self.orphans += sum(thing.startswith(("process", "supervisor")) for thing in things)
            self.oracle.findings.append(
                Finding("nothing is left behind", "-", "; ".join(things[:10]))
            )
        for machine in self.rig.machines.values():
            for relay in machine.ground.relays():
                self._hold(f"the relay of {machine.name}", relay, FDS_OF_RELAY)
        process = self.rig.server.process
        assert process is not None
        self._hold("the hub", process.pid, FDS_OF_HUB)
        for machine in self.rig.machines.values():  # one broken round must not break the next
            machine.ground.clear()


def _held(pid: int) -> Counter[str]:
    """The descriptors of a process by kind; files by name. Empty when it has ended."""
    try:
        return Counter(_link(str(fd)) for fd in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return Counter()


def _link(path: str) -> str:
    try:
        return re.sub(r":\[\d+\]", "", str(Path(path).readlink()))
    except OSError:
        return "?"


def _body(event: Json) -> Json:
    return {key: value for key, value in event.items() if key not in ("seq", "time")}
