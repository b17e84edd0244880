"""Long streams with faults lose an answer, say one twice, or fill memory or disk."""

from __future__ import annotations

from tests.bots import soak


def test_minutes_of_streaming_with_faults() -> None:
    report = soak.run(10)
    assert report.turns > 5 and report.faults > 3
    assert not report.missing and not report.doubled and not report.violations
    assert report.most_blocks < 200 and report.most_rows < 400
    assert report.store < 4 << 20
    assert not report.floods  # none but those that were made
    first, last = report.quarters()
    assert last < first + 30  # MiB; with the server and every event in the same process
