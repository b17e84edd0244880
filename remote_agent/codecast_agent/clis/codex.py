"""Codex by `codex app-server`: JSON-RPC on stdio, one process and one thread a session.

Here is the life cycle of turns: prompts, words put into a turn, interrupts, the wire. How a
thread begins is `codex_opening` (switches: `codex_launch`), what is said in a turn
`codex_content` (its tools: `codex_items`), what is asked `codex_requests`, modes and models
are `codex_settings`, errors `codex_problems`, all else `codex_news`.

A turn ends with `turn/completed`; one that Codex begins by itself is a turn without prompts.
An interrupt alone leaves a running command alive, so the turn is only over once its commands
are: those, and no others that run in the background, are ended by us.
"""

import json
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from ..protocol.errors import CodecastError
from ..protocol.events import plain_text
from . import codex_problems as problems
from .codex_content import Content
from .codex_launch import argv
from .codex_news import News
from .codex_opening import Opening, message_of
from .codex_requests import Requests
from .codex_settings import FREEDOM, POLICIES, Settings
from .contract import Answer, Host, Launch, Process, Prompt, Settled, refused, unheard
from .jsonrpc import METHOD_NOT_FOUND, Done, JsonRpc
from .lines import clip, file_words, many, new_id, obj, parse, text_of

STOP_AGAIN = 0.1  # seconds until an interrupt that Codex refused is tried again
SWEEP = 2.0  # seconds for the commands of an interrupted turn to end; the supervisor waits 3
SWEEP_AGAIN = 0.3  # seconds until a command that had hardly begun must be listed


class Words(NamedTuple):
    """Something to say to Codex."""

    id: str
    input: List[Dict[str, Any]]


