"""Mode and model as a person chooses them: asked of the CLI, and kept once it has taken them.

With what a CLI is started is read from the journal: what it took (`chosen`), and before that
what only a start can prove (`asked`): it was asked of a session whose CLI is down, of a CLI that
has to be started anew for it, or of one that does not answer. A start that fails because of it
takes it back, so that a name that no CLI knows is tried once and not at every start to come.
"""

from functools import partial
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from . import prompts
from .loop import Call
from .protocol.errors import CodecastError
from .waiter import Waiter

if TYPE_CHECKING:
    from .session import Session

ANSWER_WITHIN = 5.0  # seconds a person waits for the CLI's word


class Choices:
    """The settings of one session."""

    def __init__(self, session: "Session") -> None:
        self.session = session
        self._open: List[_Asked] = []  # the CLI was asked and has not answered
        self._latest: Dict[str, _Asked] = {}
        self._tried: Dict[str, str] = {}  # asked, and given to the process that runs

    def value(self, name: str) -> Optional[str]:
        """What a start is made with."""
        ledger = self.session.ledger
        value = ledger.asked.get(name) or ledger.chosen.get(name)
        return value or self.session.meta.get(name)

    def set(self, name: str, value: str, params: Dict[str, Any], waiter: Waiter) -> None:
        """In place where the CLI can, else by a restart at the next idle moment.

        `waiter` hears what the CLI says; raises what an adapter knows to be no value.
        """
        session = self.session
        adapter, in_place = session.life.adapter, False
        asked = _Asked(self, name, value, prompts.person(params), waiter)
        self._latest[name] = asked
        if adapter is not None and session.life.phase == "ready":
            change = adapter.set_mode if name == "mode" else adapter.set_model
            answers: List[bool] = []
            session.guard(lambda: answers.append(change(value, asked.settled)))
            in_place = answers[0]
        if in_place:
            asked.wait()
            return
        session.restart = session.life.phase != "down"
        session.scribe.record({**_shown(name, value), "asked": {name: value}, **asked.person})
        asked.reply()

    def given(self) -> None:
        """A process is started with `value` of everything."""
        self._tried = dict(self.session.ledger.asked)

    def proven(self) -> None:
        """That process is ready: it has taken what was asked."""
        for name, value in self._tried.items():
            if self.session.ledger.asked.get(name) == value:
                self.keep(name, value, {"asked": {name: None}})
        self._tried = {}

    def failed(self, problem: CodecastError) -> None:
        """No process came of it: where a setting is why, it is not tried again."""
        name = str(problem.data.get("setting"))
        tried, self._tried = self._tried, {}
        ledger = self.session.ledger
        if name in tried and ledger.asked.get(name) == tried[name]:
            again = ledger.chosen.get(name) or self.session.meta.get(name)
            self.session.scribe.record({**_shown(name, again), "asked": {name: None}})

    def gone(self, kind: str, problem: CodecastError) -> None:
        """The process is gone: what it was asked and did not answer."""
        waiting, self._open = self._open, []
        for asked in waiting:
            if kind in ("restart", "interrupt"):
                asked.unanswered()
            else:
                asked.refuse(problem)

    def keep(self, name: str, value: str, fields: Dict[str, Any]) -> None:
        """The CLI has taken it."""
        session = self.session
        session.scribe.record(_told(chosen={name: value}, **fields))
        session.scribe.urgent = True
        # for lists, and for supervisors that do not know the event
        session.remember(**{name: value})

    def is_latest(self, asked: "_Asked") -> bool:
        return self._latest.get(asked.name) is asked

    def opened(self, asked: "_Asked") -> None:
        self._open.append(asked)

    def closed(self, asked: "_Asked") -> None:
        if asked in self._open:
            self._open.remove(asked)


class _Asked:
    """One wish, until the CLI has said what it thinks of it."""

    def __init__(
        self, choices: Choices, name: str, value: str, person: Dict[str, str], waiter: Waiter
    ) -> None:
        self.name = name
        self.value = value
        self.person = person
        self._choices = choices
        self._waiter: Optional[Waiter] = waiter
        self._answered = False
        self._patience: Optional[Call] = None

    def wait(self) -> None:
        """For the CLI's word, but not for ever."""
        if not self._answered:
            self._choices.opened(self)
            self._patience = self._choices.session.life.after(ANSWER_WITHIN, self.unanswered)

    def settled(self, problem: Optional[CodecastError]) -> None:
        """The CLI's word, however late."""
        if self._answered:
            return
        self._answered = True
        self._close()
        session = self._choices.session
        asked = session.ledger.asked.get(self.name)
        latest = self._choices.is_latest(self)
        over = {"asked": {self.name: None}} if asked and latest else {}
        if problem is None:
            self._choices.keep(self.name, self.value, {**over, **self.person})
            self.reply()
            return
        if over:
            session.scribe.record(_told(**over))
        if self._waiter is not None:
            self.refuse(problem)
        else:
            session.emit("notice", level="error", text=str(problem))

    def unanswered(self) -> None:
        """Nobody waits any longer: the next start will show."""
        self._close()
        if self._choices.is_latest(self):
            session = self._choices.session
            session.scribe.record(_told(asked={self.name: self.value}, **self.person))
            text = "%s has not said whether it takes the %s %s. Its next start will try it."
            session.emit(
                "notice", level="info", text=text % (session.life.cli, self.name, self.value)
            )
        self.reply()

    def reply(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            self._choices.session.scribe.replies.append(partial(waiter.reply, {}))

    def refuse(self, problem: CodecastError) -> None:
        self._answered = True
        self._close()
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            self._choices.session.scribe.replies.append(partial(waiter.refuse, problem))

    def _close(self) -> None:
        self._choices.closed(self)
        if self._patience is not None:
            self._patience()
            self._patience = None


def _told(**fields: Any) -> Dict[str, Any]:
    """The event that tells of a setting."""
    return {"type": "config_option_update", "settings": {}, **fields}


def _shown(name: str, value: Optional[str]) -> Dict[str, Any]:
    """The one that shows it as set."""
    if name == "mode":
        return _told(**{"class": value})
    return _told(settings={"model": {"value": value}})
