"""The relay's half of adopting a conversation: who has it already, and the child that does it.

What the child does is `adoption`, whose code only the child loads.
"""

from functools import partial
from typing import Any, Callable, Optional

from .helper import Helper
from .places import Meta, Place
from .protocol.errors import CodecastError
from .registry import Entry, Registry

WITHIN = 150.0  # seconds, for a conversation of a gigabyte on a slow disk


def begin(
    registry: Registry,
    meta: Meta,
    made: Callable[[Optional[Place]], None],
    refused: Callable[[CodecastError], None],
) -> None:
    """Make the directory of a session that goes on with `meta["native"]`, its history in it
    where `meta["history"]` says so. `made` gets None when there is one of that id already.

    Raises, or tells `refused`, what `adoption.take_over` raises, and `session_in_use`.
    """
    key = (meta["cli"], meta["native"])
    if not meta["fork"]:
        owner = registry.owners().get(key)
        if owner is not None:
            raise _taken(owner)
        if key in registry.adopting:
            raise CodecastError("session_in_use", "That conversation is being adopted just now.")
        registry.adopting.add(key)

    def done(created: Any, problem: Optional[CodecastError]) -> None:
        if not meta["fork"]:
            registry.adopting.discard(key)
        if problem is not None:
            refused(problem)
        else:
            made(Place(registry.directory + "/" + meta["session"]) if created else None)

    Helper(registry.loop, partial(_work, registry.directory, meta), done, WITHIN)


def _work(directory: str, meta: Meta) -> bool:
    from . import adoption

    return adoption.take_over(directory, meta)


def _taken(owner: Entry) -> CodecastError:
    meta = owner.place.read_meta()
    name = meta.get("name") or owner.place.session
    return CodecastError(
        "session_in_use",
        "That conversation is the session %s of Codecast already." % name,
        "Use that session, or fork the conversation.",
        data={"session": owner.place.session, "name": name},
    )
