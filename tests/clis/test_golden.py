"""Every recording gives the events that a person has read: see `golden`."""

from __future__ import annotations

import difflib

import pytest

from . import golden

HOW = "python -m tests.clis.golden rewrites it: read what changes"


@pytest.mark.parametrize("name", golden.names())
def test_the_events_are_those_that_were_read(name: str) -> None:
    host = golden.played(name)
    wanted, found = golden.golden(name), golden.rendered(host)
    if wanted != found:
        lines = wanted.splitlines(), found.splitlines()
        difference = "\n".join(difflib.unified_diff(*lines, "was read", "is told", lineterm=""))
        pytest.fail(f"golden/{name}.txt ({HOW})\n{difference}", pytrace=False)


def test_no_golden_is_left_without_its_recording() -> None:
    files = {
        path.relative_to(golden.GOLDEN).with_suffix("").as_posix()
        for path in golden.GOLDEN.glob("*/*.txt")
    }
    assert files == set(golden.names())
