"""Remote coding agents, inside Jupyter.

In notebooks and scripts:

    import codecast_jupyter as cc

    s = cc.start("gpu-1", "~/project", cli="claude")
    print(s.ask("Why is the loss NaN?").text)

`%load_ext codecast_jupyter` brings `%codecast`. Names below are imported at first use: the
package itself is imported by servers, shells and kernels alike, and needs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

try:
    from ._version import __version__
except ImportError:  # a checkout that was never installed
    __version__ = "0+unknown"

if TYPE_CHECKING:
    from codecast_agent.protocol.errors import CodecastError

    from .notebook import frames
    from .notebook.connection import connect
    from .notebook.fanout import fleet, map, run, runs
    from .notebook.machine import Machine, machine, machines
    from .notebook.request import Request, requests
    from .notebook.result import Result
    from .notebook.run import Run
    from .notebook.session import Session
    from .notebook.sessions import search, session, sessions, start
    from .notebook.timeline import timeline
    from .notebook.turn import Turn

_LATE = {
    "CodecastError": "notebook.errors",
    "Machine": "notebook.machine",
    "Request": "notebook.request",
    "Result": "notebook.result",
    "Run": "notebook.run",
    "Session": "notebook.session",
    "Turn": "notebook.turn",
    "connect": "notebook.connection",
    "fleet": "notebook.fanout",
    "frames": "notebook",
    "machine": "notebook.machine",
    "machines": "notebook.machine",
    "map": "notebook.fanout",
    "requests": "notebook.request",
    "run": "notebook.fanout",
    "runs": "notebook.fanout",
    "search": "notebook.sessions",
    "session": "notebook.sessions",
    "sessions": "notebook.sessions",
    "start": "notebook.sessions",
    "timeline": "notebook.timeline",
}

__all__ = [
    "CodecastError",
    "Machine",
    "Request",
    "Result",
    "Run",
    "Session",
    "Turn",
    "__version__",
    "connect",
    "fleet",
    "frames",
    "machine",
    "machines",
    "map",
    "requests",
    "run",
    "runs",
    "search",
    "session",
    "sessions",
    "start",
    "timeline",
]


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "frames":
        return import_module(".notebook.frames", __name__)
    return getattr(import_module(f".{_LATE[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(ipython: Any) -> None:
    """`%load_ext codecast_jupyter`"""
    from .notebook.magics import load

    load(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    from .notebook.magics import unload

    unload(ipython)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "codecast-jupyter"}]


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    from .app import CodecastApp

    return [{"module": "codecast_jupyter", "app": CodecastApp}]
