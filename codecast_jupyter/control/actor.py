"""Who does something, and on which surface."""

from __future__ import annotations

from typing import Any, NamedTuple


class Actor(NamedTuple):
    """`by` is the person's name, `where` the surface (lab, notebook, shell, telegram, ...)."""

    by: str
    where: str

    def fields(self) -> dict[str, Any]:
        """`{by, where}`, as events and the relay's methods carry it."""
        return {"by": self.by, "where": self.where}
