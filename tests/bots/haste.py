"""The bots' own gaps and waits, `SPEED` times shorter than the platforms' are.

    python -m tests.bots.haste PLATFORM [what `codecast bots` is given ...]

runs `codecast bots` at that pace. A platform's library is imported only where it is named, and no
server of ours: what such a process holds is the bots' alone.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from codecast_bots import conversation, outbox

SPEED = 100.0
_TIMES = {
    "telegram": ("PRIVATE_GAP", "GROUP_GAP", "PRIVATE_MOST", "GROUP_MOST"),
    "discord": ("GAP",),
    "lark": ("GAP", "MOST"),
}
_MORE = {
    "discord": (("discord_http", "EVERYTHING"),),
    "lark": (("lark_http", "UNTOLD"),),
}  # names of other modules of a platform


@contextlib.contextmanager
def hurried(platform: str) -> Iterator[None]:
    """Seconds, and `(calls, seconds)`, of these modules are a part of what they were."""
    times = [(platform, name) for name in _TIMES[platform]] + [*_MORE.get(platform, ())]
    found: list[tuple[Any, str]] = [
        (import_module(f"codecast_bots.platforms.{module}"), name) for module, name in times
    ]
    found += [(outbox, "FIRST_WAIT"), (outbox, "LONGEST_WAIT")]
    kept = [getattr(module, name) for module, name in found]
    try:
        for (module, name), value in zip(found, kept, strict=True):
            setattr(module, name, _shorter(value))
        outbox.FIRST_WAIT, outbox.LONGEST_WAIT = 0.01, 0.1
        yield
    finally:
        for (module, name), value in zip(found, kept, strict=True):
            setattr(module, name, value)


def _shorter(value: Any) -> Any:
    return (value[0], value[1] / SPEED) if isinstance(value, tuple) else value / SPEED


def _leaking(each: int) -> None:
    """Keep so many bytes of every message that is sent, as a mistake would: whoever looks for
    growth must find it."""
    send = outbox.Outbox._put
    kept: list[bytes] = []

    def put(self: outbox.Outbox, sent: Any) -> None:
        kept.append(os.urandom(each))
        send(self, sent)

    outbox.Outbox._put = put  # type: ignore[method-assign]


if __name__ == "__main__":
    from codecast_bots.app import main

    if each := int(os.environ.get("LEAK", "0")):
        _leaking(each)
    conversation.EVERY /= SPEED
    with hurried(sys.argv[1]):
        sys.exit(main(sys.argv[2:]))
