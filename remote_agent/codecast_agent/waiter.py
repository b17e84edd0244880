"""Who hears how a call went: the one shape of an answer that comes later."""

from typing import Any, Callable, NamedTuple

from .protocol.errors import CodecastError


class Waiter(NamedTuple):
    """Exactly one of the two is called, once."""

    reply: Callable[[Any], None]
    refuse: Callable[[CodecastError], None]
