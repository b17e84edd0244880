"""What turns took is told without the machine, and budgets reach it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from codecast_agent.protocol import records
from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.control import config, rows, schema
from codecast_jupyter.control.hub import Hub
from codecast_jupyter.control.ingest import Ingest, state_of
from codecast_jupyter.control.store import Store
from codecast_jupyter.control.usage import of_session
from tests.fixtures.hubs import ANN, until
from tests.fixtures.machines import FakeMachine

Json = dict[str, Any]
TURNS: list[tuple[float, Json]] = [
    (100.0, {"type": "session_state", "state": "ready"}),
    (110.0, {"type": "turn_started", "turn": 1, "prompts": ["a"]}),
    (112.0, {"type": "request_opened", "request": "r", "kind": "permission", "title": "?"}),
    (160.0, {"type": "request_resolved", "request": "r", "option": "yes"}),
    (161.0, {"type": "usage_update", "cost_usd": 0.25, "context_used": 9, "context_size": 100}),
    (
        162.0,
        {
            "type": "turn_ended",
            "turn": 1,
            "reason": "end_turn",
            "cost_usd": 0.25,
            "usage": {"input_tokens": 10, "output_tokens": 3},
        },
    ),
    (200.0, {"type": "turn_started", "turn": 2, "prompts": ["b"]}),
    (
        203.0,
        {"type": "turn_ended", "turn": 2, "reason": "cancelled", "usage": {"output_tokens": 4}},
    ),
    (204.0, {"type": "usage_update", "cost_usd": 0.75}),  # told when the turn was over
    (210.0, {"type": "turn_started", "turn": 3, "prompts": []}),
    (211.0, {"type": "usage_update", "cost_usd": 1.0}),
]
LINES = [
    records.encode(seq, int(time * 1e6), records.dump(event))
    for seq, (time, event) in enumerate(TURNS, 1)
]
WANTED = [
    (1, 110.0, 162.0, "end_turn", 0.25, 4.0),
    (2, 200.0, 203.0, "cancelled", 0.5, 3.0),
    (3, 210.0, None, None, 0.25, 5.0),
]


def told(db: sqlite3.Connection) -> Json:
    row = rows.by_id(db, "one")
    assert row is not None
    return of_session(db, row, state_of(row), 215.0)


def add_session(db: sqlite3.Connection) -> int:
    return rows.insert(
        db,
        id="one",
        name="one",
        machine="gpu",
        cli="demo",
        cwd="/w",
        mode="code",
        model=None,
        spec={},
        owner="ann",
        created=1.0,
        delivery="started",
    ).num


def check(usage: Json) -> None:
    keys = ("turn", "started", "ended", "reason", "cost_usd", "seconds")
    assert [tuple(turn[key] for key in keys) for turn in usage["turns"]] == WANTED
    assert usage["total"] == {
        "turns": 3,
        "usage": {"input_tokens": 10, "output_tokens": 7},
        "cost_usd": 1.0,
        "seconds": 12.0,
        "context_used": 9,
        "context_size": 100,
    }


@pytest.mark.parametrize("step", [1, 3, len(LINES)])
async def test_each_turn_has_its_tokens_cost_and_time(store: Store, step: int) -> None:
    def job(db: sqlite3.Connection) -> Json:
        num, ingest = add_session(db), Ingest()
        for at in range(0, len(LINES), step):
            ingest.take(db, num, b"".join(LINES[at : at + step]))
        ingest.take(db, num, b"".join(LINES))  # blocks may repeat
        return told(db)

    check(await store.write(job))


async def test_turns_stored_before_there_was_such_a_table_are_told_too(
    store: Store, tmp_path: Path
) -> None:
    def job(db: sqlite3.Connection) -> None:
        num, ingest = add_session(db), Ingest()
        ingest.take(db, num, b"".join(LINES))
        db.execute("DROP TABLE turns")

    await store.write(job)
    path: Path = tmp_path / "data" / "codecast.db"
    await store.close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 1")
    schema.prepare(path)
    schema.prepare(path)  # nothing is counted twice
    with sqlite3.connect(path) as db:
        db.row_factory = sqlite3.Row
        check(told(db))


async def test_usage_needs_no_machine_and_goes_with_its_session(
    hub: Hub, machine: FakeMachine
) -> None:
    session = await hub.sessions.start("gpu", "/w", prompt="say 2", actor=ANN)

    async def ended() -> bool:
        turns = (await hub.sessions.usage(session["id"]))["turns"]
        return bool(turns) and turns[0]["reason"] == "end_turn"

    await until(ended)
    await machine.away()
    one = await hub.sessions.usage(session["name"])
    assert [turn["turn"] for turn in one["turns"]] == [1]
    every = await hub.sessions.usages()
    assert [(each["name"], each["total"]["turns"]) for each in every] == [(session["name"], 1)]
    with pytest.raises(CodecastError):
        await hub.sessions.usage("nobody")
    await machine.back()
    assert await hub.sessions.destroy(session["id"], actor=ANN)

    async def gone() -> bool:
        count = await hub.store.read(lambda db: db.execute("SELECT * FROM turns").fetchall())
        return count == []

    await until(gone)


async def test_the_machine_hears_the_budget_of_call_and_configuration(
    hub: Hub, machine: FakeMachine
) -> None:
    hub.machines.config = config.read("defaults: {max_cost: 5, max_turns: 7}", Path("x"))
    await hub.sessions.start("gpu", "/w", budget={"max_turns": None, "max_minutes": 30}, actor=ANN)
    params = next(params for method, params in machine.calls if method == "session/start")
    assert params["budget"] == {"max_cost": 5.0, "max_minutes": 30}


async def test_a_changed_budget_is_shown_at_once(hub: Hub, machine: FakeMachine) -> None:
    session = await hub.sessions.start("gpu", "/w", actor=ANN)
    changed = await hub.sessions.set_budget(session["id"], {"max_cost": 2}, actor=ANN)
    assert changed["state"]["budget"] == {"max_cost": 2}
    changed = await hub.sessions.set_budget(session["id"], {"max_turns": 3}, actor=ANN)
    assert changed["state"]["budget"] == {"max_cost": 2, "max_turns": 3}
    changed = await hub.sessions.set_budget(session["id"], {"max_cost": None}, actor=ANN)
    assert changed["state"]["budget"] == {"max_turns": 3}
    event = next(e for e in reversed(machine.journals[session["id"]].state()) if "by" in e)
    assert (event["type"], event["by"], event["where"]) == ("budget_update", "ann", "lab")


async def test_an_old_supervisor_that_knows_no_budget_is_told_of(
    hub: Hub, machine: FakeMachine
) -> None:
    session = await hub.sessions.start("gpu", "/w", actor=ANN)
    machine.faults["session/set_budget"] = CodecastError(
        "not_supported", "This session's supervisor does not know 'set_budget'.", "Stop, resume."
    )
    with pytest.raises(CodecastError) as caught:
        await hub.sessions.set_budget(session["id"], {"max_cost": 2}, actor=ANN)
    assert (caught.value.code, caught.value.hint) == ("not_supported", "Stop, resume.")


@pytest.mark.parametrize("budget", [{"max_cost": -1}, {"max_turns": 1.5}, {"max_prize": 1}, 3])
async def test_a_budget_that_makes_no_sense_starts_nothing(
    hub: Hub, machine: FakeMachine, budget: Any
) -> None:
    with pytest.raises(CodecastError) as caught:
        await hub.sessions.start("gpu", "/w", budget=budget, actor=ANN)
    assert caught.value.code == "bad_request"
    assert machine.journals == {}


@pytest.mark.parametrize(
    ("text", "key"),
    [("max_cost: much", "max_cost"), ("max_turns: 1.5", "max_turns"), ("max_minutes: 0", "max_m")],
)
def test_a_limit_in_the_configuration_is_a_number(text: str, key: str) -> None:
    with pytest.raises(CodecastError) as caught:
        config.read(f"machines:\n  gpu:\n    {text}\n", Path("/x"))
    assert "line 3" in caught.value.message and key in caught.value.message


def test_limits_in_the_configuration_are_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMIT", "2.5")
    found = config.read(
        "machines: {gpu: {max_cost: '${LIMIT}', max_turns: 3}}\ndefaults: {max_minutes: 90}",
        Path("x"),
    )
    assert (found.machines["gpu"].max_cost, found.machines["gpu"].max_turns) == (2.5, 3)
    assert json.dumps(found.defaults.max_minutes) == "90.0"
