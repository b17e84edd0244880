"""Where our code runs: in a kernel, in IPython's terminal, in a script; awaited or not."""

from __future__ import annotations

import functools
import inspect
import sys
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

_INSIDE = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>")
_AWAITS = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def shell() -> Any:
    """The running IPython, or None."""
    if "IPython" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython

    return get_ipython()  # type: ignore[no-untyped-call, unused-ignore]


def in_kernel() -> bool:
    """Whether a front end shows what is displayed."""
    return getattr(shell(), "kernel", None) is not None


def kernel_id() -> str:
    """The id by which a Jupyter server knows this kernel; empty where there is none."""
    application = getattr(getattr(shell(), "kernel", None), "parent", None)
    return Path(getattr(application, "connection_file", "")).stem.removeprefix("kernel-")


@functools.cache
def has_widgets() -> bool:
    return all(find_spec(name) is not None for name in ("anywidget", "ipywidgets"))


def awaits(depth: int = 1) -> bool:
    """Whether the code `depth` calls above our caller awaits: an `async def`, or a cell with
    `await` in it, also through a comprehension there.

    What such code calls must not block its loop, and what other code calls has nothing to
    await with: so one method serves both.
    """
    frame: FrameType | None = sys._getframe(depth + 1)
    while frame is not None and frame.f_code.co_name in _INSIDE:
        if frame.f_code.co_flags & _AWAITS:
            return True
        frame = frame.f_back
    return frame is not None and bool(frame.f_code.co_flags & _AWAITS)
