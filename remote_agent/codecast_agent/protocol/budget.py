"""What a session may spend: the limits, who may say them how, and when one is reached.

A budget is `{max_cost?, max_turns?, max_minutes?}`: US dollars, turns, and minutes in which a
turn ran and nobody was waited for. What is absent is unlimited. The supervisor keeps it (so
nobody needs to be attached); the hub checks by the same rules what people write.
"""

import math
from typing import Any, Dict, Mapping, Optional

from .errors import CodecastError

LIMITS: Dict[str, str] = {
    "max_cost": "an amount of US dollars",
    "max_turns": "a whole number of turns",
    "max_minutes": "a number of minutes",
}
Budget = Dict[str, float]


def check(value: Any) -> Dict[str, Optional[float]]:
    """A budget, or a change of one (where None takes a limit away), as somebody wrote it.

    Raises CodecastError("bad_request") that names the field.
    """
    if not isinstance(value, dict):
        raise CodecastError(
            "bad_request", "A budget is an object.", "Its fields are %s." % ", ".join(LIMITS)
        )
    checked: Dict[str, Optional[float]] = {}
    for name, limit in value.items():
        if name not in LIMITS:
            raise CodecastError(
                "bad_request",
                "A budget has no %r." % (name,),
                "Its fields are %s." % ", ".join(LIMITS),
                data={"field": str(name)},
            )
        if limit is not None and not _fits(name, limit):
            raise CodecastError(
                "bad_request",
                "%s must be %s above 0, not %r." % (name, LIMITS[name], limit),
                data={"field": name},
            )
        checked[name] = limit
    return checked


def _fits(name: str, limit: Any) -> bool:
    if isinstance(limit, bool) or not isinstance(limit, (int, float)):
        return False
    if name == "max_turns" and not isinstance(limit, int):
        return False
    return limit > 0 and math.isfinite(limit)


def changed(budget: Mapping[str, Any], change: Mapping[str, Optional[float]]) -> Budget:
    """The whole budget after a checked change."""
    merged = {**budget, **change}
    return {name: merged[name] for name in LIMITS if merged.get(name) is not None}


def seconds_worked(state: Mapping[str, Any], now: float) -> float:
    """The time in which turns ran, up to `now` (seconds since 1970)."""
    worked = state["worked"]
    since = worked["since"]
    return float(worked["seconds"]) + (max(0.0, now - since) if since is not None else 0.0)


def reached(state: Mapping[str, Any], now: float) -> Optional[Dict[str, Any]]:
    """The first limit that is reached, as the fields of `budget_reached`.

    The turn of a prompt is never cut by `max_turns`: that limit keeps the next from beginning.
    One that the CLI began by itself is.
    """
    values: Dict[str, float] = {
        "max_cost": state["cost_usd"] or 0.0,
        "max_minutes": seconds_worked(state, now) / 60,
    }
    turn = state["turn"]
    if turn is None:
        values["max_turns"] = state["turns"]
    elif not turn["prompts"]:
        values["max_turns"] = state["turns"] - 1
    for name, value in values.items():
        limit = state["budget"].get(name)
        if limit is not None and value >= limit:
            return {"limit": name, "value": round(value, 6), "max": limit}
    return None


def seconds_left(state: Mapping[str, Any], now: float) -> Optional[float]:
    """Until `max_minutes` is reached, if the time goes on as now; None when it does not run."""
    limit = state["budget"].get("max_minutes")
    if limit is None or state["worked"]["since"] is None:
        return None
    return max(0.0, float(limit) * 60 - seconds_worked(state, now))


def words(over: Mapping[str, Any]) -> str:
    """`$0.52 of $0.50 spent`: what was reached, for a person."""
    limit, value, most = over.get("limit"), over.get("value"), over.get("max")
    try:
        if limit == "max_cost":
            return "$%.2f of $%.2f spent" % (value, most)  # type: ignore[str-format]
        if limit == "max_turns":
            return "%d of %d turns taken" % (value, most)  # type: ignore[str-format]
        if limit == "max_minutes":
            return "%.3g of %.3g minutes worked" % (value, most)  # type: ignore[str-format]
    except TypeError:
        pass
    return "%s: %s of %s" % (limit, value, most)
