"""The options that set a budget, wherever one is given."""

from __future__ import annotations

from codecast_agent.protocol.budget import LIMITS

from .table import Argument, Values, option

NONE = "none"  # lifts a limit


def amount(word: str) -> float | str:
    """An amount, or NONE. Raises ValueError."""
    return _limit(word, float)


def count(word: str) -> float | str:
    """Likewise, a whole number."""
    return _limit(word, int)


def _limit(word: str, kind: type) -> float | str:
    if word.lower() == NONE:
        return NONE
    found: float = kind(word.lstrip("\0$"))
    if not 0 < found < float("inf"):
        raise ValueError(word)
    return found


BUDGET: tuple[Argument, ...] = (
    option("max-cost", "stop when it has cost so many US dollars", type=amount, metavar="USD"),
    option("max-turns", "begin no more turns than this", type=count, metavar="N"),
    option("max-minutes", "stop when it has worked so long", type=amount, metavar="MIN"),
)


def given(values: Values) -> dict[str, float | None]:
    """The limits that were named, as the API takes them."""
    named = {limit: values.get(limit) for limit in LIMITS}
    return {k: None if v == NONE else v for k, v in named.items() if v is not None}
