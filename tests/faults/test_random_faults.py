"""1,000 prompts while everything that can break does, in an order that a seed decides.

`make soak` does the same with as many prompts as one has time for. A seed that fails here is
printed with the command that replays it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .harness.rig import Rig, opened
from .harness.run import Round
from .harness.schedule import make


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with opened(tmp_path_factory.mktemp("random")) as rig:
        yield rig


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_is_lost_and_nothing_is_doubled(rig: Rig, seed: int) -> None:
    schedule = make(seed, 334)
    verdict = Round(rig, schedule).run()
    assert not verdict.findings, verdict.complaint()
    # a run in which little was done or hurt proves nothing
    assert verdict.counts.prompts >= 330
    assert verdict.counts.states["done"] > 250
    assert sum(verdict.faults.values()) >= 10
    assert verdict.counts.requests > 20
