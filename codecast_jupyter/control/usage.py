"""What turns took: tokens, cost and time, one row a turn, so that it is told without the machine.

A turn's cost is what its CLI says, else by how much the session's grew meanwhile. Rows are
keyed by the event that began the turn: a machine that lost the end of its journal numbers
turns anew.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from codecast_agent.protocol import budget
from codecast_agent.protocol.state import State

TYPES = frozenset({"turn_started", "turn_ended", "usage_update"})


def follow(
    db: sqlite3.Connection,
    session: int,
    seq: int,
    time: float,
    type: str,
    data: Mapping[str, Any],
    state: State,
) -> None:
    """Take one event of TYPES, `state` being the fold after it."""
    cost = _number(state["cost_usd"])
    if type == "turn_started":
        db.execute(
            "INSERT OR REPLACE INTO turns (session, seq, turn, started, cost_before,"
            " worked_before) VALUES (?, ?, ?, ?, ?, ?)",
            (session, seq, _whole(data.get("turn")), time, cost, state["worked"]["seconds"]),
        )
        return
    row = db.execute(
        "SELECT seq, ended, told, cost_before, worked_before FROM turns WHERE session = ?"
        " ORDER BY seq DESC LIMIT 1",
        (session,),
    ).fetchone()
    if row is None:
        return
    first, ended, was_told, cost_before, worked_before = row
    grown = max(0.0, cost - cost_before)
    if type == "usage_update":  # some CLIs tell only when the turn is over
        if ended is not None and not was_told:
            db.execute(
                "UPDATE turns SET cost_usd = ? WHERE session = ? AND seq = ?",
                (grown, session, first),
            )
        return
    if ended is not None:
        return
    told = data.get("cost_usd")
    usage = data.get("usage")
    db.execute(
        "UPDATE turns SET ended = ?, reason = ?, usage = ?, cost_usd = ?, told = ?, seconds = ?"
        " WHERE session = ? AND seq = ?",
        (
            time,
            str(data.get("reason")),
            json.dumps(usage) if isinstance(usage, dict) else None,
            grown if told is None else _number(told),
            int(told is not None),
            max(0.0, state["worked"]["seconds"] - worked_before),
            session,
            first,
        ),
    )


def of_session(
    db: sqlite3.Connection, row: sqlite3.Row, state: State, now: float
) -> dict[str, Any]:
    """The API's Usage of a sessions row: `{session, name, machine, cli, turns, total, budget,
    over_budget}`."""
    found = db.execute("SELECT * FROM turns WHERE session = ? ORDER BY seq", (row["num"],))
    turns = [_turn(each, state, now) for each in found]
    return {
        "session": row["id"],
        "name": row["name"],
        "machine": row["machine"],
        "cli": row["cli"],
        "turns": turns,
        "total": _total(state, turns, now),
        "budget": state["budget"],
        "over_budget": state["over_budget"],
    }


def _turn(row: sqlite3.Row, state: State, now: float) -> dict[str, Any]:
    cost, seconds = row["cost_usd"], row["seconds"]
    open_turn = state["turn"]
    if open_turn is not None and row["ended"] is None and row["turn"] == open_turn["turn"]:
        cost = max(0.0, _number(state["cost_usd"]) - row["cost_before"])
        seconds = max(0.0, budget.seconds_worked(state, now) - row["worked_before"])
    return {
        "turn": row["turn"],
        "started": row["started"],
        "ended": row["ended"],
        "reason": row["reason"],
        "usage": json.loads(row["usage"]) if row["usage"] else {},
        "cost_usd": round(cost, 8) if cost is not None else None,
        "seconds": round(seconds, 3) if seconds is not None else None,
    }


def _total(state: State, turns: list[dict[str, Any]], now: float) -> dict[str, Any]:
    usage: dict[str, int] = {}
    for turn in turns:
        for kind, count in turn["usage"].items():
            usage[kind] = usage.get(kind, 0) + _whole(count)
    cost = sum(turn["cost_usd"] or 0.0 for turn in turns)
    return {
        "turns": state["turns"],
        "usage": usage,
        "cost_usd": round(max(cost, _number(state["cost_usd"])), 8),
        "seconds": round(budget.seconds_worked(state, now), 3),
        "context_used": state["context_used"],
        "context_size": state["context_size"],
    }


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
