"""The benchmarks themselves: parts that fail or hang do not stop a run; what is told is complete.

Never times: whether a figure is good is for a quiet computer to say.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.bench import report
from tests.bench.__main__ import main
from tests.bench.figures import Figure, Plot, Result, percentile
from tests.bench.growth import slope
from tests.bench.parts import PARTS, Part, named
from tests.bench.plots import draw
from tests.bench.runner import Outcome, run
from tests.bench.settings import SIZES, tiny
from tests.fixtures.live import living


def test_a_part_that_hangs_is_ended_with_all_it_began_and_says_so(tmp_path: Path) -> None:
    outcome = run(Part("samples.stuck", "", 40.0), tiny(1), tmp_path)
    assert outcome.result is None
    assert outcome.problem == "it was not finished after 10 seconds"
    left = [int(pid) for pid in (tmp_path / "left-behind").read_text().split()]
    assert len(left) == 2 and not any(map(living, left))
    assert [path.name for path in tmp_path.iterdir()] == ["left-behind"]


def test_a_part_that_fails_says_why(tmp_path: Path) -> None:
    outcome = run(Part("samples.broken", "", 120.0), tiny(1), tmp_path)
    assert (outcome.result, outcome.problem) == (None, "AssertionError: 41 events came of 42")


def test_a_small_run_measures_every_way_and_writes_the_document(tmp_path: Path) -> None:
    assert (
        main(["latency", "hops", "catchup", "--tiny", "--seed", "7", "--output", str(tmp_path)])
        == 0
    )
    told = json.loads((tmp_path / "images" / "performance" / "results.json").read_text())
    assert told["settings"]["seed"] == 7
    assert [each["part"] for each in told["outcomes"]] == ["latency", "hops", "catchup"]
    latency, hops, catchup = (Outcome.from_json(each).result for each in told["outcomes"])
    assert latency is not None and hops is not None and catchup is not None
    where = "1000 events/s, round trip 0 ms"
    every = ["raw ssh", "forward + SSE", "forward + SSE, as it comes"]
    assert {figure.what: list(figure.others) for figure in latency.figures} == {
        f"{where}: p50": every,
        f"{where}: p50 against forward + SSE": every[1:2],
        f"{where}: p99": every,
        f"{where}: p50 of it until the journal": [],
        f"{where}: CPU an event, all processes": every,
    }
    for figure in latency.figures:
        assert min([figure.ours, *figure.others.values()]) > 0
    *parts, whole = (figure.ours for figure in hops.figures)
    assert min(parts) > 0 and 0.5 < sum(parts) / whole < 2
    assert [figure.unit for figure in catchup.figures] == ["s", "events/s"]
    text = (tmp_path / "performance.md").read_text()
    assert "1000 events/s, round trip 0 ms: p50" in text
    assert "1,000 events into the store" in text
    for name in ("latency-1000", "hops", "catch-up"):
        assert f"(images/performance/{name}.svg)" in text
        assert "</svg>" in (tmp_path / "images" / "performance" / f"{name}.svg").read_text()
    host = os.uname().nodename
    assert len(host) < 3 or host not in text.split()


def test_marks_judge_ratios_and_values_in_both_directions() -> None:
    assert Figure("a", 5.0, "ms", {"raw": 2.0}, mark=2.5).kept is True
    assert Figure("a", 5.1, "ms", {"raw": 2.0}, mark=2.5).kept is False
    assert Figure("a", 200.0, "events/s", {"raw": 210.0}, mark=1.0, more=True).kept is False
    assert Figure("a", 0.7, "s", mark=0.7).kept is True
    assert Figure("a", 0.7, "s").kept is None
    assert Figure.from_json(Figure("a", 1.0, "s", {"b": 2.0}).to_json()).others == {"b": 2.0}


def test_percentiles_and_slopes() -> None:
    assert [percentile(range(1, 101), share) for share in (0, 0.5, 0.99, 1)] == [1, 51, 100, 100]
    assert slope([(0, 1.0), (1, 3.0), (2, 5.0)]) == pytest.approx(2.0)
    assert slope([(1, 7.0)]) == 0.0


def test_a_document_tells_what_was_not_measured_and_what_was_missed() -> None:
    result = Result()
    result.add("p50", 3.0, "ms", others={"raw ssh": 1.0}, mark=2.5)
    outcomes = [
        Outcome("latency", 1.0, result).to_json(),
        Outcome("lag", 9.0, None, "it was not finished after 9 seconds").to_json(),
    ]
    run = {
        "date": "2026-01-01 00:00 UTC",
        "seconds": 60,
        "load": "0.00",
        "computer": {"cpu": "a fast one"},
        "settings": SIZES["quick"](3).to_json(),
        "outcomes": outcomes,
    }
    text = report.document(run, PARTS, "images/performance")
    assert "| Latency per event: p50 | 3.00 times raw ssh | at most 2.5 times | **no** |" in text
    assert "Not measured: it was not finished after 9 seconds." in text


def test_plots_are_the_same_bytes_for_the_same_data(tmp_path: Path) -> None:
    lines = {"ours": [("0 ms", 1.0), ("50 ms", 2.0)], "raw ssh": [("0 ms", 0.5), ("50 ms", 1.5)]}
    plot = Plot("bars", "Bars", "round trip", "ms", lines, kind="bars", log_y=True)
    first = draw(plot, tmp_path / "a").read_bytes()
    assert draw(plot, tmp_path / "b").read_bytes() == first


def test_every_part_has_a_module_that_says_how_it_measures() -> None:
    for part in PARTS:
        assert len(part.about) > 40
        assert callable(part.measure())
    assert named(["lag"])[0].name == "lag"
    with pytest.raises(SystemExit):
        main(["no-such-part"])
