"""Reach the API from a kernel, a script, a shell or a bot.

`AsyncClient` and `Client` (the same names, blocking). Nothing here needs more than tornado,
which every IPython kernel has; importing the package alone needs not even that.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from codecast_agent.protocol.errors import CodecastError

from .discovery import Connection

if TYPE_CHECKING:
    from .blocking import Client
    from .client import AsyncClient

__all__ = ["AsyncClient", "Client", "CodecastError", "Connection"]

_LATE = {"AsyncClient": "client", "Client": "blocking"}


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(import_module(f".{_LATE[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
