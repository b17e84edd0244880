"""`problems` is what keeps a writer to the vocabulary: it must find what does not fit."""

import pytest

from codecast_agent.protocol import events

GOOD = [
    {"type": "agent_message_chunk", "message": "m", "content": {"type": "text", "text": "x"}},
    {"type": "agent_message_chunk", "message": "m", "content": {"type": "image", "data": "aGk="}},
    {"type": "turn_started", "turn": 1, "prompts": []},
    {"type": "notice", "level": "info", "text": "t", "turn": 3, "parent": "c", "raw": {"any": [1]}},
    {"type": "config_option_update", "settings": {"model": {"value": "x"}}, "class": "plan"},
    {"type": "usage_update", "cost_usd": 1},
    {"type": "usage_update", "cost_usd": 0.5, "usage": {"input_tokens": 3}},
    {
        "type": "request_opened",
        "request": "r",
        "kind": "permission",
        "title": "t",
        "options": [{"id": "a", "kind": "allow_once", "label": "Yes"}],
    },
]

BAD = [
    ({}, "unknown type"),
    ({"type": "nonsense"}, "unknown type 'nonsense'"),
    ({"type": "notice", "level": "info"}, "notice: text is missing"),
    ({"type": "notice", "level": "info", "text": 5}, "text is no string"),
    ({"type": "notice", "level": "info", "text": "t", "colour": "red"}, "colour is no field"),
    ({"type": "turn_started", "turn": "1", "prompts": []}, "turn is no integer"),
    ({"type": "turn_started", "turn": 1, "prompts": ["a", 2]}, "prompts[1] is no string"),
    ({"type": "turn_started", "turn": 1, "prompts": "a"}, "prompts is no list"),
    ({"type": "plan", "entries": [{"content": "c"}]}, "entries[0].status is missing"),
    (
        {"type": "plan", "entries": [{"content": "c", "status": "s", "x": 1}]},
        "no field of PlanEntry",
    ),
    ({"type": "plan", "entries": ["c"]}, "entries[0] is no PlanEntry"),
    ({"type": "agent_message_chunk", "message": "m", "content": "text"}, "content is no Content"),
    ({"type": "usage_update", "cost_usd": "1"}, "cost_usd is no number"),
]


@pytest.mark.parametrize("event", GOOD, ids=lambda e: e["type"])
def test_what_fits_has_no_problems(event):
    assert events.problems(event) == []


@pytest.mark.parametrize(("event", "said"), BAD, ids=[said for _, said in BAD])
def test_what_does_not_fit_is_named(event, said):
    assert any(said in problem for problem in events.problems(event)), events.problems(event)


def test_every_shape_in_the_tables_exists():
    known = {"string", "number", "integer", "boolean", "json", *events.STRUCTS}
    for spec in [*events.EVENTS.values(), *events.STRUCTS.values()]:
        assert spec.doc
        for shape in spec.fields.values():
            assert shape.removesuffix("[]") in known
    assert not set(events.COMMON) & {
        f for s in events.EVENTS.values() for f in s.fields if f != "turn"
    }


def test_plain_text_takes_the_text_blocks_alone():
    blocks = [events.text("a"), {"type": "image", "data": "x"}, events.text("b")]
    assert events.plain_text(blocks) == "a\nb"
