"""What can be asked of a session over its socket. Each verb is one act and answers once."""

from functools import partial
from typing import Any, Callable, Dict

from . import attachments, prompts, requests
from .clis.contract import Prompt
from .protocol import budget
from .protocol.errors import CodecastError
from .protocol.events import MODES
from .scribe import Event
from .session import Session
from .waiter import Waiter

Params = Dict[str, Any]
Verb = Callable[[Params, Waiter], None]


class Verbs:
    """The verbs of docs/protocol.md, `prompt` to `stop`, and `ready`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._scribe = session.scribe
        self._ledger = session.ledger
        self._verbs: Dict[str, Verb] = {
            "prompt": self.prompt,
            "edit_prompt": self.edit_prompt,
            "cancel_prompt": self.cancel_prompt,
            "move_prompt": self.move_prompt,
            "interrupt": self.interrupt,
            "answer": self.answer,
            "set_mode": self.set_mode,
            "set_model": self.set_model,
            "set_budget": self.set_budget,
            "rename": self.rename,
            "ready": self.ready,
            "resume": self.resume,
            "stop": self.stop,
        }

    def call(self, method: str, params: Params, waiter: Waiter) -> None:
        """Do what is asked; `waiter` hears how it went."""

        def run() -> None:
            verb = self._verbs.get(method)
            try:
                if verb is None:
                    raise CodecastError(
                        "not_supported",
                        "This session's supervisor does not know %r." % method,
                        "Stop and resume the session: that starts a newer one.",
                    )
                verb(params, waiter)
            except CodecastError as problem:
                waiter.refuse(problem)  # nothing happened: no need to wait for the disk
            except Exception as problem:
                self._scribe.log_trace()
                waiter.refuse(CodecastError("internal", "%s failed: %r" % (method, problem)))

        self._session.act(run)

    def _done(self, waiter: Waiter) -> None:
        self._scribe.replies.append(partial(waiter.reply, {}))

    # -- prompts

    def prompt(self, params: Params, waiter: Waiter) -> None:
        session = self._session
        prompt, queued = prompts.read(params)
        duplicate = prompt.id in self._ledger.known
        if duplicate:
            self._scribe.urgent = True  # the first answer may have been lost before the sync
        else:
            self._check_not_stopping()
            if not (params.get("steer") and self._steer(prompt, queued)):
                self._scribe.record_durably(queued)
                if session.life.phase in ("down", "ending") and not session.spending.over:
                    session.wanted = True
        self._scribe.replies.append(
            partial(waiter.reply, {"state": "queued", "duplicate": duplicate})
        )

    def _steer(self, prompt: Prompt, queued: Event) -> bool:
        """Into the running turn; False where none runs or the CLI cannot, which is told."""
        adapter = self._session.life.adapter
        if self._session.life.phase != "ready" or adapter is None:
            return False
        if self._ledger.state["turn"] is None:
            return False
        self._scribe.check_space()
        given = Prompt(prompt.id, attachments.resolve(self._session.place, prompt.content))
        try:
            emitted = self._session.capture(partial(adapter.steer, given))
        except CodecastError as problem:
            if problem.code != "not_supported":
                raise
            text = "%s: the prompt waits until it has ended." % problem.message
            self._session.emit("notice", level="info", text=text)
            return False
        self._scribe.record(queued)
        self._scribe.record(
            {"type": "prompt_state", "prompt": prompt.id, "state": "running", "steered": True}
        )
        self._scribe.urgent = True
        for type, fields in emitted:
            self._session.emit(type, **fields)
        return True

    def edit_prompt(self, params: Params, waiter: Waiter) -> None:
        prompts.check_waiting(self._ledger, params)
        self._scribe.record_durably(prompts.read(params)[1])
        self._done(waiter)

    def cancel_prompt(self, params: Params, waiter: Waiter) -> None:
        id = prompts.check_waiting(self._ledger, params)
        self._scribe.record_durably(prompts.cancelled(id, params))
        self._done(waiter)

    def move_prompt(self, params: Params, waiter: Waiter) -> None:
        event = prompts.moved(self._ledger, params)
        if event is not None:
            self._scribe.record_durably(event)
        else:
            self._scribe.urgent = True  # the first answer may have been lost before the sync
        self._scribe.replies.append(partial(waiter.reply, {"seq": self._scribe.journal.seq}))

    # -- the turn

    def interrupt(self, params: Params, waiter: Waiter) -> None:
        session = self._session
        if params.get("cancel_queue"):
            for id in self._ledger.waiting():
                self._scribe.record(prompts.cancelled(id, params))
        if self._ledger.idle():
            self._done(waiter)
            return
        session.turn_waiters.append(waiter)
        session.interrupt()

    def answer(self, params: Params, waiter: Waiter) -> None:
        session = self._session
        id, answer, resolved = requests.read(self._ledger, params)
        adapter = session.life.adapter
        if adapter is None or session.life.phase != "ready":
            raise CodecastError("conflict", "The CLI that asked is not running any more.")
        self._scribe.check_space()
        emitted = session.capture(partial(adapter.answer, id, answer))
        self._scribe.record(resolved)
        for type, fields in emitted:
            session.emit(type, **fields)
        self._done(waiter)

    # -- settings

    def set_mode(self, params: Params, waiter: Waiter) -> None:
        mode = params.get("mode")
        if mode not in MODES:
            raise CodecastError("bad_request", "A mode is one of: %s." % ", ".join(MODES))
        self._session.choices.set("mode", str(mode), params, waiter)

    def set_model(self, params: Params, waiter: Waiter) -> None:
        model = params.get("model")
        if not isinstance(model, str) or not model:
            raise CodecastError("bad_request", "Name a model.")
        self._session.choices.set("model", model, params, waiter)

    def set_budget(self, params: Params, waiter: Waiter) -> None:
        """Change the limits that are named (a null takes one away). A raised budget lets what
        waits go on."""
        session = self._session
        over = session.spending.over
        change = budget.check(params.get("budget"))
        limits = budget.changed(self._ledger.state["budget"], change)
        self._scribe.record_durably({"type": "budget_update", **limits, **prompts.person(params)})
        session.spending.changed()
        session.remember(budget=limits)
        if over and not session.spending.over and self._ledger.waiting():
            session.wanted = session.wanted or session.life.phase in ("down", "ending")
        self._done(waiter)

    def rename(self, params: Params, waiter: Waiter) -> None:
        name = params.get("name")
        if not isinstance(name, str) or not name:
            raise CodecastError("bad_request", "A name is a text that is not empty.")
        self._scribe.record({"type": "session_info_update", "name": name})
        self._session.remember(name=name)
        self._done(waiter)

    # -- the process

    def ready(self, params: Params, waiter: Waiter) -> None:
        session, state = self._session, self._ledger.state
        if session.life.phase == "down" and state["process"] == "starting":
            session.wanted = True  # whoever was to start it has not come to it
        if session.wanted or session.life.phase in ("finding", "starting"):
            session.ready_waiters.append(waiter)
            return
        problem = None
        if state["process"] == "failed" and state["error"]:
            problem = CodecastError.from_json(state["error"])
        self._scribe.replies.append(partial(session.tell_ready, waiter, problem))

    def resume(self, params: Params, waiter: Waiter) -> None:
        self._check_not_stopping()
        if self._session.life.phase in ("down", "ending"):
            self._session.wanted = True
        self.ready(params, waiter)

    def stop(self, params: Params, waiter: Waiter) -> None:
        self._session.stop_waiters.append(waiter)
        if self._session.stopping is None:
            for id in self._ledger.waiting():
                self._scribe.record(prompts.cancelled(id, params))
            self._stop(prompts.person(params))

    def shut_down(self) -> None:
        """The machine ends us: the CLI too, and the next prompt resumes it."""
        if self._session.stopping is None:
            self._session.final = "exited"
            self._session.act(lambda: self._stop({}))

    def _stop(self, by: Dict[str, str]) -> None:
        session = self._session
        session.stopping = by
        life, busy = session.life, not self._ledger.idle()
        if life.phase == "down":
            session.say_stopped({})
            return
        life.end("stop")
        if life.adapter is not None and busy:
            try:
                session.guard(life.adapter.interrupt)
            except CodecastError:
                pass
        else:
            life.hasten()

    def _check_not_stopping(self) -> None:
        if self._session.stopping is not None:
            raise CodecastError("conflict", "The session is being stopped.", "Send it once more.")
