"""The fold, by the cases its TypeScript twin passes, too."""

import json
from pathlib import Path

import pytest

from codecast_agent.protocol import events
from codecast_agent.protocol import state as fold

CASES = json.loads(Path(__file__).with_name("state_cases.json").read_text())


def folded(told):
    state = fold.initial()
    for event in told:
        data = {k: v for k, v in event.items() if k not in ("seq", "time", "type")}
        fold.apply(state, event["seq"], event["time"], event["type"], data)
    return state


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_folds_as_the_typescript_twin_does(case):
    state = folded(case["events"])
    assert {field: state[field] for field in case["state"]} == case["state"]
    assert list(state["prompts"]) == list(case["state"].get("prompts", state["prompts"]))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_fold_interrupted_anywhere_and_kept_as_json_goes_on_the_same(case):
    for cut in range(len(case["events"]) + 1):
        state = json.loads(json.dumps(folded(case["events"][:cut])))
        for event in case["events"][max(0, cut - 3) :]:  # some of them again
            data = {k: v for k, v in event.items() if k not in ("seq", "time", "type")}
            fold.apply(state, event["seq"], event["time"], event["type"], data)
        assert state == folded(case["events"])


def test_the_types_said_to_be_folded_are_those_that_change_more_than_the_place():
    skipped = set(events.EVENTS) - fold.FOLDED
    for type in skipped:
        state = fold.initial()
        fold.apply(state, 1, 2.0, type, {"message": "m", "state": "ready", "turn": 1})
        assert state == {**fold.initial(), "seq": 1, "updated": 2.0}, type
    assert set(events.EVENTS) >= fold.FOLDED


@pytest.mark.parametrize("type", sorted(fold.FOLDED))
def test_a_reader_is_total_whatever_fields_are_missing(type):
    state = fold.initial()
    fold.apply(state, 1, 1.0, type, {})
    fold.apply(state, 2, 1.0, type, {"settings": 5, "prompts": None, "state": "?"})
    assert json.loads(json.dumps(state))["seq"] == 2
