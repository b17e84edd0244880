"""Rounds added up, and written into docs/reliability.md between its two marks."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from .bars import Bars
from .run import Verdict
from .schedule import FAULTS

PAGE = Path(__file__).parents[3] / "docs" / "reliability.md"
BEGIN, END = "<!-- made by `make soak` -->", "<!-- until here -->"
LOSS = {"no prompt is lost", "every word is kept", "all is shown", "the store has every event once"}
DOUBLE = {"no prompt is doubled", "each prompt runs once", "shown once, in order"}


class Totals:
    """`add` each round; then `text` or `write`."""

    def __init__(self) -> None:
        self.rounds: list[Verdict] = []
        self.began = time.time()

    def add(self, verdict: Verdict) -> None:
        self.rounds.append(verdict)

    def _sum(self, what: str) -> int:
        return sum(int(getattr(verdict.counts, what)) for verdict in self.rounds)

    @property
    def findings(self) -> int:
        return sum(len(verdict.findings) for verdict in self.rounds)

    def _found(self, rules: set[str]) -> int:
        return sum(finding.rule in rules for v in self.rounds for finding in v.findings)

    @property
    def faults(self) -> Counter[str]:
        return sum((verdict.faults for verdict in self.rounds), Counter[str]())

    @property
    def _upgrades(self) -> int:
        return self.faults["upgrade hub and agent"]

    def summary(self) -> str:
        """A line for the terminal."""
        return (
            f"{self._sum('prompts')} prompts, {sum(self.faults.values())} faults,"
            f" {self._sum('events')} events: {self.findings} promises broken"
        )

    def text(self, bars: Bars, earlier: str = "") -> str:
        states = sum((verdict.counts.states for verdict in self.rounds), Counter[str]())
        seeds = [verdict.schedule.seed for verdict in self.rounds]
        seconds = sum(verdict.seconds for verdict in self.rounds)
        share = ", ".join(f"{count:,} {state}" for state, count in states.most_common())
        lines = [
            BEGIN,
            "",
            f"Last run: {time.strftime('%Y-%m-%d', time.gmtime(self.began))}, {_machine()}."
            f" {_ranges(seeds)} in {seconds / 60:.0f} minutes."
            + (f" Upgrades went to and from {earlier}, too." if earlier and self._upgrades else ""),
            "",
            "| | |",
            "|---|---|",
            f"| prompts accepted | {self._sum('prompts'):,} ({share}) |",
            f"| events journalled, stored and shown on every surface | {self._sum('events'):,} |",
            f"| requests answered or withdrawn | {self._sum('requests'):,} |",
            f"| faults done | {sum(self.faults.values()):,} |",
            f"| prompts or events lost | {self._found(LOSS)} |",
            f"| prompts or events doubled | {self._found(DOUBLE)} |",
            f"| other promises broken | {self.findings - self._found(LOSS | DOUBLE)} |",
            f"| gaps, each after a power cut and said to the person | {self._sum('gaps')} |",
            "",
            "| fault | times |",
            "|---|---:|",
            *(f"| {kind} | {self.faults[kind]:,} |" for kind in FAULTS),
            "",
            *self._bars(bars),
            "",
            END,
        ]
        return "\n".join(lines)

    def _bars(self, bars: Bars) -> list[str]:
        """R1 to R10, with what this run has measured."""
        sent, faults = self._sum("prompts"), sum(self.faults.values())
        lost, doubled = self._found(LOSS), self._found(DOUBLE)
        replays = sum(verdict.replays + verdict.reloads for verdict in self.rounds)
        orphans = sum(verdict.orphans for verdict in self.rounds)
        latency = [each for verdict in self.rounds for each in verdict.latency]
        hurt = statistics.median(latency) * 1000 if latency else 0.0
        measured = {
            "0 lost and 0 doubled prompts in 1,000 sends under random faults": (
                f"{lost} lost, {doubled} doubled of {sent:,}"
            ),
            "a cursor's replay is whole or says `gap`; at least 64 MiB a session are kept": (
                f"{replays:,} cursors taken up again, {self._sum('gaps')} gaps said; journals are"
                " kept whole, whatever their size"
            ),
            "24 sessions dispatched at once: 24 start": (
                f"{bars.started} of {bars.asked} on {bars.machines} machines, the last ready after"
                f" {bars.seconds:.0f} s"
            ),
            "an answer is at the agent within a round trip and 100 ms; the second person hears"
            " who was first": (
                f"no round trip: median {bars.answer_ms:.0f} ms, worst of 30"
                f" {bars.answer_worst_ms:.0f} ms; while faults go on, until the person is told:"
                f" median {hurt:.0f} ms"
            ),
            "what is idle on a machine takes under 20 MB, and needs no runtime of ours": (
                f"relay {bars.relay_mib:.1f} MiB resident, supervisor {bars.supervisor_mib:.1f}"
                " MiB (its share, PSS); the system's python3 runs them"
            ),
            "a sleep of any length ends no agent": (
                f"hub away for {bars.away:.0f} s, longer than its lease, in mid-turn: the same"
                f" process {'went on' if bars.agents_untouched else 'DID NOT go on'}. Nothing on a"
                " machine waits for the hub, so no grace period can run out"
            ),
            "an upgrade while a turn runs: same process, same transcript": (
                f"{self.faults['upgrade hub and agent']} upgrades and downgrades under running"
                " turns, transcripts whole; F13 watches the process"
            ),
            "0 orphans after 100 faults": (
                f"{orphans} after {faults:,} faults ({len(self.rounds)} times counted)"
            ),
            "heartbeat and staleness come from one constant of both ends": (
                f"`protocol.wire`: a ping every {bars.ping:g} s, a lease of {bars.lease:g} s"
            ),
            "the size of a line is bounded by policy, not by a default; 20 MB survive": (
                f"{bars.line_mib} MiB in one line arrived whole; the policy is 64 MiB"
            ),
        }
        rows = [
            f"| R{number} | {bar} | {found} |"
            for number, (bar, found) in enumerate(measured.items(), 1)
        ]
        return ["| | bar | measured |", "|---|---|---|", *rows]

    def write(self, bars: Bars, earlier: str = "", page: Path = PAGE) -> None:
        """In place of the last run's."""
        text = page.read_text()
        before, _, rest = text.partition(BEGIN)
        _, _, after = rest.partition(END)
        page.write_text(before + self.text(bars, earlier) + after)


def _ranges(seeds: Sequence[int]) -> str:
    if len(seeds) == 1:
        return f"Seed {seeds[0]}: 1 round"
    told = ", ".join(map(str, seeds))
    if seeds and list(seeds) == list(range(seeds[0], seeds[-1] + 1)) and len(seeds) > 1:
        told = f"{seeds[0]} to {seeds[-1]}"
    return f"Seeds {told}: {len(seeds)} rounds"


def _machine() -> str:
    """What kind of computer this is, not which."""
    names = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")]
    cores = os.cpu_count() or 1
    kernel = platform.release().split("-")[0]
    return f"{cores} cores ({names[0] if names else platform.machine()}), Linux {kernel}, " + (
        f"Python {platform.python_version()}"
    )


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
