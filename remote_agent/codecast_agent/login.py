"""The login shell's environment, asked for by a relay on behalf of the sessions it starts.

With conda the shell takes seconds: it is asked once for any number of starts, in a child, and
the answer is kept where the supervisors that are forked from the relay find it.
"""

from typing import Any, Dict, List, Optional

from .helper import Helper
from .loop import Call, Loop
from .protocol.errors import CodecastError

WITHIN = 30.0  # seconds; the shell itself gets less


class LoginShell:
    """Of one relay."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._waiting: List[Call] = []

    def known(self, call: Call) -> bool:
        """Call once the environment is known, or cannot be: a supervisor then asks itself.

        Returns whether the shell has to be asked first.
        """
        from .clis import catalog

        if catalog.fresh():
            call()
            return False
        self._waiting.append(call)
        if len(self._waiting) == 1:
            Helper(self._loop, catalog.login, self._answered, WITHIN)
        return True

    def keep(self, answer: Dict[str, Any]) -> None:
        """Somebody asked it by the way."""
        from .clis import catalog

        catalog.keep(answer)

    def _answered(self, value: Any, problem: Optional[CodecastError]) -> None:
        if problem is None:
            self.keep(value)
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call()
