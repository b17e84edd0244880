"""Four mistakes planted in copies of the sources: the oracle finds each, and says where.

A harness that never finds anything proves nothing; these are the mistakes it was made for.
"""

from __future__ import annotations

from pathlib import Path

from .harness import planted
from .harness.rig import opened
from .harness.run import Round, Verdict
from .harness.schedule import Fault, Schedule, Step


def judged(directory: Path, changes: tuple[planted.Change, ...], schedule: Schedule) -> Verdict:
    with opened(directory, changes, far=False) as rig:
        return Round(rig, schedule, patience=8.0).run()


def send(tag: str, words: str, *answers: tuple[str, str]) -> Step:
    return Step("send", tag, f"{tag} {words}", "lab", answers)


def rules(verdict: Verdict) -> set[str]:
    return {finding.rule for finding in verdict.findings}


def test_acknowledged_before_fsync(tmp_path: Path) -> None:
    """The power fails while delivered prompts wait behind a running turn."""
    steps = [send("a.0", "work 20"), *(send(f"a.{number}", "say 2") for number in (1, 2, 3))]
    steps += [Step("pause"), send("a.4", "say 1"), Step("wait", ahead=0)]
    schedule = Schedule(0, 5, [steps], ["near"], [Fault(5, "cut the power", "near", 0.0, 0, 0.0)])
    verdict = judged(tmp_path, planted.ACKNOWLEDGED_BEFORE_FSYNC, schedule)
    assert "no prompt is lost" in rules(verdict), verdict.complaint()
    print(verdict.complaint())


def test_given_to_the_cli_before_fsync(tmp_path: Path) -> None:
    """The power fails in mid-turn."""
    steps = [send("a.0", "work 3"), Step("wait")]
    schedule = Schedule(0, 1, [steps], ["near"], [Fault(1, "cut the power", "near", 0.0, 0, 0.0)])
    verdict = judged(tmp_path, planted.GIVEN_BEFORE_FSYNC, schedule)
    assert "each prompt runs once" in rules(verdict), verdict.complaint()


def test_replayed_from_the_cursor_instead_of_behind_it(tmp_path: Path) -> None:
    steps = [step for n in range(12) for step in (send(f"a.{n}", "say 2"), Step("wait"))]
    faults = [Fault(after, "reload every page", "", 0.0, 0, 0.0) for after in (4, 8)]
    schedule = Schedule(0, 12, [steps], ["near"], faults)
    verdict = judged(tmp_path, planted.REPLAYED_FROM_THE_CURSOR, schedule)
    assert "shown once, in order" in rules(verdict), verdict.complaint()
    assert "replay begins behind the cursor" in rules(verdict), verdict.complaint()
    print(verdict.complaint())


def test_a_request_answered_twice(tmp_path: Path) -> None:
    both = (("lab", "yes"), ("other hub", "no"))
    steps = [step for n in range(2) for step in (send(f"a.{n}", "ask 2", *both), Step("wait"))]
    verdict = judged(tmp_path, planted.ANSWERED_TWICE, Schedule(0, 2, [steps], ["near"], []))
    assert "a request is answered once" in rules(verdict), verdict.complaint()
    print(verdict.complaint())
