"""What a session does: the host of its CLI's adapter, the owner of its process, its queue.

What the session is now it reads from its ledger; the flags here are wishes about the process
(`wanted`, `restart`, `stopping`), which no event tells.
"""

from functools import partial
from typing import Any, Callable, Dict, List, Optional, Tuple, cast

from . import attachments, burial, prompts
from .choices import Choices
from .clis.contract import Adapter, Host, Launch, Prompt
from .life import LINE_LIMIT, Life
from .loop import Call
from .places import Meta
from .protocol.errors import CodecastError
from .scribe import Event, Scribe
from .spending import Spending
from .waiter import Waiter

Emitted = List[Tuple[str, Dict[str, Any]]]
INTERRUPT_WITHIN = 3.0  # seconds, after which the CLI is killed instead


class Session:
    """One session. `wake_relays` tells that the journal grew, `ended` that it was stopped."""

    def __init__(self, scribe: Scribe, wake_relays: Call, ended: Call) -> None:
        self.scribe = scribe
        self.ledger = scribe.ledger
        self.place = scribe.place
        self.meta: Meta = self.place.read_meta()
        self.life = Life(scribe.loop, self, self.place.session, str(self.meta.get("cli")))
        self.wanted = False  # somebody asked for a running CLI
        self.restart = False  # at the next idle moment, for a setting
        self.stopping: Optional[Dict[str, str]] = None  # by whom
        self.final = "stopped"
        self.ready_waiters: List[Waiter] = []
        self.turn_waiters: List[Waiter] = []
        self.stop_waiters: List[Waiter] = []
        self.escalation: Optional[Call] = None  # cancels the end of an interrupt's patience
        self.wake = wake_relays
        self._ended = ended
        self._quiet = False  # a restart nobody needs to notice
        self._resumed = False
        self._captured: Optional[Emitted] = None
        self.spending = Spending(self)
        self.choices = Choices(self)
        scribe.stage = self

    # -- the stage of the scribe

    def pass_line(self, line: bytes) -> None:
        self.life.send(line)

    def pause(self, paused: bool) -> None:
        if paused:
            self.life.pause_reading()
        else:
            self.life.resume_reading()

    def turn_over(self) -> None:
        self.life.hasten()

    def step(self) -> bool:
        ledger, life = self.ledger, self.life
        if ledger.idle() and (self.turn_waiters or self.escalation is not None):
            self.end_escalation()
            self._release(self.turn_waiters)
            self.turn_waiters = []
            return True
        if self.stopping is not None or not self.may_read():
            return False
        if self.spending.mind():
            return True
        if life.phase == "ready" and ledger.idle():
            waiting = ledger.waiting()
            if self.restart:
                self.restart = False
                self._quiet = self.wanted = True
                life.end("restart")
                return True
            if waiting and not self.spending.over:
                self._give(waiting[0])
                return True
        if life.phase == "down" and self.wanted:
            self._start_cli()
            return True
        return False

    def _give(self, id: str) -> None:
        adapter = self.life.adapter
        assert adapter is not None
        content = self.ledger.state["prompts"][id]["content"]
        self.scribe.record({"type": "prompt_state", "prompt": id, "state": "running"})
        # On the disk before the CLI has it: a machine that loses its power must not run it again.
        self.scribe.urgent = True
        try:
            prompt = Prompt(id, attachments.resolve(self.place, content))
            self.guard(partial(adapter.prompt, prompt))
        except CodecastError as problem:
            self.scribe.record(prompts.failed(id, problem))

    def _release(self, waiters: List[Waiter]) -> None:
        self.scribe.replies.extend(partial(waiter.reply, {}) for waiter in waiters)

    def guard(self, call: Call) -> None:
        """An adapter's own mistake becomes an error one can show."""
        try:
            call()
        except CodecastError:
            raise
        except Exception as problem:
            self.scribe.log_trace()
            raise CodecastError("internal", _mistake(problem)) from problem

    def capture(self, call: Call) -> Emitted:
        """Run what may raise: what it emitted is returned, what it sent in vain is dropped."""
        before = len(self.scribe.lines)
        captured: Emitted = []
        self._captured = captured
        try:
            self.guard(call)
            return captured
        except CodecastError:
            del self.scribe.lines[before:]
            raise
        finally:
            self._captured = None

    def interrupt(self) -> bool:
        """End the running turn, by force after INTERRUPT_WITHIN; False when that is under way
        or no CLI is ready."""
        adapter = self.life.adapter
        if adapter is None or self.life.phase != "ready" or self.escalation is not None:
            return False
        self.escalation = self.scribe.loop.after(INTERRUPT_WITHIN, self._escalate)
        try:
            self.guard(adapter.interrupt)
        except CodecastError:
            self.life.end("interrupt")
        return True

    def _escalate(self) -> None:
        self.end_escalation()
        if not self.ledger.idle():
            self.act(partial(self.life.end, "interrupt"))

    # -- the host of an adapter

    def emit(self, type: str, **fields: Any) -> None:
        if self._captured is not None:
            self._captured.append((type, fields))
            return
        turn = self.ledger.state["turn"]
        if turn is not None:
            fields.setdefault("turn", turn["turn"])
        if type == "turn_ended" and self._ours():
            fields["reason"] = "cancelled"
            fields.pop("error", None)
        self.scribe.record({"type": type, **fields})
        native = fields.get("native") if type == "session_info_update" else None
        if native and native != self.meta.get("native"):
            self.remember(native=native, fork=False)

    def emit_chunk(self, type: str, message: str, content: bytes) -> None:
        turn = self.ledger.state["turn"]
        end = b',"turn":%d}' % turn["turn"] if turn is not None else b"}"
        start = '{"type":"%s","message":"%s","content":' % (type, message)
        self.scribe.record_text(type, start.encode("ascii") + content + end)

    def _ours(self) -> bool:
        """Whether it is we who end the process."""
        return self.stopping is not None or self.life.kind in ("stop", "interrupt")

    def send(self, line: bytes) -> None:
        self.scribe.lines.append(line)

    def ready(self) -> None:
        if not self.life.ready():
            return
        self._quiet = self.wanted = False
        event: Event = {"type": "session_state", "state": "ready", "resumed": self._resumed}
        if self.life.pid is not None:
            event["pid"] = self.life.pid
        self.scribe.record(event)
        self.choices.proven()
        self._answer_ready(None)

    def failed(self, problem: CodecastError) -> None:
        self.life.fail(problem)

    def after(self, seconds: float, call: Call) -> Call:
        return self.life.after(seconds, call)

    def next_turn(self) -> int:
        self.ledger.turn += 1
        return self.ledger.turn

    # -- the owner of a process

    def start(self) -> None:
        """A new session: its CLI starts at once."""
        self.wanted = True
        self.act(lambda: None)

    def act(self, call: Call, routine: bool = False) -> None:
        self.scribe.act(call, routine)

    def may_read(self) -> bool:
        return self.scribe.journal.full is None

    def warn(self, text: str) -> None:
        self.scribe.record({"type": "notice", "level": "warning", "text": text})

    def log(self, data: bytes) -> None:
        self.scribe.log(data)

    def _native(self) -> Optional[str]:
        return self.ledger.state["native"] or self.meta.get("native")

    def _start_cli(self) -> None:
        self._resumed = self._native() is not None
        self.restart = False
        self.spending.begin()
        if not self._quiet:
            self.scribe.record(
                {"type": "session_state", "state": "starting", "resumed": self._resumed}
            )
        for each in self.meta.get("notices") or ():
            level = "warning" if each.get("level") == "warning" else "info"
            self.scribe.record({"type": "notice", "level": level, "text": each["text"]})
        if self.meta.pop("notices", None):
            self.remember()
        self.life.start(self.meta.get("command"), dict(self.meta.get("env") or {}))

    def adapter_for(self, argv: List[str], env: Dict[str, str]) -> Tuple[Adapter, Launch]:
        launch = Launch(
            session=self.place.session,
            cwd=str(self.meta.get("cwd")),
            mode=str(self.choices.value("mode")),
            model=self.choices.value("model"),
            native=self._native(),
            fork=bool(self.meta.get("fork")) and self.ledger.state["native"] is None,
            command=argv,
            env=env,
            attachments=self.place.attachments,
            cost_usd=float(self.ledger.state["cost_usd"] or 0.0),
        )
        from .clis import catalog  # loaded by the relay, for a start alone

        self.choices.given()
        make = cast(Callable[[Host, Launch], Adapter], catalog.adapter(self.life.cli))
        return make(self, launch), launch

    def cli_line(self, line: bytes) -> None:
        adapter = self.life.adapter
        if adapter is None:
            return
        try:
            adapter.line(line)
        except Exception as problem:
            words = problem.message if isinstance(problem, CodecastError) else _mistake(problem)
            if not isinstance(problem, CodecastError):
                self.scribe.log_trace()
            shown = line[:2000].decode("utf-8", "backslashreplace")
            self.emit("notice", level="error", text=words, raw=shown)

    def cli_says_too_much(self, length: int) -> None:
        text = "The CLI wrote a line of %d MiB, which is left out: more than %d are not taken."
        self.emit("notice", level="warning", text=text % (length >> 20, LINE_LIMIT >> 20))

    def cli_gone(self, kind: str, fields: Dict[str, int], problem: CodecastError) -> None:
        self.end_escalation()
        self.choices.gone(kind, problem)
        ours = self._ours()
        for event in burial.loose_ends(self.ledger, problem, "cancelled" if ours else "error"):
            self.scribe.record(event)
        self.scribe.lines = []  # they were for the dead one
        if self.stopping is not None:
            self.say_stopped(fields)
            return
        if kind == "restart":
            return
        self._quiet = False
        state: Event = {"type": "session_state", "state": "exited", **fields}
        if kind == "failed":
            state["state"] = "failed"
            self.wanted = False
            self.choices.failed(problem)
            for id in self.ledger.waiting():
                self.scribe.record(prompts.failed(id, problem))
        elif kind == "interrupt":
            self.wanted = bool(self.ledger.waiting()) and not self.spending.over
        if not ours:
            state["error"] = problem.to_json()
        self.scribe.record(state)
        if kind == "failed":
            self._answer_ready(problem)

    def _answer_ready(self, problem: Optional[CodecastError]) -> None:
        waiters, self.ready_waiters = self.ready_waiters, []
        self.scribe.replies.extend(partial(self.tell_ready, waiter, problem) for waiter in waiters)

    def tell_ready(self, waiter: Waiter, problem: Optional[CodecastError]) -> None:
        """Answer the verb `ready`; `was_ready` tells whether there is anything to keep."""
        if problem is None:
            waiter.reply({"last_seq": self.scribe.journal.seq})
            return
        data = {**problem.data, "was_ready": self.ledger.was_ready}
        waiter.refuse(
            CodecastError(problem.code, problem.message, problem.hint, problem.detail, data)
        )

    def say_stopped(self, fields: Dict[str, int]) -> None:
        """The last words of a supervisor."""
        by = self.stopping or {}
        self.scribe.record({"type": "session_state", "state": self.final, **fields, **by})
        for waiter in self.ready_waiters:
            waiter.refuse(CodecastError("conflict", "The session was stopped."))
        self._release(self.turn_waiters + self.stop_waiters)
        self.ready_waiters, self.turn_waiters, self.stop_waiters = [], [], []
        self.scribe.replies.append(self._ended)
        # a full disk must not keep us alive: the burial says what we could not
        self.scribe.loop.after(1.0, self._ended)

    def end_escalation(self) -> None:
        if self.escalation is not None:
            self.escalation()
            self.escalation = None

    def remember(self, **changes: Any) -> None:
        """Into `meta.json`, for the next start; the journal has what must not be lost."""
        self.meta.update(changes)
        try:
            self.place.write_meta(self.meta)
        except OSError:
            self.scribe.log_trace()


def _mistake(problem: Exception) -> str:
    return "The adapter failed: %r" % problem
