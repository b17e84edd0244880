"""Any CLI that speaks the Agent Client Protocol (version 1): JSON-RPC, one object a line.

Here is the life cycle: hello, a session (new, loaded or forked), prompts one at a time, the
end of turns. What is said in a turn is `acp_content`, what is asked `acp_requests`, modes
and models are `acp_settings`, errors `acp_problems`, what single agents do otherwise is
`quirks`.

A replayed history (`session/load`) is dropped: the journal has it. ACP has no turn that an
agent begins by itself; where one speaks unasked, a turn without prompts is opened and
closed when it has been quiet for QUIET seconds.
"""

import time
from functools import partial
from typing import Any, Callable, Dict, List, Optional

from ..protocol.errors import CodecastError
from . import acp_content, acp_problems
from .acp_content import Content
from .acp_problems import AUTH_REQUIRED
from .acp_requests import Requests
from .acp_settings import Call, Settings
from .contract import Answer, Host, Launch, Process, Prompt, Settled, refused, unheard
from .jsonrpc import INVALID_PARAMS, METHOD_NOT_FOUND, Done, JsonRpc
from .lines import clip, encode, obj, parse, text_of
from .quirks import quirks

QUIET = 2.0  # seconds of silence that end a turn the agent began by itself
SILENCE = 30.0  # seconds without a word in a turn after which a person is told why that may be
REASONS = frozenset(("end_turn", "cancelled", "refusal", "max_tokens", "max_turn_requests"))


