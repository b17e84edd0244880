"""Long streams with faults lose an answer, say one twice, or fill memory or disk."""

from __future__ import annotations

from tests.bots import soak
from tests.bots.memory import Memory


def test_minutes_of_streaming_with_faults() -> None:
    report = soak.run("telegram", 5)
    assert report.turns >= 1 and report.messages > report.turns
    assert not report.problems()
    assert report.rows < 1000
    assert report.disk[-1].database < 4 << 20
    assert not report.disk[-1].files, "what was sent is kept"


def test_growth_is_told_from_steps() -> None:
    """A table that doubles once is no leak; a little of each message is one."""
    hours = [number / 100 for number in range(200)]
    report = soak.Report("telegram", 120, 1, 1, [], [], [], 0, 0, [1.0], [], [], 0)

    def problems(kib: list[float]) -> list[str]:
        found = [(hour, Memory(0, 0, round(much))) for hour, much in zip(hours, kib, strict=True)]
        return report._replace(memory=found).problems()

    assert not problems([40_000 + 3000 * min(hour, 0.4) for hour in hours])
    assert not problems([40_000 + 512 * (hour > 1.2) for hour in hours])
    leaks = problems([40_000 + 1500 * hour for hour in hours])
    assert leaks == ["memory grows by 1500 KiB an hour, of 1024"]
