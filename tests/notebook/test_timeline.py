"""The picture of a run: what goes on still goes on in it, and hours are hours."""

from __future__ import annotations

from typing import Any

from codecast_jupyter.notebook.timeline import Span, _draw, lane


def events(*told: tuple[float, str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"time": time, "type": type, **more} for time, type, more in told]


WORKING = events(
    (10.0, "turn_started", {"turn": 1}),
    (12.0, "request_opened", {"request": "r"}),
)


def test_what_still_works_and_waits_does_so_until_now() -> None:
    spans = lane("a", WORKING, 60.0).spans
    assert spans == [Span(10.0, 60.0, "worked"), Span(12.0, 60.0, "waited")]


def test_what_was_stopped_meanwhile_ends_with_its_last_event() -> None:
    stopped = [*WORKING, *events((15.0, "session_state", {"state": "stopped"}))]
    assert {span.end for span in lane("a", stopped, 60.0).spans} == {15.0}


def test_axis_is_in_seconds_minutes_or_hours() -> None:
    from matplotlib.figure import Figure

    cases = ((40.0, "seconds", 30), (1210.0, "minutes", 20), (36010.0, "hours", 10))
    for end, unit, furthest in cases:
        figure = Figure()
        _draw(figure, [lane("a", WORKING, end)])
        [axes] = figure.axes
        assert axes.get_xlabel() == unit
        assert furthest <= axes.get_xlim()[1] <= furthest * 1.1
