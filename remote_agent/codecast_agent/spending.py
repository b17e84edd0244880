"""A session's budget, minded where the CLI runs: nobody needs to be attached.

What was spent and which limit was reached is in the journal (`protocol.budget`), so a new
supervisor goes on counting where a dead one was. Here is only when to look.
"""

import time
from typing import TYPE_CHECKING, Optional

from .loop import Call
from .protocol import budget

if TYPE_CHECKING:
    from .session import Session


class Spending:
    """`mind` is asked after everything that happens."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._alarm: Optional[Call] = None  # cancels the next look
        self._warned = False

    @property
    def over(self) -> bool:
        """Whether a limit was reached: no prompt is begun, no turn goes on."""
        return self._session.ledger.state["over_budget"] is not None

    def begin(self) -> None:
        """Before the CLI's first start: the budget the session was started with."""
        session = self._session
        if session.meta.get("budget") and not session.ledger.has_budget:
            session.scribe.record({"type": "budget_update", **session.meta["budget"]})

    def mind(self) -> bool:
        """Say that a limit is reached, end a turn that goes on nevertheless; False when there
        was nothing to do."""
        session = self._session
        if self.over:
            return not session.ledger.idle() and session.interrupt()
        if not session.ledger.state["budget"]:
            return False
        now = time.time()
        reached = budget.reached(session.ledger.state, now)
        if reached is not None:
            session.scribe.record({"type": "budget_reached", **reached})
            return True
        blind = "max_cost" in session.ledger.state["budget"] and not session.ledger.tells_cost
        if blind and not self._warned:
            self._warned = True
            text = "%s does not tell what a turn costs: max_cost will not stop it. max_turns or"
            text += " max_minutes do."
            session.warn(text % session.life.cli)
            return True
        left = budget.seconds_left(session.ledger.state, now)
        if self._alarm is None and left is not None:
            # the CLI may be silent; the clocks need not agree to the millisecond
            self._alarm = session.scribe.loop.after(left + 0.005, self._ring)
        return False

    def changed(self) -> None:
        """The budget is another: what is left is, too."""
        if self._alarm is not None:
            self._alarm()
            self._alarm = None
        if not self.over:
            self.mind()

    def _ring(self) -> None:
        self._alarm = None
        self._session.act(lambda: None)
