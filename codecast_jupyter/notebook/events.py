"""A session's events as a stream that is iterated, blocking or awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from . import connection

Event = dict[str, Any]


class Events:
    """A session's events, those so far and those to come: `for` and `async for` both work.

    Each comes exactly once and in order, over lost connections too. It ends when the session
    is removed.
    """

    def __init__(self, session: str, after: int) -> None:
        self._session = session
        self._after = after

    def __iter__(self) -> Iterator[Event]:
        return connection.client().events(self._session, self._after)

    async def __aiter__(self) -> AsyncIterator[Event]:
        client = connection.client()
        events: Any = client.aio.events(self._session, self._after)
        end = object()

        async def step() -> Any:
            return await anext(events, end)

        try:
            while (event := await connection.here(step())) is not end:
                yield event
        finally:
            client.submit(events.aclose())
