"""Usage and budgets through the API: their shapes, and what is refused."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Api

Json = dict[str, Any]


async def test_usage_of_one_session_and_of_all(api: Api, session: Json) -> None:
    one = await api("GET", "/sessions/{session}/usage", session=session["name"])
    assert (one.code, one.json["session"]) == (200, session["id"])
    assert one.json["turns"][0]["usage"] == {"input_tokens": 7, "output_tokens": 2}
    every = await api("GET", "/usage")
    assert [each["total"]["cost_usd"] for each in every.json] == [0.25]
    assert (await api("GET", "/sessions/{session}/usage", session="nobody")).code == 404


async def test_a_budget_is_given_at_the_start_and_changed_later(api: Api) -> None:
    body = {"machine": "local", "cwd": "/w", "budget": {"max_cost": 2.5, "max_turns": None}}
    started = await api("POST", "/sessions", body)
    assert started.json["state"]["budget"] == {"max_cost": 2.5}
    change = {"budget": {"max_turns": 4, "max_cost": None}}
    changed = await api("PATCH", "/sessions/{session}", change, session=started.json["id"])
    assert (changed.code, changed.json["state"]["budget"]) == (200, {"max_turns": 4})


async def test_a_budget_of_another_shape_is_refused_by_the_name_of_its_field(
    api: Api, session: Json
) -> None:
    for budget, field in [
        ({"max_price": 1}, "budget.max_price"),
        ({"max_turns": 1.5}, "budget.max_turns"),
        ({"max_cost": "much"}, "budget.max_cost"),
        ({"max_cost": -1}, "max_cost"),
        (5, "budget"),
    ]:
        for verb, route, body, where in (
            ("POST", "/sessions", {"machine": "local", "cwd": "/w"}, {}),
            ("PATCH", "/sessions/{session}", {}, {"session": session["id"]}),
        ):
            answer = await api(verb, route, {**body, "budget": budget}, **where)
            assert (answer.code, answer.json["code"]) == (400, "bad_request"), budget
            assert answer.json["data"]["field"] == field, budget