class CodexAdapter:
    """The adapter of one app-server process; see `contract.Adapter`."""

    def __init__(self, host: Host, launch: Launch) -> None:
        self._host = host
        self._launch = launch
        self._rpc = JsonRpc(self._write, self._asked, self._notified, self._stray)
        self._settings = Settings(host, launch.mode, launch.model)
        self._content = Content(host, launch.cwd)
        self._news = News(host, self._list_skills)
        self._requests = Requests(
            host, launch.cwd, self._content, self._rpc.result, self._settings.judge, self._say
        )
        self._opening = Opening(host, launch, self._rpc, self._thread_open)
        self._thread = ""
        self._turn: Optional[int] = None
        self._codex_turn = ""  # its id at Codex, once known
        self._last_turn = ""
        self._turn_mode = launch.mode  # that the open turn began with
        self._loose = False  # a turn of this process could write
        self._interrupted = False
        self._held: List[Words] = []  # for the open turn, whose id is not known yet
        self._late: List[Words] = []  # the open turn did not take them
        self._ending: Optional[Dict[str, Any]] = None  # the turn is over once its commands are
        self._sweeping = 0  # requests about them that are not answered
        self._disarm: Callable[[], None] = _nothing

    # ---- starting ----

    def launch(self) -> Process:
        if self._launch.mode not in POLICIES:
            raise CodecastError("bad_request", "There is no mode %r." % self._launch.mode)
        return Process(argv(self._launch), {})

    def begin(self) -> None:
        self._opening.begin()

    def _thread_open(self, thread: str, result: Dict[str, Any]) -> None:
        self._thread = self._content.thread = thread
        self._host.emit("session_info_update", native=thread)
        self._settings.thread(result)
        self._rpc.call("model/list", {}, self._models)
        self._list_skills()

    def _models(self, result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
        if error is None:
            self._settings.offered(result.get("data"))

    def _list_skills(self) -> None:
        def done(result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
            self._news.skills(result)

        self._rpc.call("skills/list", {"cwds": [self._launch.cwd]}, done)

    # ---- turns ----

    def prompt(self, prompt: Prompt) -> None:
        if prompt.id in self._opening.given:
            self._start_turn([prompt.id])
            self._notice("warning", "Codex has had this prompt before; it is not sent again.")
            self._end_turn("end_turn")
            return
        self._begin(Words(prompt.id, self._input(prompt)))

    def steer(self, prompt: Prompt) -> None:
        if self._turn is None:
            raise CodecastError(
                "conflict", "No turn is running.", "Send it as a prompt of its own."
            )
        self._give(Words(prompt.id, self._input(prompt)))

    def interrupt(self) -> None:
        if self._turn is None:
            return
        self._interrupted = True
        self._requests.withdraw("the turn was interrupted")
        if self._codex_turn:
            self._stop()

    def _stop(self) -> None:
        turn = self._turn

        def done(result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
            if error is not None:  # Codex has named the turn and not begun it yet
                self._host.after(STOP_AGAIN, again)

        def again() -> None:
            if self._turn == turn and self._ending is None:
                self._stop()

        self._rpc.call(
            "turn/interrupt", {"threadId": self._thread, "turnId": self._codex_turn}, done
        )

    def _begin(self, words: Words) -> None:
        """A turn for these words."""
        self._start_turn([words.id])
        turn = self._turn

        def done(result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
            if self._turn != turn:
                return
            if error is not None:
                failed = problems.problem(error)
                self._end_turn("cancelled" if self._interrupted else "error", error=failed)
            else:
                self._turn_is(text_of(obj(result.get("turn")).get("id")))

        if len(words.input) == 1 and text_of(words.input[0].get("text")).strip() == "/compact":
            self._rpc.call("thread/compact/start", {"threadId": self._thread}, done)
            return
        self._content.sent(words.id)
        params = {
            "threadId": self._thread,
            "input": words.input,
            "clientUserMessageId": words.id,
            **self._settings.turn(),
        }
        self._rpc.call("turn/start", params, done)

    def _give(self, words: Words) -> None:
        """Into the running turn."""
        if not self._codex_turn:
            self._held.append(words)
            return

        def done(result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
            if error is None:
                return
            if self._turn is None:
                self._begin(words)  # the turn has ended meanwhile: it gets one of its own
            else:
                self._late.append(words)

        self._steer(words, done)

    def _steer(self, words: Words, done: Done) -> None:
        self._content.sent(words.id)
        params = {
            "threadId": self._thread,
            "expectedTurnId": self._codex_turn,
            "input": words.input,
            "clientUserMessageId": words.id,
        }
        self._rpc.call("turn/steer", params, done)

    def _say(self, text: str) -> None:
        """Words that go with a refusal."""

        def done(result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
            if error is not None:
                self._notice("warning", "Codex did not take your words: " + message_of(error))

        if self._codex_turn:
            self._steer(Words(new_id(), [{"type": "text", "text": text}]), done)

    def _input(self, prompt: Prompt) -> List[Dict[str, Any]]:
        found = [_block(block) for block in prompt.content]
        skill = self._news.skill(plain_text(prompt.content))
        return [skill, *found] if skill is not None else found

    def _start_turn(self, prompts: List[str]) -> None:
        self._turn = self._host.next_turn()
        self._codex_turn = ""
        self._interrupted = False
        self._turn_mode = self._settings.mode
        self._loose = self._loose or self._turn_mode != "plan"
        self._content.begin_turn()
        self._host.emit("turn_started", turn=self._turn, prompts=prompts)

    def _turn_is(self, id: str) -> None:
        """The open turn's id at Codex is known: what waited for it can go."""
        if not id or self._turn is None or self._codex_turn:
            return
        self._codex_turn = id
        if self._interrupted:
            self._stop()
        held, self._held = self._held, []
        for words in held:
            self._give(words)

    def _turn_started(self, params: Dict[str, Any]) -> None:
        id = text_of(obj(params.get("turn")).get("id"))
        if self._turn is None:
            self._start_turn([])
        self._turn_is(id)

    def _turn_completed(self, params: Dict[str, Any]) -> None:
        turn = obj(params.get("turn"))
        id, status = text_of(turn.get("id")), text_of(turn.get("status"))
        if self._turn is None or (self._codex_turn and id != self._codex_turn):
            return  # of one that has ended here
        self._codex_turn = id
        error = obj(turn.get("error"))
        fields: Dict[str, Any] = {"reason": "end_turn"}
        if status == "interrupted" or (status == "failed" and self._interrupted):
            fields["reason"] = "cancelled"
        elif status == "failed":
            refused = problems.kind_of(error)[0] in problems.REFUSALS
            fields["reason"] = "refusal" if refused else "error"
            fields["error"] = problems.problem(error)
        duration = turn.get("durationMs")
        if isinstance(duration, (int, float)):
            fields["duration"] = round(duration / 1000, 3)
        if fields["reason"] == "cancelled":
            self._ending = fields
            self._disarm = self._host.after(SWEEP, self._swept)
            self._sweep()
        else:
            self._end_turn(**fields)

    def _end_turn(self, reason: str, **fields: Any) -> None:
        self._disarm()
        self._disarm, self._ending = _nothing, None
        self._requests.withdraw("the turn has ended")
        fields.update(self._content.end_turn(cut=reason != "end_turn"))
        turn, self._turn = self._turn, None
        self._last_turn, self._codex_turn = self._codex_turn, ""
        self._host.emit("turn_ended", turn=turn, reason=reason, **fields)
        late, self._late, self._held = [*self._late, *self._held], [], []
        if late:  # what could not be put into it is the next
            self._begin(late[0])
            self._held = late[1:]

    # ---- the commands of an interrupted turn ----

    def _sweep(self, last: bool = False) -> None:
        """End them; commands of earlier turns that run in the background go on.

        Codex never tells the end of one that waited for an answer or had hardly begun: a turn
        is over when nothing is listed for the second time (`last`).
        """
        self._sweeping = 1
        turn = self._turn

        def listed(result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
            self._sweeping -= 1
            for item in many(result.get("data")):
                process = text_of(obj(item).get("processId"))
                if process and not self._content.is_background(text_of(item.get("itemId"))):
                    self._sweeping += 1
                    params = {"threadId": self._thread, "processId": process}
                    self._rpc.call("thread/backgroundTerminals/terminate", params, ended)
            if self._sweeping or self._ending is None:
                return
            if last:
                self._swept()
            elif self._content.commands():
                self._host.after(SWEEP_AGAIN, again)

        def again() -> None:
            if self._turn == turn and self._ending is not None:
                self._sweep(last=True)

        def ended(result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
            self._sweeping -= 1

        self._rpc.call("thread/backgroundTerminals/list", {"threadId": self._thread}, listed)

    def _swept(self) -> None:
        fields, self._ending = self._ending, None
        if fields is not None and self._turn is not None:
            self._end_turn(**fields)

    # ---- settings ----

    def set_mode(self, mode: str, settled: Settled = unheard) -> bool:
        if mode not in POLICIES:
            raise CodecastError("bad_request", "There is no mode %r." % mode)
        before, self._settings.mode = self._settings.mode, mode
        if mode == "plan" and self._loose:
            # after a turn that could write, tools of MCP servers go on unasked: a new process
            self._keeps(mode)
            return False

        def done(result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
            if error is not None and error.get("code") != METHOD_NOT_FOUND:
                self._settings.mode = before
                settled(refused("Codex", "mode", mode, message_of(error)))
                return
            self._settings.mode_is(mode)
            self._keeps(mode)
            settled(None)

        self._update(self._settings.turn(), done)
        return True

    def _keeps(self, mode: str) -> None:
        if self._turn is not None and FREEDOM[mode] < FREEDOM[self._turn_mode]:
            text = "The running turn keeps the mode %s; interrupt it to end that."
            self._notice("warning", text % self._turn_mode)

    def set_model(self, model: str, settled: Settled = unheard) -> bool:
        before, self._settings.wanted = self._settings.wanted, model

        def done(result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
            if error is not None and error.get("code") != METHOD_NOT_FOUND:
                self._settings.wanted = before
                settled(refused("Codex", "model", model, message_of(error)))
                return
            self._settings.model_is(model)
            settled(None)

        self._update(self._settings.turn(), done)
        return True

    def _update(self, fields: Dict[str, Any], done: Done) -> None:
        self._rpc.call("thread/settings/update", {"threadId": self._thread, **fields}, done)

    # ---- requests ----

    def answer(self, request: str, answer: Answer) -> None:
        self._requests.answer(request, answer)

    def exited(self, problem: CodecastError) -> None:
        self._requests.withdraw("the CLI ended", agents=True)
        self._rpc.gone()
        self._late, self._held = [], []
        if self._turn is not None:
            fields = self._ending or {"reason": "error", "error": problem.to_json()}
            self._end_turn(**fields)
        self._content.exited()

    def _asked(self, native: Any, method: str, params: Dict[str, Any], message: Any) -> None:
        if not self._content.parent_of(params) and text_of(params.get("turnId")):
            if self._turn is None and params["turnId"] != self._last_turn:
                self._start_turn([])
            self._turn_is(params["turnId"])
        if self._requests.asked(native, method, params):
            return
        if method in ("applyPatchApproval", "execCommandApproval"):
            self._rpc.result(native, {"decision": "denied"})
        else:
            text = "Codecast does not offer %s" % clip(method, 60)
            self._rpc.refuse(native, METHOD_NOT_FOUND, text)
        self._unknown("request %s" % clip(method, 60), message)

    # ---- the wire ----

    def line(self, line: bytes) -> None:
        message = parse(self._host, line)
        if message is None:
            return
        try:
            self._rpc.take(message)
            if self._ending is not None and not (self._sweeping or self._content.commands()):
                self._swept()
        except Exception as problem:  # a wrong shape must cost one message, not the session
            self._notice("error", "A message of Codex could not be read: %r" % problem, message)

    def _stray(self, message: Dict[str, Any]) -> None:
        self._unknown("an answer nobody asked for", message)

    def _notified(self, method: str, params: Dict[str, Any], message: Dict[str, Any]) -> None:
        parent = self._content.parent_of(params)
        if method == "turn/started":
            if not parent:
                self._turn_started(params)
        elif method == "turn/completed":
            if not parent:
                self._turn_completed(params)
        elif method == "error":
            self._error(params, parent, message)
        elif method == "serverRequest/resolved":
            self._requests.resolved(params.get("requestId"))
        elif method == "thread/settings/updated":
            if not parent and not self._settings.updated(obj(params.get("threadSettings"))):
                self._notice("error", "Codex did not become read only: the turn is stopped.")
                self.interrupt()
        elif method.startswith("item/") or method in ("turn/plan/updated", "turn/diff/updated"):
            is_late = not parent and not self._is_now(params)
            if not is_late and not self._content.notified(method, params, message):
                self._news.told(method, params, message)
        elif not self._content.notified(method, params, message):
            self._news.told(method, params, message)

    def _is_now(self, params: Dict[str, Any]) -> bool:
        """Whether content belongs to the open turn, or to one that Codex begins by it."""
        turn = text_of(params.get("turnId"))
        item = text_of(params.get("itemId")) or text_of(obj(params.get("item")).get("id"))
        if self._turn is not None or self._content.knows(item):
            self._turn_is(turn if self._turn is not None and turn != self._last_turn else "")
            return True
        if not turn or turn == self._last_turn:
            return False  # late words of a turn that was ended
        self._start_turn([])
        self._turn_is(turn)
        return True

    def _error(self, params: Dict[str, Any], parent: str, message: Dict[str, Any]) -> None:
        error = obj(params.get("error"))
        if params.get("willRetry") is True:
            if not parent:
                self._content.retried()
                self._host.emit("retry", **problems.retry(error))
        elif parent or self._turn is None:  # of the open turn: it ends by it
            self._notice("error", problems.problem(error)["message"], message)

    def _write(self, message: Dict[str, Any]) -> None:
        self._host.send(_encode(message))

    def _notice(self, level: str, text: str, raw: Any = None) -> None:
        fields = {} if raw is None else {"raw": raw}
        self._host.emit("notice", level=level, text=text, **fields)

    def _unknown(self, what: str, message: Dict[str, Any]) -> None:
        self._notice("info", "Unknown from Codex: " + what, message)


def _block(block: Dict[str, Any]) -> Dict[str, Any]:
    """Codex's input of our content block."""
    if block.get("type") == "image":
        kind = block.get("mime_type") or "image/png"
        return {"type": "image", "url": "data:%s;base64,%s" % (kind, block.get("data", ""))}
    if block.get("type") == "resource_link":
        return {"type": "text", "text": file_words(block)}
    return {"type": "text", "text": str(block.get("text", ""))}


def _encode(message: Dict[str, Any]) -> bytes:
    """One line; Codex drops a line with half a letter in it without a word."""
    text = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return whole.encode("utf-8")


def _ignore(result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
    """For requests whose answer says nothing."""


def _nothing() -> None:
    """A timer that is not set."""
