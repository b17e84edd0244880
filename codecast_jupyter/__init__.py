"""Remote coding agents, inside Jupyter.

Kept free of jupyter_server: a kernel imports this package too.
"""

from __future__ import annotations

try:
    from ._version import __version__
except ImportError:  # a checkout that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "codecast-jupyter"}]


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    from .app import CodecastApp

    return [{"module": "codecast_jupyter", "app": CodecastApp}]