class AcpAdapter:
    """The adapter of one agent process; see `contract.Adapter`. `cli` picks its quirks."""

    cli = "acp"

    def __init__(self, host: Host, launch: Launch) -> None:
        self._host = host
        self._launch = launch
        self._quirks = quirks(self.cli)
        self._rpc = JsonRpc(self._write, self._asked, self._notified, self._stray)
        self._settings = Settings(host, self._quirks)
        self._content = Content(host, self._quirks, self._settings)
        self._requests = Requests(
            host,
            self._quirks,
            self._content,
            self._settings,
            self._rpc.result,
            launch.cwd,
        )
        self._content.cost_before = launch.cost_usd
        self._capabilities: Dict[str, Any] = {}
        self._native = ""
        self._replaying = False  # from session/load or fork to the first prompt
        self._settled: Optional[Callable[[], None]] = None  # disarms the end of a late replay
        self._turn: Optional[int] = None
        self._since = 0.0
        self._prompted = False  # the open turn has a prompt whose answer ends it
        self._interrupted = False
        self._hush: Callable[[], None] = _nothing  # disarms the quiet timer
        self._heard = 0.0  # when the agent last said anything
        self._relax: Callable[[], None] = _nothing  # disarms the silence timer

    # ---- starting ----

    def launch(self) -> Process:
        launch, quirks = self._launch, self._quirks
        quirks.before_start(launch)
        argv = [*launch.command, *quirks.arguments(launch)]
        env = {name: value for name, value in quirks.env.items() if name not in launch.env}
        return Process(argv, {**env, **quirks.environment(launch)})

    def begin(self) -> None:
        client = {"name": "codecast", "title": "Codecast", "version": "1"}
        capabilities = {
            "fs": {"readTextFile": False, "writeTextFile": False},
            "terminal": False,
            "elicitation": {"form": {}},
        }
        self._rpc.call(
            "initialize",
            {"protocolVersion": 1, "clientInfo": client, "clientCapabilities": capabilities},
            self._initialized,
        )

    def _initialized(self, result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
        if error is not None:
            self._fail("refused to start", error)
            return
        if result.get("protocolVersion") != 1:
            self._host.failed(
                CodecastError(
                    "not_supported",
                    "%s speaks version %r of the Agent Client Protocol, Codecast version 1"
                    % (self.cli, result.get("protocolVersion")),
                    "Install a version of the CLI that speaks version 1.",
                )
            )
            return
        self._capabilities = obj(result.get("agentCapabilities"))
        info = obj(result.get("agentInfo"))
        fields = {"cli": self.cli}
        if text_of(info.get("version")):
            fields["cli_version"] = info["version"]
        self._host.emit("session_info_update", **fields)
        self._open_session()

    def _open_session(self) -> None:
        """Resume, load or fork where that is wanted and can be had; else begin anew."""
        native = self._launch.native
        where: Dict[str, Any] = {"cwd": self._launch.cwd, "mcpServers": []}
        can = obj(self._capabilities.get("sessionCapabilities"))
        if native is None:
            self._rpc.call("session/new", where, self._session_open)
            return
        if self._launch.fork:
            method = "session/fork" if "fork" in can else ""
        elif "resume" in can:
            method = "session/resume"  # like load, without the replay
        else:
            method = "session/load" if self._capabilities.get("loadSession") is True else ""
        if not method:
            self._begin_anew("%s cannot take up an earlier conversation" % self.cli)
            return

        def opened(result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
            if error is not None and error.get("code") != AUTH_REQUIRED:
                self._replaying = False
                self._begin_anew(clip(acp_problems.words(error), 300))
                return
            if method == "session/load":
                self._quirks.after_load(self._launch)
            self._session_open(result, error, native)

        self._replaying = True  # some tell the history of a fork, too
        if method == "session/load":
            self._quirks.before_load(self._launch)
        self._rpc.call(method, {"sessionId": native, **where}, opened)

    def _begin_anew(self, why: str) -> None:
        self._host.emit(
            "notice",
            level="warning",
            text="The earlier conversation could not be resumed (%s); the CLI starts without it."
            % why,
        )
        where = {"cwd": self._launch.cwd, "mcpServers": []}
        self._rpc.call("session/new", where, self._session_open)

    def _session_open(
        self, result: Dict[str, Any], error: Optional[Dict[str, Any]], native: str = ""
    ) -> None:
        if error is not None:
            self._fail("could not begin a session", error)
            return
        self._native = text_of(result.get("sessionId")) or native
        if not self._native:
            self._fail("gave its session no id", {})
            return
        self._host.emit("session_info_update", native=self._native)
        self._settings.session(result)
        self._apply_mode(self._launch.mode, self._apply_launch_model, self._host.failed)

    def _apply_launch_model(self) -> None:
        model = self._launch.model
        if not model:
            self._settle()
            return

        def done(result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
            if error is not None:
                self._host.failed(self._refused("model", str(model), error))
                return
            self._settings.model_is(str(model))
            self._settle()

        self._setting(self._settings.model_call(model), done)

    def _settle(self) -> None:
        """Ready, once an agent that replays after its answer has been quiet."""
        if self._settled is not None:
            self._settled()
            self._settled = None
        if not (self._replaying and self._quirks.replay_settles):
            self._host.ready()
            return

        def quiet() -> None:
            self._settled = None
            self._host.ready()

        self._settled = self._host.after(self._quirks.replay_settles, quiet)

    # ---- turns ----

    def prompt(self, prompt: Prompt) -> None:
        self._replaying = False
        self._start_turn([prompt.id])
        images = bool(obj(self._capabilities.get("promptCapabilities")).get("image"))
        shown = [block for block in prompt.content if block.get("type") == "image"]
        if not images and not all(block.get("uri") for block in shown):
            problem = CodecastError(
                "not_supported", "%s takes no images" % self.cli, "Send the prompt without it."
            )
            self._end_turn("error", error=problem.to_json())
            return
        self._prompted = True
        turn = self._turn

        def done(result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
            if self._turn == turn:
                self._prompt_done(result, error)

        blocks = [acp_content.prompt_block(block, images) for block in prompt.content]
        self._rpc.call("session/prompt", {"sessionId": self._native, "prompt": blocks}, done)
        if self._quirks.silent_retries:
            self._heard = time.monotonic()
            self._relax = self._host.after(SILENCE, self._silent)

    def _silent(self) -> None:
        """Tell once a turn that nothing comes, where nothing else says why."""
        left = self._heard + SILENCE - time.monotonic()
        if left > 0 or self._requests.waiting() or self._content.busy():
            self._relax = self._host.after(max(left, 1.0), self._silent)
            return
        text = (
            "No word from %s for %d s: it may be trying again, which it does without telling."
            " Interrupt the turn to end that."
        )
        self._host.emit("notice", level="warning", text=text % (self.cli, SILENCE))

    def steer(self, prompt: Prompt) -> None:
        raise CodecastError(
            "not_supported",
            "%s takes no words into a running turn" % self.cli,
            "Send it as a prompt: it runs when the turn has ended.",
        )

    def interrupt(self) -> None:
        if self._turn is None:
            return
        self._interrupted = self._content.interrupted = True
        self._rpc.write({"method": "session/cancel", "params": {"sessionId": self._native}})
        # some agents end the turn only when their open request is answered
        self._requests.withdraw("the turn was interrupted", tell=True)
        if not self._prompted:
            self._end_turn("cancelled")

    def _start_turn(self, prompts: List[str]) -> None:
        self._turn = self._host.next_turn()
        self._since = time.monotonic()
        self._prompted = False
        self._interrupted = False
        self._content.begin_turn(self._turn)
        self._host.emit("turn_started", turn=self._turn, prompts=prompts)

    def _end_turn(self, reason: str, **fields: Any) -> None:
        self._hush()
        self._relax()
        self._hush = self._relax = _nothing
        self._requests.withdraw("the turn has ended", tell=True)
        self._content.end_turn()
        turn, self._turn = self._turn, None
        self._prompted = False
        duration = round(time.monotonic() - self._since, 3)
        self._host.emit("turn_ended", turn=turn, reason=reason, duration=duration, **fields)

    def _prompt_done(self, result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
        if error is not None:
            if self._interrupted:
                self._end_turn("cancelled")
                return
            problem = acp_problems.problem(self.cli, error, self._quirks.login_hint)
            self._end_turn("error", error=problem, raw=error)
            return
        reason = text_of(result.get("stopReason"))
        fields: Dict[str, Any] = {}
        used = acp_content.usage(result)
        if used:
            fields["usage"] = used
            self._host.emit("usage_update", usage=used)
        if reason not in REASONS:
            fields["raw"] = result
            reason = "end_turn"
        nothing = not self._content.spoke or (used and not used.get("output_tokens"))
        if reason == "end_turn" and self._interrupted and nothing:
            reason = "cancelled"  # before anything came of it, or while it was tried again
        self._end_turn(reason, **fields)

    # ---- settings ----

    def set_mode(self, mode: str, settled: Settled = unheard) -> bool:
        if self._quirks.mode_by_start and mode != self._settings.mode:
            return False
        self._apply_mode(mode, partial(settled, None), settled)
        return True

    def set_model(self, model: str, settled: Settled = unheard) -> bool:
        def done(result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
            if error is not None:
                settled(self._refused("model", model, error))
                return
            self._settings.option_update(result)
            self._settings.model_is(model)
            settled(None)

        self._setting(self._settings.model_call(model), done)
        return True

    def _apply_mode(
        self,
        mode: str,
        then: Callable[[], None],
        otherwise: Callable[[CodecastError], None],
    ) -> None:
        try:
            call = self._settings.mode_call(mode)
        except LookupError:
            otherwise(
                CodecastError(
                    "not_supported",
                    "%s has no mode like %r" % (self.cli, mode),
                    "Choose another of auto, code, plan and ask.",
                    data={"setting": "mode"},
                )
            )
            return

        def done(result: Dict[str, Any], error: Optional[Dict[str, Any]]) -> None:
            if error is not None:
                otherwise(self._refused("mode", mode, error))
                return
            self._settings.mode_is(mode)
            if self._settings.policy:
                text = "%s has no mode like %r: Codecast allows %s without asking."
                what = "everything" if mode == "auto" else "edits in its directory"
                self._host.emit("notice", level="info", text=text % (self.cli, mode, what))
            then()

        if call is None:
            done({}, None)
        else:
            self._setting(call, done)

    def _setting(self, call: Call, done: Done) -> None:
        self._rpc.call(call.method, {"sessionId": self._native, **call.params}, done)

    def _refused(self, setting: str, value: str, error: Dict[str, Any]) -> CodecastError:
        return refused(self.cli, setting, value, acp_problems.words(error))

    # ---- requests ----

    def answer(self, request: str, answer: Answer) -> None:
        self._requests.answer(request, answer)

    def exited(self, problem: CodecastError) -> None:
        self._requests.withdraw("the CLI ended", tell=False)
        self._rpc.gone()
        if self._turn is not None:
            self._end_turn("error", error=problem.to_json())

    # ---- the wire ----

    def line(self, line: bytes) -> None:
        self._heard = time.monotonic()
        plain = acp_content.PLAIN(line) if self._prompted and not self._quirks.hidden else None
        if plain is not None:
            self._content.text(plain[1].decode("ascii"), plain[2])
            return
        message = parse(self._host, line)
        if message is None:
            words = self._quirks.login_words
            if words and words in line and not self._native:
                self._fail("", {"code": AUTH_REQUIRED, "message": "it asks for a login"})
            return
        try:
            update = message.get("method") == "session/update" and "id" not in message
            if update and self._prompted:  # nearly always
                self._content.update(obj(obj(message.get("params")).get("update")))
            else:
                self._rpc.take(message)
        except Exception as problem:  # a wrong shape must cost one message, not the session
            self._host.emit(
                "notice",
                level="error",
                text="A message of the CLI could not be understood: %r" % problem,
                raw=message,
            )
            if "method" in message and message.get("id") is not None:
                self._rpc.refuse(message["id"], INVALID_PARAMS, "it could not be read")

    def _stray(self, message: Dict[str, Any]) -> None:
        self._unknown("The CLI answered what nobody asked.", message)

    def _notified(self, method: str, params: Dict[str, Any], message: Dict[str, Any]) -> None:
        if method == "session/update":
            update = obj(params.get("update"))
            if not self._prompted:
                output = self._content.is_output(update)
                if self._replaying and self._content.is_history(update):
                    if self._settled is not None:
                        self._settle()
                    return
                if output:
                    self._unasked()
            self._content.update(update)
        elif method == "$/cancel_request":
            self._requests.cancelled(params.get("requestId"))
        elif not method.startswith("_"):  # a leading underscore marks an agent's extension
            self._unknown("Unknown message of the CLI: %s" % clip(method, 80), message)

    def _asked(
        self, native: Any, method: str, params: Dict[str, Any], message: Dict[str, Any]
    ) -> None:
        if method in ("session/request_permission", "elicitation/create") and self._turn is None:
            self._unasked()
        if method == "session/request_permission":
            if self._interrupted:  # asked while our interrupt was under way
                self._rpc.result(native, {"outcome": {"outcome": "cancelled"}})
            else:
                self._requests.permission(native, params)
            return
        if method == "elicitation/create" and not self._interrupted:
            if self._requests.form(native, params):
                return
            self._rpc.result(native, {"action": "cancel"})
            self._unknown("The CLI asked for a form that cannot be shown.", message)
            return
        self._rpc.refuse(native, METHOD_NOT_FOUND, "Codecast does not offer " + method)
        if not method.startswith("fs/"):  # some write through the client whatever it declared
            self._unknown("The CLI asked for something unknown: %s" % clip(method, 80), message)

    def _unasked(self) -> None:
        """Output outside a prompt's turn: open a turn, and close it when it has been quiet."""
        if self._turn is None:
            self._start_turn([])
        self._hush()
        turn = self._turn

        def quiet() -> None:
            if self._turn == turn and not self._prompted:
                self._end_turn("end_turn")

        self._hush = self._host.after(QUIET, quiet)

    def _unknown(self, text: str, message: Dict[str, Any]) -> None:
        self._host.emit("notice", level="info", text=text, raw=message)

    def _write(self, message: Dict[str, Any]) -> None:
        self._host.send(encode({"jsonrpc": "2.0", **message}))

    def _fail(self, what: str, error: Dict[str, Any]) -> None:
        self._host.failed(acp_problems.failure(self.cli, what, error, self._quirks.login_hint))


def adapter_for(name: str) -> type:
    """AcpAdapter with the name and quirks of `name`."""
    return type("AcpAdapter_" + name, (AcpAdapter,), {"cli": name})


def _nothing() -> None:
    """For timers and continuations that are not there."""
