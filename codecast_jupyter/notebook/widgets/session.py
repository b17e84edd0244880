"""The live session in a cell's output."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import traitlets

from codecast_agent.protocol.errors import CodecastError
from codecast_jupyter.commands.render.disarm import disarmed
from codecast_jupyter.commands.render.markdown import entry as entry_markdown
from codecast_jupyter.commands.render.markdown import esc
from codecast_jupyter.commands.sessions import described
from codecast_jupyter.commands.transcript import Transcript
from codecast_jupyter.commands.words import dollars, plural

from .. import connection
from .base import Shown, page_code

if TYPE_CHECKING:
    from ..session import Session
    from ..turn import Turn

TAIL = 400  # events shown before the live ones
LAST = 60  # entries of a snapshot


class SessionWidget(Shown):
    """Transcript, requests with buttons, time, tokens, cost, and a composer.

    With `prompt` it shows that turn alone, as `Session.ask` does while it waits; `fed_by` is the
    turn that hears the events already.
    """

    _esm = page_code("session")

    session = traitlets.Unicode().tag(sync=True)  # its id
    where = traitlets.Unicode().tag(sync=True)
    prompt = traitlets.Unicode().tag(sync=True)
    after = traitlets.Int().tag(sync=True)

    def __init__(
        self,
        session: Session,
        *,
        after: int | None = None,
        prompt: str = "",
        fed_by: Turn | None = None,
    ) -> None:
        last = int(session.data.get("last_seq") or 0)
        self._of = session
        self._turn = fed_by
        self._transcript = Transcript()
        self._events: list[dict[str, Any]] = []
        self._described = -1  # events at the last snapshot
        super().__init__(
            session=session.id,
            title=session.name,
            where=described(session.data),
            prompt=prompt,
            after=max(0, last - TAIL) if after is None else after,
        )
        if fed_by is not None:
            fed_by.listen(self._take)
        else:
            self._run(self._follow())

    def owns(self, session: str) -> bool:
        return session == self.session

    def known(self) -> list[dict[str, Any]]:
        return [{"type": "events", "session": self.session, "events": list(self._events)}]

    def describe(self) -> str:
        if len(self._events) == self._described:
            return ""
        self._described = len(self._events)
        if self._turn is not None:
            return self._turn._repr_markdown_()
        said = [entry_markdown(entry, disarmed) for entry in self._transcript.entries[-LAST:]]
        state = self._transcript.state
        facts = [
            str(state["status"]),
            plural(int(state["turns"]), "turn"),
            dollars(state["cost_usd"]),
        ]
        head = f"**{esc(self.title)}** {esc(self.where)}"
        tail = f"*{esc(' · '.join(fact for fact in facts if fact))}*"
        return "\n\n".join([head, *[part for part in said if part], tail])

    def _take(self, event: dict[str, Any]) -> None:
        self._events.append(event)
        self._transcript.apply(event)
        self.feed({"type": "events", "session": self.session, "events": [event]})

    async def _follow(self) -> None:
        events: Any = connection.client().aio.events(self.session, self.after)
        with contextlib.suppress(CodecastError):
            async with contextlib.aclosing(events):
                async for event in events:
                    self._take(event)

    def __repr__(self) -> str:
        return f"<live session {self.title}>"
